"""Requests that change the same item at once: each is answered as if they had come one after the other."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

from exchangelib import CalendarItem, EWSDateTime, EWSTimeZone, FileAttachment, Message
from exchangelib.recurrence import DailyPattern, Recurrence
from lxml import etree

from tests.lab.test_exchange_meetings import meeting, message
from tests.plugins.clients import account_of
from tests.plugins.exchange import Exchange, Exchanges, Office, Person
from tests.plugins.raw import ask, codes

AT_ONCE = 8
START = EWSDateTime(2030, 5, 6, 8, 0, tzinfo=EWSTimeZone("Europe/Berlin"))


def together(exchange: Exchange, person: Person, bodies: Iterable[str]) -> list[etree._Element]:
    """The answers to requests that are sent at the same moment, each over a connection of its own."""
    asked = list(bodies)
    barrier = Barrier(len(asked))

    def one(body: str) -> etree._Element:
        barrier.wait(60)
        return ask(exchange, person, body)

    with ThreadPoolExecutor(len(asked)) as threads:
        return list(threads.map(one, asked))


def update(target: str, change: str, resolution: str = "AlwaysOverwrite") -> str:
    return (
        f'<m:UpdateItem ConflictResolution="{resolution}" MessageDisposition="SaveOnly"'
        ' SendMeetingInvitationsOrCancellations="SendToNone"><m:ItemChanges><t:ItemChange>'
        f"{target}<t:Updates>{change}</t:Updates></t:ItemChange></m:ItemChanges></m:UpdateItem>"
    )


def set_subject(text: str, element: str = "Message") -> str:
    return (
        f'<t:SetItemField><t:FieldURI FieldURI="item:Subject"/><t:{element}><t:Subject>{text}</t:Subject>'
        f"</t:{element}></t:SetItemField>"
    )


def test_what_is_appended_at_once_is_all_there(exchanges: Exchanges, office: Office) -> None:
    anna = office.alpha("anna")
    account = account_of(exchanges.alpha, anna)
    item = Message(account=account, folder=account.drafts, subject="s", body="begin").save()
    change = (
        '<t:AppendToItemField><t:FieldURI FieldURI="item:Body"/><t:Message><t:Body BodyType="Text"> part{}.</t:Body>'
        "</t:Message></t:AppendToItemField>"
    )
    answers = together(
        exchanges.alpha, anna, (update(f'<t:ItemId Id="{item.id}"/>', change.format(n)) for n in range(AT_ONCE))
    )
    assert [codes(each) for each in answers] == [["NoError"]] * AT_ONCE
    assert sorted(re.findall(r"part(\d)", account.drafts.get(id=item.id).body)) == [*map(str, range(AT_ONCE))]


def test_one_of_those_who_saw_the_same_state_changes_it(exchanges: Exchanges, office: Office) -> None:
    anna = office.alpha("anna")
    account = account_of(exchanges.alpha, anna)
    item = Message(account=account, folder=account.drafts, subject="s").save()
    target = f'<t:ItemId Id="{item.id}" ChangeKey="{item.changekey}"/>'
    answers = together(
        exchanges.alpha, anna, (update(target, set_subject(f"by {n}"), "NeverOverwrite") for n in range(AT_ONCE))
    )
    assert Counter(codes(each)[0] for each in answers) == {"NoError": 1, "ErrorIrresolvableConflict": AT_ONCE - 1}


def test_occurrences_changed_at_once_keep_their_changes(exchanges: Exchanges, office: Office) -> None:
    anna = office.alpha("anna")
    account = account_of(exchanges.alpha, anna)
    series = CalendarItem(
        account=account,
        folder=account.calendar,
        subject="Daily",
        start=START,
        end=START + timedelta(hours=1),
        recurrence=Recurrence(pattern=DailyPattern(interval=1), start=START.date(), number=AT_ONCE),
    ).save()
    answers = together(
        exchanges.alpha,
        anna,
        (
            update(
                f'<t:OccurrenceItemId RecurringMasterId="{series.id}" InstanceIndex="{n}"/>',
                set_subject(f"Day {n}", "CalendarItem"),
            )
            for n in range(1, AT_ONCE + 1)
        ),
    )
    assert [codes(each) for each in answers] == [["NoError"]] * AT_ONCE
    seen = account.calendar.view(start=START, end=START + timedelta(days=AT_ONCE))
    assert [each.subject for each in seen] == [f"Day {n}" for n in range(1, AT_ONCE + 1)]


def test_attachments_added_at_once_are_all_there(exchanges: Exchanges, office: Office) -> None:
    anna = office.alpha("anna")
    account = account_of(exchanges.alpha, anna)
    item = Message(account=account, folder=account.drafts, subject="s")
    item.attach(FileAttachment(name="first", content=b"1"))
    item.save()
    add = (
        f'<m:CreateAttachment><m:ParentItemId Id="{item.id}"/><m:Attachments><t:FileAttachment>'
        "<t:Name>file {}</t:Name><t:Content>MQ==</t:Content></t:FileAttachment></m:Attachments></m:CreateAttachment>"
    )
    answers = together(exchanges.alpha, anna, map(add.format, range(AT_ONCE)))
    assert [codes(each) for each in answers] == [["NoError"]] * AT_ONCE
    names = {each.name for each in account.drafts.get(id=item.id).attachments}
    assert names == {"first", *(f"file {n}" for n in range(AT_ONCE))}


def test_a_draft_is_sent_once(exchanges: Exchanges, office: Office) -> None:
    anna, bert = office.alpha("anna"), office.alpha("bert")
    account, theirs = account_of(exchanges.alpha, anna), account_of(exchanges.alpha, bert)
    draft = Message(account=account, folder=account.drafts, subject="Once", to_recipients=[bert.smtp]).save()
    send = (
        f'<m:SendItem SaveItemToFolder="true"><m:ItemIds><t:ItemId Id="{draft.id}" ChangeKey="{draft.changekey}"/>'
        "</m:ItemIds></m:SendItem>"
    )
    answers = together(exchanges.alpha, anna, [send] * AT_ONCE)
    seen = Counter(codes(each)[0] for each in answers)
    assert seen["NoError"] == 1
    assert seen.keys() <= {"NoError", "ErrorItemNotFound", "ErrorStaleObject"}
    Message(account=account, subject="Afterwards", to_recipients=[bert.smtp]).send()
    message(theirs, "Message", subject="Afterwards")
    assert theirs.inbox.filter(subject="Once").count() == 1
    assert account.sent.filter(subject="Once").count() == 1


def test_a_request_is_answered_once(exchanges: Exchanges, office: Office) -> None:
    anna, bert = office.alpha("anna"), office.alpha("bert")
    account, theirs = account_of(exchanges.alpha, anna), account_of(exchanges.alpha, bert)
    meeting(account, bert.smtp)
    request = message(theirs, "MeetingRequest", subject="Planung")
    answer: Callable[[str], str] = (
        '<m:CreateItem MessageDisposition="SendAndSaveCopy"><m:Items><t:{0}Item>'
        f'<t:ReferenceItemId Id="{request.id}"/></t:{{0}}Item></m:Items></m:CreateItem>'
    ).format
    answers = together(exchanges.alpha, bert, map(answer, ["Accept", "Decline"] * 3))
    assert Counter(codes(each)[0] for each in answers) == {"NoError": 1, "ErrorItemNotFound": 5}
    assert theirs.sent.all().count() == 1


def test_a_meeting_is_called_off_once(exchanges: Exchanges, office: Office) -> None:
    anna, bert = office.alpha("anna"), office.alpha("bert")
    account = account_of(exchanges.alpha, anna)
    item = meeting(account, bert.smtp)
    delete = (
        '<m:DeleteItem DeleteType="HardDelete" SendMeetingCancellations="SendToAllAndSaveCopy"><m:ItemIds>'
        f'<t:ItemId Id="{item.id}"/></m:ItemIds></m:DeleteItem>'
    )
    answers = together(exchanges.alpha, anna, [delete] * AT_ONCE)
    assert Counter(codes(each)[0] for each in answers) == {"NoError": 1, "ErrorItemNotFound": AT_ONCE - 1}
    assert account.sent.filter(subject="Canceled: Planung").count() == 1
