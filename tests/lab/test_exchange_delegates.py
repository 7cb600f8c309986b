"""Delegates: who they are, what they may do, and whose meeting requests they get."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from exchangelib import Account, CalendarItem, EWSDateTime, EWSTimeZone, Mailbox, Message
from exchangelib.errors import ErrorSendAsDenied
from isthmus_lab.ews import NS, Client, EwsError, M, T
from lxml import etree

from tests.plugins.clients import account_of
from tests.plugins.exchange import Exchange, Exchanges, Office, Person
from tests.plugins.forests import found
from tests.waiting import eventually

Element = etree._Element
BERLIN = EWSTimeZone("Europe/Berlin")
START = EWSDateTime(2030, 5, 6, 8, 0, tzinfo=BERLIN)


@asynccontextmanager
async def client_of(exchange: Exchange, person: Person) -> AsyncIterator[Client]:
    async with Client(exchange.ews, exchange.authority, person.principal, person.password) as client:
        yield client


def delegate(person: Person, *, copies: bool = True, private: bool = False, **levels: str) -> Element:
    permissions = T.DelegatePermissions(*(T(f"{role}FolderPermissionLevel", level) for role, level in levels.items()))
    node: Element = T.DelegateUser(
        T.UserId(T.PrimarySmtpAddress(person.smtp)),
        permissions,
        T.ReceiveCopiesOfMeetingMessages(str(copies).lower()),
        T.ViewPrivateItems(str(private).lower()),
    )
    return node


async def ask(client: Client, operation: str, owner: Person, *content: Element, **attributes: str) -> list[str]:
    """The response codes, one for each delegate."""
    request = M(operation, M.Mailbox(T.EmailAddress(owner.smtp)), *content, **attributes)
    answer = await client.call(request)
    assert answer.get("ResponseClass") == "Success", etree.tostring(answer)
    return [each.findtext("m:ResponseCode", "", NS) for each in answer.findall("m:ResponseMessages/*", NS)]


async def delivery(client: Client, owner: Person) -> str:
    answer = await client.call(M.GetDelegate(M.Mailbox(T.EmailAddress(owner.smtp)), IncludePermissions="false"))
    return answer.findtext("m:DeliverMeetingRequests", "", NS)


async def test_delegates_are_added_changed_and_removed(exchanges: Exchanges, office: Office) -> None:
    anna, bert, carl = (office.alpha(each) for each in ("anna", "bert", "carl"))
    account = account_of(exchanges.alpha, anna)
    async with client_of(exchanges.alpha, anna) as client:
        assert account.delegates == []
        new = M.DelegateUsers(
            delegate(bert, Calendar="Editor", Tasks="Author", Inbox="Reviewer"),
            delegate(carl, copies=False, private=True),
        )
        request = M.DeliverMeetingRequests("DelegatesAndMe")
        assert await ask(client, "AddDelegate", anna, new, request) == ["NoError", "NoError"]
        first, second = account.delegates
        levels = first.delegate_permissions
        assert first.user_id.primary_smtp_address == bert.smtp
        assert (levels.calendar_folder_permission_level, levels.tasks_folder_permission_level) == ("Editor", "Author")
        assert (levels.inbox_folder_permission_level, levels.notes_folder_permission_level) == ("Reviewer", "None")
        assert (first.receive_copies_of_meeting_messages, first.view_private_items) == (True, False)
        assert (second.receive_copies_of_meeting_messages, second.view_private_items) == (False, True)
        assert await delivery(client, anna) == "DelegatesAndMe"
        with exchanges.alpha.forest.connect() as connection:
            ((_, attributes),) = found(connection, anna.dn, "(objectClass=user)", "publicDelegates").items()
            assert {each.decode() for each in attributes["publicDelegates"]} == {bert.dn, carl.dn}

        changed = M.DelegateUsers(delegate(bert, private=True, Calendar="Reviewer", Tasks="None"))
        assert await ask(client, "UpdateDelegate", anna, changed, M.DeliverMeetingRequests("NoForward")) == ["NoError"]
        levels = {each.user_id.primary_smtp_address: each for each in account.delegates}[bert.smtp].delegate_permissions
        assert (levels.calendar_folder_permission_level, levels.tasks_folder_permission_level) == ("Reviewer", "None")
        assert levels.inbox_folder_permission_level == "Reviewer"
        assert await delivery(client, anna) == "NoForward"

        gone = M.UserIds(T.UserId(T.PrimarySmtpAddress(bert.smtp)))
        assert await ask(client, "RemoveDelegate", anna, gone) == ["NoError"]
        assert [each.user_id.primary_smtp_address for each in account.delegates] == [carl.smtp]


async def test_what_cannot_be_done_is_said_of_each(exchanges: Exchanges, office: Office) -> None:
    anna, bert, carl = (office.alpha(each) for each in ("anna", "bert", "carl"))
    async with client_of(exchanges.alpha, anna) as client:
        nobody = T.DelegateUser(T.UserId(T.PrimarySmtpAddress("nobody@alpha.test")))
        new = M.DelegateUsers(delegate(bert), delegate(bert), delegate(anna), nobody)
        assert await ask(client, "AddDelegate", anna, new) == [
            "NoError",
            "ErrorDelegateAlreadyExists",
            "ErrorDelegateCannotAddOwner",
            "ErrorDelegateNoUser",
        ]
        user = M.UserIds(T.UserId(T.PrimarySmtpAddress(carl.smtp)))
        assert await ask(client, "RemoveDelegate", anna, user) == ["ErrorNotDelegate"]
        assert await ask(client, "GetDelegate", anna, user, IncludePermissions="true") == ["ErrorNotDelegate"]
        custom = M.DelegateUsers(delegate(bert, Calendar="Custom"))
        assert await ask(client, "UpdateDelegate", anna, custom) == ["ErrorInvalidDelegatePermission"]
    async with client_of(exchanges.alpha, carl) as client:
        with pytest.raises(EwsError, match="ErrorAccessDenied"):
            await ask(client, "GetDelegate", anna, IncludePermissions="true")


async def calendar_of(client: Client, owner: Person) -> list[str]:
    place = T.DistinguishedFolderId(T.Mailbox(T.EmailAddress(owner.smtp)), Id="calendar")
    shape = M.ItemShape(T.BaseShape("IdOnly"), T.AdditionalProperties(T.FieldURI(FieldURI="item:Subject")))
    answer = await client.one(M.FindItem(shape, M.ParentFolderIds(place), Traversal="Shallow"))
    return sorted(each.text or "" for each in answer.findall(".//t:Subject", NS))


async def test_private_items_are_for_those_who_may_see_them(exchanges: Exchanges, office: Office) -> None:
    anna, bert, carl = (office.alpha(each) for each in ("anna", "bert", "carl"))
    account = account_of(exchanges.alpha, anna)
    for subject, sensitivity in (("Sitzung", "Normal"), ("Arzt", "Private")):
        CalendarItem(
            account=account,
            folder=account.calendar,
            subject=subject,
            sensitivity=sensitivity,
            start=START,
            end=START + timedelta(hours=1),
        ).save()
    async with client_of(exchanges.alpha, anna) as client:
        new = M.DelegateUsers(delegate(bert, private=True, Calendar="Editor"), delegate(carl, Calendar="Editor"))
        await ask(client, "AddDelegate", anna, new)
    async with client_of(exchanges.alpha, bert) as client:
        assert await calendar_of(client, anna) == ["Arzt", "Sitzung"]
    async with client_of(exchanges.alpha, carl) as client:
        assert await calendar_of(client, anna) == ["Sitzung"]


def requests_in(account: Account) -> list[str]:
    return [each.subject for each in account.inbox.all() if type(each).__name__ == "MeetingRequest"]


def invite(account: Account, person: Person, subject: str) -> None:
    item = CalendarItem(
        account=account,
        folder=account.calendar,
        subject=subject,
        start=START,
        end=START + timedelta(hours=1),
        required_attendees=[person.smtp],
    )
    item.save(send_meeting_invitations="SendToAllAndSaveCopy")


@pytest.mark.parametrize(
    ("wanted", "owner_has", "delegate_has"),
    [
        ("DelegatesOnly", False, True),
        ("DelegatesAndMe", True, True),
        ("DelegatesAndSendInformationToMe", True, True),
        ("NoForward", True, False),
    ],
)
async def test_meeting_requests_go_where_the_owner_wants_them(
    exchanges: Exchanges, office: Office, wanted: str, owner_has: bool, delegate_has: bool
) -> None:
    anna, bert, carl = (office.alpha(each) for each in ("anna", "bert", "carl"))
    async with client_of(exchanges.alpha, anna) as client:
        users = M.DelegateUsers(delegate(bert, Calendar="Editor"))
        await ask(client, "AddDelegate", anna, users, M.DeliverMeetingRequests(wanted))
    own, other, organiser = (account_of(exchanges.alpha, each) for each in (anna, bert, carl))
    invite(organiser, anna, "Planung")
    Message(account=organiser, subject="Post", to_recipients=[anna.smtp]).send()

    async def calendar_has_it() -> bool:
        return bool(own.calendar.all().count() == 1)

    async def mail_has_come() -> bool:
        return bool(own.inbox.filter(subject="Post").count() == 1)

    async def delegate_has_it() -> bool:
        return requests_in(other) == ["Planung"]

    await eventually(calendar_has_it)
    await eventually(mail_has_come)
    if delegate_has:
        await eventually(delegate_has_it)
        (request,) = [each for each in other.inbox.all() if type(each).__name__ == "MeetingRequest"]
        request.refresh()
        assert request.is_delegated
        assert request.received_representing.email_address == anna.smtp
        assert request.organizer.email_address == carl.smtp
    assert requests_in(own) == (["Planung"] if owner_has else [])
    for each in own.inbox.all():
        if type(each).__name__ == "MeetingRequest":
            informs = wanted == "DelegatesAndSendInformationToMe"
            assert each.meeting_request_type == ("PrincipalWantsCopy" if informs else "NewMeetingRequest")
    assert requests_in(other) == (["Planung"] if delegate_has else [])
    assert other.calendar.all().count() == 0


async def test_a_delegate_answers_for_the_owner(exchanges: Exchanges, office: Office) -> None:
    anna, bert, carl = office.alpha("anna"), office.alpha("bert"), office.beta("carl")
    async with client_of(exchanges.alpha, anna) as client:
        users = M.DelegateUsers(delegate(bert, Calendar="Editor"))
        await ask(client, "AddDelegate", anna, users, M.DeliverMeetingRequests("DelegatesOnly"))
    own, other = (account_of(exchanges.alpha, each) for each in (anna, bert))
    organiser = account_of(exchanges.beta, carl)
    invite(organiser, anna, "Planung")

    async def delegate_has_it() -> bool:
        return requests_in(other) == ["Planung"]

    await eventually(delegate_has_it)
    (request,) = [each for each in other.inbox.all() if type(each).__name__ == "MeetingRequest"]
    request.refresh()
    (entry,) = own.calendar.all()
    assert request.associated_calendar_item_id.id == entry.id
    request.accept()
    (entry,) = own.calendar.all()
    assert entry.my_response_type == "Accept"
    assert other.calendar.all().count() == 0

    async def answered() -> bool:
        (item,) = organiser.calendar.all()
        return [each.response_type for each in item.required_attendees] == ["Accept"]

    await eventually(answered)
    (answer,) = organiser.inbox.all()
    assert (answer.author.email_address, answer.sender.email_address) == (anna.smtp, bert.smtp)


async def test_a_delegate_sends_on_behalf(exchanges: Exchanges, office: Office) -> None:
    anna, bert, carl = (office.alpha(each) for each in ("anna", "bert", "carl"))
    own, target = account_of(exchanges.alpha, bert), account_of(exchanges.alpha, carl)
    message = Message(
        account=own, subject="Im Auftrag", author=Mailbox(email_address=anna.smtp), to_recipients=[carl.smtp]
    )
    with pytest.raises(ErrorSendAsDenied):
        message.send()
    async with client_of(exchanges.alpha, anna) as client:
        await ask(client, "AddDelegate", anna, M.DelegateUsers(delegate(bert)))
    message.send()

    async def come() -> bool:
        return bool(target.inbox.filter(subject="Im Auftrag").count() == 1)

    await eventually(come)
    (item,) = target.inbox.all()
    assert (item.author.email_address, item.sender.email_address) == (anna.smtp, bert.smtp)
