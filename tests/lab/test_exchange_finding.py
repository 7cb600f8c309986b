"""FindItem and FindFolder: views, groups, sort orders, restrictions and queries."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from exchangelib import (
    UTC,
    Account,
    CalendarItem,
    Contact,
    EWSDateTime,
    FileAttachment,
    HTMLBody,
    Mailbox,
    Message,
    Task,
)
from exchangelib.folders import Folder

from tests.plugins.clients import account_of
from tests.plugins.exchange import Exchange, Exchanges, Person
from tests.plugins.raw import ask, codes, found, texts

COLOURS = ("red", "green", "blue")
NUMBER = '<t:ExtendedFieldURI PropertySetId="c11ff724-aa03-4555-9952-8fa248a11c3e" PropertyId="100" PropertyType="{}"/>'


@dataclass
class Desk:
    """A person with a folder of twelve messages, and some of everything else."""

    exchange: Exchange
    person: Person
    account: Account
    folder: Folder

    def find(self, *, where: str = "", view: str = "", folder: str = "", more: str = "", traversal: str = "Shallow"):  # type: ignore[no-untyped-def]
        """The answer to a FindItem for subjects."""
        place = folder or f'<t:FolderId Id="{self.folder.id}"/>'
        return ask(
            self.exchange,
            self.person,
            f'<m:FindItem Traversal="{traversal}"><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape>'
            '<t:AdditionalProperties><t:FieldURI FieldURI="item:Subject"/></t:AdditionalProperties></m:ItemShape>'
            f"{view}{where}<m:ParentFolderIds>{place}</m:ParentFolderIds>{more}</m:FindItem>",
        )

    def subjects(self, restriction: str = "", **more: str) -> list[str]:
        """The subjects of what a restriction finds."""
        where = f"<m:Restriction>{restriction}</m:Restriction>" if restriction else ""
        answer = self.find(where=where, **more)
        assert set(codes(answer)) == {"NoError"}, codes(answer)
        return texts(answer, ".//t:Subject")

    def query(self, query: str) -> set[str]:
        """The numbers in the subjects of what a query in words finds."""
        escaped = query.replace("&", "&amp;").replace("<", "&lt;")
        found = self.subjects(more=f"<m:QueryString>{escaped}</m:QueryString>")
        return {subject.rpartition(" ")[2] for subject in found}


@pytest.fixture(scope="module")
def desk(exchanges: Exchanges, forests: object) -> Desk:
    organisation = exchanges.alpha.organisation
    person = exchanges.alpha.hire(organisation.people_ou, "finder")
    account = account_of(exchanges.alpha, person)
    folder = Folder(parent=account.inbox, name="Found").save()
    for number in range(12):
        message = Message(
            account=account,
            folder=folder,
            subject=f"{COLOURS[number % 3]} report {number:02}",
            body=HTMLBody(f"<p>The <b>price</b> is {number} crêpes</p>") if number % 2 else f"quarterly {number}",
            categories=["Even"] if number % 2 == 0 else ["Odd", "Ärger"],
            importance="High" if number < 3 else "Normal",
            is_read=number % 4 == 0,
            to_recipients=[Mailbox(name="Hope Gross", email_address="hope@elsewhere.test")] if number == 5 else [],
            cc_recipients=["team@elsewhere.test"] if number == 6 else [],
            author=Mailbox(name="Sadie Daniels", email_address="sadie@elsewhere.test") if number == 7 else None,
        )
        if number == 8:
            message.attach(FileAttachment(name="figures 2025.xlsx", content=b"x" * 5000))
        message.save()
    return Desk(exchanges.alpha, person, account, folder)


def constant(uri: str, operator: str, value: str) -> str:
    return (
        f'<t:{operator}><t:FieldURI FieldURI="{uri}"/><t:FieldURIOrConstant><t:Constant Value="{value}"/>'
        f"</t:FieldURIOrConstant></t:{operator}>"
    )


def contains(uri: str, value: str, mode: str, comparison: str = "IgnoreCase") -> str:
    return (
        f'<t:Contains ContainmentMode="{mode}" ContainmentComparison="{comparison}"><t:FieldURI FieldURI="{uri}"/>'
        f'<t:Constant Value="{value}"/></t:Contains>'
    )


BY_SUBJECT = '<m:SortOrder><t:FieldOrder Order="{}"><t:FieldURI FieldURI="item:Subject"/></t:FieldOrder></m:SortOrder>'
ALL = [
    f"{colour} report {number:02}"
    for colour in sorted(COLOURS)
    for number in range(12)
    if COLOURS[number % 3] == colour
]


def test_pages_by_position_from_both_ends(desk: Desk) -> None:
    order = BY_SUBJECT.format("Ascending")
    view = '<m:IndexedPageItemView MaxEntriesReturned="5" Offset="{}" BasePoint="{}"/>'
    answer = desk.find(view=view.format(10, "Beginning"), where=order)
    (root,) = found(answer, ".//m:RootFolder")
    shown = [root.get(name) for name in ("IndexedPagingOffset", "TotalItemsInView", "IncludesLastItemInRange")]
    assert shown == ["12", "12", "true"]
    assert texts(root, ".//t:Subject") == ALL[10:]
    answer = desk.find(view=view.format(3, "End"), where=order)
    assert texts(answer, ".//t:Subject") == ALL[4:9]
    assert found(answer, ".//m:RootFolder")[0].get("IncludesLastItemInRange") == "false"
    assert codes(desk.find(view=view.format(0, "Beginning").replace('"5"', '"0"'))) == ["ErrorInvalidPagingMaxRows"]


def test_pages_by_fraction(desk: Desk) -> None:
    view = '<m:FractionalPageItemView MaxEntriesReturned="4" Numerator="1" Denominator="2"/>'
    answer = desk.find(view=view, where=BY_SUBJECT.format("Ascending"))
    (root,) = found(answer, ".//m:RootFolder")
    assert (root.get("NumeratorOffset"), root.get("AbsoluteDenominator")) == ("10", "12")
    assert texts(root, ".//t:Subject") == ALL[6:10]


@pytest.mark.parametrize(
    ("base", "expected"), [("Beginning", slice(4, 7)), ("End", slice(5, 8))], ids=["forwards", "backwards"]
)
def test_pages_from_what_meets_a_condition(desk: Desk, base: str, expected: slice) -> None:
    view = (
        f'<m:SeekToConditionPageItemView MaxEntriesReturned="3" BasePoint="{base}"><t:Condition>'
        f"{contains('item:Subject', 'green', 'Prefixed')}</t:Condition></m:SeekToConditionPageItemView>"
    )
    answer = desk.find(view=view, where=BY_SUBJECT.format("Ascending"))
    assert texts(answer, ".//t:Subject") == ALL[expected]
    nothing = view.replace("green", "violet")
    assert texts(desk.find(view=nothing, where=BY_SUBJECT.format("Ascending")), ".//t:Subject") == []


def test_items_are_sorted_by_any_property(desk: Desk, exchanges: Exchanges) -> None:
    account = desk.account
    folder = Folder(parent=account.inbox, name="Numbers").save()
    for number in (3, 1, 2):
        node = (
            f"<t:Message><t:Subject>{number}</t:Subject><t:ExtendedProperty>{NUMBER.format('Integer')}"
            f"<t:Value>{number * 100}</t:Value></t:ExtendedProperty></t:Message>"
        )
        answer = ask(
            desk.exchange,
            desk.person,
            f'<m:CreateItem MessageDisposition="SaveOnly"><m:SavedItemFolderId><t:FolderId Id="{folder.id}"/>'
            f"</m:SavedItemFolderId><m:Items>{node}</m:Items></m:CreateItem>",
        )
        assert codes(answer) == ["NoError"]
    place = f'<t:FolderId Id="{folder.id}"/>'
    for direction, expected in (("Ascending", ["1", "2", "3"]), ("Descending", ["3", "2", "1"])):
        order = (
            f'<m:SortOrder><t:FieldOrder Order="{direction}">{NUMBER.format("Integer")}</t:FieldOrder></m:SortOrder>'
        )
        assert texts(desk.find(where=order, folder=place), ".//t:Subject") == expected
    wrong = BY_SUBJECT.format("Ascending").replace("item:Subject", "item:InternetMessageHeaders")
    assert codes(desk.find(where=wrong)) == ["ErrorUnsupportedPathForSortGroup"]


GROUPS = (
    '<m:GroupBy Order="{}"><t:FieldURI FieldURI="item:Importance"/>'
    '<t:AggregateOn Aggregate="{}"><t:FieldURI FieldURI="item:Subject"/></t:AggregateOn></m:GroupBy>'
)


@pytest.mark.parametrize(
    ("order", "aggregate"), list(itertools.product(("Ascending", "Descending"), ("Minimum", "Maximum")))
)
def test_items_come_in_groups(desk: Desk, order: str, aggregate: str) -> None:
    answer = desk.find(where=GROUPS.format(order, aggregate) + BY_SUBJECT.format("Descending"))
    groups = {
        texts(each, "t:GroupIndex")[0]: texts(each, ".//t:Subject") for each in found(answer, ".//t:GroupedItems")
    }
    high, normal = [each for each in ALL if int(each[-2:]) < 3], [each for each in ALL if int(each[-2:]) > 2]
    assert groups == {"High": high[::-1], "Normal": normal[::-1]}
    ends = {"High": high, "Normal": normal}
    choose = max if aggregate == "Maximum" else min
    expected = sorted(ends, key=lambda name: choose(ends[name]), reverse=order == "Descending")
    assert list(groups) == expected
    view = '<m:IndexedPageItemView MaxEntriesReturned="2" Offset="2" BasePoint="Beginning"/>'
    paged = desk.find(view=view, where=GROUPS.format(order, aggregate) + BY_SUBJECT.format("Descending"))
    assert texts(paged, ".//t:Subject") == [subject for name in expected for subject in groups[name]][2:4]


def test_conversations_are_groups(desk: Desk) -> None:
    account = desk.account
    folder = Folder(parent=account.inbox, name="Talks").save()
    for subject in ("Lunch", "RE: Lunch", "Dinner"):
        Message(account=account, folder=folder, subject=subject).save()
    grouping = (
        '<m:DistinguishedGroupBy Order="Ascending"><t:StandardGroupBy>ConversationTopic</t:StandardGroupBy>'
        "</m:DistinguishedGroupBy>"
    )
    answer = desk.find(where=grouping, folder=f'<t:FolderId Id="{folder.id}"/>')
    groups = {
        texts(each, "t:GroupIndex")[0]: set(texts(each, ".//t:Subject")) for each in found(answer, ".//t:GroupedItems")
    }
    assert groups == {"Lunch": {"Lunch", "RE: Lunch"}, "Dinner": {"Dinner"}}
    empty = desk.find(where=grouping, folder='<t:DistinguishedFolderId Id="notes"/>')
    assert len(found(empty, ".//t:Groups")) == 1


@pytest.mark.parametrize(
    ("mode", "comparison", "text", "count"),
    [
        ("FullString", "IgnoreCase", "RED REPORT 00", 1),
        ("FullString", "Exact", "RED REPORT 00", 0),
        ("Prefixed", "IgnoreCase", "Red rep", 4),
        ("Substring", "IgnoreCase", "port 1", 2),
        ("PrefixOnWords", "IgnoreCase", "rep", 12),
        ("PrefixOnWords", "IgnoreCase", "port", 0),
        ("ExactPhrase", "IgnoreCase", "report 03", 1),
        ("ExactPhrase", "IgnoreCase", "report 0", 0),
        ("Substring", "IgnoreCaseAndNonSpacingCharacters", "RÉPORT 0", 10),
        ("Substring", "IgnoreNonSpacingCharacters", "réport 0", 10),
        ("Substring", "IgnoreNonSpacingCharacters", "RÉPORT 0", 0),
        ("Substring", "Loose", "Réport 0", 10),
    ],
)
def test_texts_are_searched_in_every_mode(desk: Desk, mode: str, comparison: str, text: str, count: int) -> None:
    assert len(desk.subjects(contains("item:Subject", text, mode, comparison))) == count


def test_restrictions_of_every_kind(desk: Desk) -> None:
    body = contains("item:Body", "price", "Substring")
    assert len(desk.subjects(body)) == 6
    assert len(desk.subjects(contains("item:Categories", "ärger", "FullString"))) == 6
    exists = '<t:Exists><t:FieldURI FieldURI="item:Categories"/></t:Exists>'
    assert len(desk.subjects(exists)) == 12
    assert desk.subjects(f"<t:Not>{exists}</t:Not>") == []
    flags = (
        '<t:Excludes><t:ExtendedFieldURI PropertyTag="0x0E07" PropertyType="Integer"/>'
        '<t:Bitmask Value="0x1"/></t:Excludes>'
    )
    assert len(desk.subjects(flags)) == 9
    same = (
        '<t:IsEqualTo><t:FieldURI FieldURI="item:Subject"/><t:FieldURIOrConstant>'
        '<t:FieldURI FieldURI="message:ConversationTopic"/></t:FieldURIOrConstant></t:IsEqualTo>'
    )
    assert len(desk.subjects(same)) == 12
    parts = constant("message:IsRead", "IsEqualTo", "true"), constant("item:Importance", "IsEqualTo", "High")
    assert desk.subjects(f"<t:And>{''.join(parts)}</t:And>") == ["red report 00"]
    later = constant("item:Subject", "IsGreaterThanOrEqualTo", "red report 06")
    assert sorted(desk.subjects(later)) == ["red report 06", "red report 09"]
    assert desk.subjects(constant("item:HasAttachments", "IsEqualTo", "true")) == ["blue report 08"]
    assert desk.subjects(constant("item:Size", "IsGreaterThan", "5000")) == ["blue report 08"]
    for wrong, code in (
        (constant("item:InternetMessageHeaders", "IsEqualTo", "x"), "ErrorUnsupportedPathForQuery"),
        (contains("item:DateTimeReceived", "x", "Substring"), "ErrorContainsFilterWrongType"),
        (
            flags.replace('0x0E07" PropertyType="Integer"', '0x0037" PropertyType="String"'),
            "ErrorInvalidExcludesRestriction",
        ),
        (constant("item:Size", "IsEqualTo", "many"), "ErrorInvalidValueForProperty"),
    ):
        answer = desk.find(where=f"<m:Restriction>{wrong}</m:Restriction>")
        assert codes(answer) == [code]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("subject:rep", set(range(12))),
        ('subject:"rep"', set()),
        ('subject:"blue report"', {2, 5, 8, 11}),
        ("subject:report blue", {2, 5, 8, 11}),
        ("green", {1, 4, 7, 10}),
        ("body:price", {1, 3, 5, 7, 9, 11}),
        ("body:crepes subject:green", {1, 7}),
        ("from:sadie", {7}),
        ('to:"Hope Gross"', {5}),
        ("cc:team", {6}),
        ("participants:hope", {5}),
        ("attachment:figures", {8}),
        ("hasattachment:true", {8}),
        ("category:even importance:high", {0, 2}),
        ("isread:false importance:high", {1, 2}),
        ("from:sadie OR to:hope", {5, 7}),
        ("(subject:red OR subject:green) AND NOT body:price", {0, 4, 6, 10}),
        ("red -body:price", {0, 6}),
        ("kind:email", set(range(12))),
        ("kind:meetings", set()),
        ("size:>5000", {8}),
        ("nothing:here", set()),
    ],
)
def test_queries_in_words(desk: Desk, query: str, expected: set[int]) -> None:
    assert desk.query(query) == {f"{number:02}" for number in expected}


def test_queries_by_day(desk: Desk) -> None:
    account = desk.account
    folder = Folder(parent=account.inbox, name="Days").save()
    now = datetime.now(tz=UTC)
    for ago in (0, 1, 400):
        ask(
            desk.exchange,
            desk.person,
            f'<m:CreateItem MessageDisposition="SaveOnly"><m:SavedItemFolderId><t:FolderId Id="{folder.id}"/>'
            f"</m:SavedItemFolderId><m:Items><t:Message><t:Subject>{ago}</t:Subject>"
            '<t:ExtendedProperty><t:ExtendedFieldURI PropertyTag="0x0E06" PropertyType="SystemTime"/>'
            f"<t:Value>{now - timedelta(days=ago):%Y-%m-%dT%H:%M:%SZ}</t:Value></t:ExtendedProperty>"
            "</t:Message></m:Items></m:CreateItem>",
        )
    place = f'<t:FolderId Id="{folder.id}"/>'

    def days(query: str) -> set[str]:
        return set(desk.subjects(folder=place, more=f"<m:QueryString>{query}</m:QueryString>"))

    old = now - timedelta(days=400)
    assert days("received:today") == {"0"}
    assert days("received:yesterday") == {"1"}
    assert days(f"received:{old:%Y-%m-%d}") == {"400"}
    assert days(f"received:{old:%m/%d/%Y}..{old + timedelta(days=2):%m/%d/%Y}") == {"400"}
    assert days(f"received:&gt;{old:%Y-%m-%d}") == {"0", "1"}
    assert days("received:&lt;today") == {"1", "400"}
    assert days("received:this year NOT received:today") <= {"1"}
    wrong = desk.find(folder=place, more="<m:QueryString>received:someday</m:QueryString>")
    assert codes(wrong) == ["ErrorInvalidValueForProperty"]


def test_a_query_excludes_a_restriction(desk: Desk) -> None:
    restriction = f"<m:Restriction>{constant('message:IsRead', 'IsEqualTo', 'true')}</m:Restriction>"
    assert codes(desk.find(where=restriction, more="<m:QueryString>x</m:QueryString>")) == ["ErrorInvalidOperation"]


def test_contacts_between_two_names(desk: Desk) -> None:
    account = desk.account
    for name in ("Anton", "Berta", "Cäsar", "Dora", "Emil"):
        Contact(account=account, folder=account.contacts, display_name=name, subject=name).save()
    place = '<t:DistinguishedFolderId Id="contacts"/>'
    view = '<m:ContactsView InitialName="b" FinalName="D"/>'
    assert desk.subjects(view=view, folder=place) == ["Berta", "Cäsar", "Dora"]
    first = '<m:ContactsView MaxEntriesReturned="2" InitialName="b"/>'
    assert desk.subjects(view=first, folder=place) == ["Berta", "Cäsar"]


def test_calendar_views_have_their_limits(desk: Desk) -> None:
    account = desk.account
    start = EWSDateTime(2031, 3, 1, 9, tzinfo=UTC)
    for number in range(3):
        CalendarItem(
            account=account,
            folder=account.calendar,
            subject=f"{number}",
            start=start + timedelta(hours=number),
            end=start + timedelta(hours=number + 1),
        ).save()
    day = account.calendar.view(start=start, end=start + timedelta(days=1))
    assert [each.subject for each in day] == ["0", "1", "2"]
    short = account.calendar.view(start=start, end=start + timedelta(days=1), max_items=2)
    assert [each.subject for each in short] == ["0", "1"]
    place = '<t:DistinguishedFolderId Id="calendar"/>'
    long = '<m:CalendarView StartDate="2030-01-01T00:00:00Z" EndDate="2033-01-01T00:00:00Z"/>'
    assert codes(desk.find(view=long, folder=place)) == ["ErrorCalendarViewRangeTooBig"]
    assert codes(desk.find(view=long.replace("2033", "2031"))) == ["ErrorCalendarFolderIsInvalidForCalendarView"]
    sorted_ = desk.find(view=long.replace("2033", "2031"), folder=place, where=BY_SUBJECT.format("Ascending"))
    assert codes(sorted_) == ["ErrorInvalidOperation"]


def test_what_is_associated_or_soft_deleted(desk: Desk) -> None:
    assert desk.subjects(traversal="SoftDeleted") == []
    assert desk.subjects(traversal="Associated") == []
    task = Task(account=desk.account, folder=desk.account.tasks, subject="Do").save()
    assert [each.id for each in desk.account.tasks.filter(subject="Do")] == [task.id]


def test_folders_are_found_deep_paged_and_restricted(desk: Desk) -> None:
    top = Folder(parent=desk.account.msg_folder_root, name="Tree").save()
    for name in ("One", "Two", "Three"):
        below = Folder(parent=top, name=name).save()
        Folder(parent=below, name=f"Under {name}").save()

    def folders(traversal: str, inside: str = "") -> list[str]:
        answer = ask(
            desk.exchange,
            desk.person,
            f'<m:FindFolder Traversal="{traversal}"><m:FolderShape><t:BaseShape>Default</t:BaseShape></m:FolderShape>'
            f'{inside}<m:ParentFolderIds><t:FolderId Id="{top.id}"/></m:ParentFolderIds></m:FindFolder>',
        )
        assert codes(answer) == ["NoError"]
        return texts(answer, ".//t:DisplayName")

    assert folders("Shallow") == ["One", "Three", "Two"]
    assert len(folders("Deep")) == 6
    assert folders("SoftDeleted") == []
    page = '<m:IndexedPageFolderView MaxEntriesReturned="2" Offset="1" BasePoint="Beginning"/>'
    assert folders("Shallow", page) == ["Three", "Two"]
    under = f"<m:Restriction>{contains('folder:DisplayName', 'under t', 'Prefixed')}</m:Restriction>"
    assert sorted(folders("Deep", under)) == ["Under Three", "Under Two"]
    parents = f"<m:Restriction>{constant('folder:ChildFolderCount', 'IsGreaterThan', '0')}</m:Restriction>"
    assert len(folders("Deep", parents)) == 3
