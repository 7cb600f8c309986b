"""What an item may be answered with, its references and reminders, and refusals: by plain requests."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from exchangelib import Account, CalendarItem, Message, PostItem, Task
from exchangelib.recurrence import DailyPattern, Recurrence
from lxml import etree

from tests.lab.test_exchange_meetings import meeting, message
from tests.plugins.clients import account_of
from tests.plugins.exchange import Exchanges, Office, Person
from tests.plugins.raw import NS, ask, codes, found, texts


@pytest.fixture
def anna(exchanges: Exchanges, office: Office) -> Iterator[tuple[Person, Account]]:
    person = office.alpha("anna")
    yield person, account_of(exchanges.alpha, person)


def create(item: str, disposition: str = 'MessageDisposition="SaveOnly"') -> str:
    return f"<m:CreateItem {disposition}><m:Items>{item}</m:Items></m:CreateItem>"


def respond(name: str, item: str, inside: str = "") -> str:
    return create(f'<t:{name}><t:ReferenceItemId Id="{item}"/>{inside}</t:{name}>')


def update(item: str, path: str, content: str, *, attributes: str = 'MessageDisposition="SaveOnly"') -> str:
    return (
        f'<m:UpdateItem ConflictResolution="AlwaysOverwrite" {attributes}><m:ItemChanges><t:ItemChange>'
        f'<t:ItemId Id="{item}"/><t:Updates><t:SetItemField>{path}<t:Message>{content}</t:Message></t:SetItemField>'
        "</t:Updates></t:ItemChange></m:ItemChanges></m:UpdateItem>"
    )


def objects(exchanges: Exchanges, person: Person, item: str) -> set[str]:
    """The names of an item's response objects."""
    answer = ask(
        exchanges.alpha,
        person,
        "<m:GetItem><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties>"
        '<t:FieldURI FieldURI="item:ResponseObjects"/></t:AdditionalProperties></m:ItemShape><m:ItemIds>'
        f'<t:ItemId Id="{item}"/></m:ItemIds></m:GetItem>',
    )
    assert codes(answer) == ["NoError"]
    return {etree.QName(each).localname for each in answer.iterfind(".//t:ResponseObjects/*", NS)}


REPLY = {"ReplyToItem", "ReplyAllToItem", "ForwardItem"}


def test_items_say_how_they_may_be_answered(exchanges: Exchanges, office: Office, anna: tuple[Person, Account]) -> None:
    person, own = anna
    bert = office.alpha("bert")
    theirs = account_of(exchanges.alpha, bert)
    item = meeting(own, bert.smtp)
    request = message(theirs, "MeetingRequest", subject="Planung")
    assert objects(exchanges, person, item.id) == {"CancelCalendarItem", "ForwardItem"}
    assert objects(exchanges, bert, request.id) == {"AcceptItem", "TentativelyAcceptItem", "DeclineItem"} | REPLY
    draft = Message(account=own, folder=own.drafts, subject="Draft").save()
    assert objects(exchanges, person, draft.id) == set()
    assert objects(exchanges, person, Task(account=own, folder=own.tasks, subject="T").save().id) == {"ForwardItem"}


def test_a_read_receipt_goes_once_and_only_if_it_is_wanted(
    exchanges: Exchanges, office: Office, anna: tuple[Person, Account]
) -> None:
    person, own = anna
    bert = office.alpha("bert")
    theirs = account_of(exchanges.alpha, bert)
    for subject in ("Told", "Untold", "Silent"):
        Message(account=own, subject=subject, to_recipients=[bert.smtp], is_read_receipt_requested=True).send()
    told, untold, silent = (message(theirs, "Message", subject=each) for each in ("Told", "Untold", "Silent"))
    assert objects(exchanges, bert, told.id) == REPLY | {"SuppressReadReceipt"}
    suppress = respond("SuppressReadReceipt", untold.id)
    assert codes(ask(exchanges.alpha, bert, suppress)) == ["NoError"]
    assert codes(ask(exchanges.alpha, bert, suppress)) == ["ErrorReadReceiptNotPending"]
    read, path = "<t:IsRead>true</t:IsRead>", '<t:FieldURI FieldURI="message:IsRead"/>'
    quiet = 'MessageDisposition="SaveOnly" SuppressReadReceipts="true"'
    for item, attributes in ((untold, None), (silent, quiet), (told, None), (told, None)):
        body = update(item.id, path, read, attributes=attributes or 'MessageDisposition="SaveOnly"')
        assert codes(ask(exchanges.alpha, bert, body)) == ["NoError"]
    receipt = message(own, "Message", subject="Read: Told")
    assert receipt.item_class == "REPORT.IPM.Note.IPNRN"
    assert receipt.sender.email_address == bert.smtp
    Message(account=theirs, subject="Afterwards", to_recipients=[person.smtp]).send()
    message(own, "Message", subject="Afterwards")
    assert {each.subject for each in own.inbox.all()} == {"Read: Told", "Afterwards"}


def test_a_post_is_answered_by_a_post(exchanges: Exchanges, anna: tuple[Person, Account]) -> None:
    person, own = anna
    first = PostItem(account=own, folder=own.inbox, subject="Question", body="How?").save()
    body = '<t:NewBodyContent BodyType="Text">So.</t:NewBodyContent>'
    answer = ask(exchanges.alpha, person, respond("PostReplyItem", first.id, body))
    assert codes(answer) == ["NoError"]
    [made] = found(answer, ".//t:PostItem/t:ItemId")
    reply = own.inbox.get(id=made.get("Id"))
    assert (reply.subject, reply.conversation_topic) == ("RE: Question", "Question")
    assert reply.body.startswith("So.") and "How?" in reply.body
    note = Message(account=own, folder=own.drafts, subject="n").save()
    assert codes(ask(exchanges.alpha, person, respond("PostReplyItem", note.id, body))) == ["ErrorInvalidOperation"]


def test_a_reference_is_kept_as_one(exchanges: Exchanges, anna: tuple[Person, Account]) -> None:
    person, own = anna
    item = Message(account=own, folder=own.drafts, subject="s").save()
    place = "https://files.alpha.test/plan.docx"
    add = (
        f'<m:CreateAttachment><m:ParentItemId Id="{item.id}"/><m:Attachments><t:ReferenceAttachment>'
        "<t:Name>plan.docx</t:Name>{}<t:ProviderType>OneDrivePro</t:ProviderType><t:PermissionType>2"
        "</t:PermissionType><t:AttachmentIsFolder>false</t:AttachmentIsFolder></t:ReferenceAttachment></m:Attachments>"
        "</m:CreateAttachment>"
    )
    assert codes(ask(exchanges.alpha, person, add.format(""))) == ["ErrorRequiredPropertyMissing"]
    made = ask(exchanges.alpha, person, add.format(f"<t:AttachLongPathName>{place}</t:AttachLongPathName>"))
    [one] = found(made, ".//t:ReferenceAttachment/t:AttachmentId")
    get = (
        f'<m:GetAttachment><m:AttachmentIds><t:AttachmentId Id="{one.get("Id")}"/></m:AttachmentIds></m:GetAttachment>'
    )
    answer = ask(exchanges.alpha, person, get)
    for name, value in (("AttachLongPathName", place), ("ProviderType", "OneDrivePro"), ("PermissionType", "2")):
        assert texts(answer, f".//t:ReferenceAttachment/t:{name}") == [value]


def test_reminders_are_put_off_and_dismissed(exchanges: Exchanges, anna: tuple[Person, Account]) -> None:
    person, own = anna
    start = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(days=2)

    def act(kind: str, item: str, when: datetime | None = None) -> etree._Element:
        new = "" if when is None else f"<t:NewReminderTime>{when:%Y-%m-%dT%H:%M:%SZ}</t:NewReminderTime>"
        return ask(
            exchanges.alpha,
            person,
            f"<m:PerformReminderAction><m:ReminderItemActions><t:ReminderItemAction><t:ActionType>{kind}</t:ActionType>"
            f'<t:ItemId Id="{item}"/>{new}</t:ReminderItemAction></m:ReminderItemActions></m:PerformReminderAction>',
        )

    def reminders() -> list[tuple[str, str, str]]:
        answer = ask(exchanges.alpha, person, "<m:GetReminders><m:MaxItems>50</m:MaxItems></m:GetReminders>")
        return [
            (texts(each, "t:Subject")[0], texts(each, "t:ReminderTime")[0], found(each, "t:ItemId")[0].get("Id", ""))
            for each in found(answer, ".//t:Reminder")
        ]

    def at(when: datetime) -> str:
        return f"{when:%Y-%m-%dT%H:%M:%SZ}"

    def appointment(subject: str, **more: Recurrence) -> CalendarItem:
        times = {"start": start, "end": start + timedelta(hours=1)}
        return CalendarItem(
            account=own,
            folder=own.calendar,
            subject=subject,
            reminder_is_set=True,
            reminder_minutes_before_start=15,
            **times,
            **more,
        ).save()

    quarter, day = timedelta(minutes=15), timedelta(days=1)
    one = appointment("One")
    assert [each[:2] for each in reminders()] == [("One", at(start - quarter))]
    later = start - timedelta(minutes=5)
    assert codes(act("Snooze", one.id, later)) == ["NoError"]
    assert [each[:2] for each in reminders()] == [("One", at(later))]
    assert codes(act("Dismiss", one.id)) == ["NoError"]
    assert reminders() == []
    appointment("Daily", recurrence=Recurrence(pattern=DailyPattern(interval=1), start=start.date(), number=3))
    daily = [start - quarter + day * n for n in range(3)]
    assert [each[1] for each in reminders()] == [at(each) for each in daily]
    assert codes(act("Dismiss", reminders()[0][2])) == ["NoError"]
    assert [each[1] for each in reminders()] == [at(each) for each in daily[1:]]
    assert codes(act("Snooze", reminders()[0][2], daily[1] + timedelta(minutes=7))) == ["NoError"]
    assert [each[1] for each in reminders()] == [at(daily[1] + timedelta(minutes=7)), at(daily[2])]
    assert codes(act("Snooze", one.id)) == ["ErrorInvalidRequest"]


def test_updates_that_cannot_be_meant_are_refused(exchanges: Exchanges, anna: tuple[Person, Account]) -> None:
    person, own = anna
    item = Message(account=own, folder=own.drafts, subject="s", to_recipients=[person.smtp]).save()
    task = Task(account=own, folder=own.tasks, subject="T").save()
    subject = '<t:FieldURI FieldURI="item:Subject"/>'
    tag = '<t:ExtendedFieldURI PropertyTag="0x{}" PropertyType="String"/>'.format
    appointment = (
        "<t:CalendarItem><t:Subject>x</t:Subject><t:Start>2030-01-01T10:00:00Z</t:Start><t:End>{}</t:End>"
        "</t:CalendarItem>"
    ).format
    nobody = 'SendMeetingInvitations="SendToNone"'
    for body, code in (
        (update(item.id, subject, "<t:Sensitivity>Private</t:Sensitivity>"), "ErrorUpdatePropertyMismatch"),
        (
            update(
                item.id,
                tag("1035"),
                f"<t:ExtendedProperty>{tag('1042')}<t:Value>x</t:Value></t:ExtendedProperty>",
            ),
            "ErrorUpdatePropertyMismatch",
        ),
        (update(item.id, subject, "<t:Subject>n</t:Subject>", attributes=""), "ErrorMessageDispositionRequired"),
        (
            f'<m:DeleteItem DeleteType="HardDelete"><m:ItemIds><t:ItemId Id="{task.id}"/></m:ItemIds></m:DeleteItem>',
            "ErrorAffectedTaskOccurrencesRequired",
        ),
        (create(appointment("2030-01-01T09:00:00Z"), nobody), "ErrorCalendarEndDateIsEarlierThanStartDate"),
        (create(appointment("2036-01-01T09:00:00Z"), nobody), "ErrorCalendarDurationIsTooLong"),
    ):
        assert codes(ask(exchanges.alpha, person, body)) == [code]
    only = 'MessageDisposition="SendOnly"'
    assert codes(ask(exchanges.alpha, person, update(item.id, subject, "<t:Subject>Gone</t:Subject>", attributes=only)))
    message(own, "Message", subject="Gone")
    assert own.drafts.all().count() == own.sent.all().count() == 0


def test_content_is_replaced(exchanges: Exchanges, anna: tuple[Person, Account]) -> None:
    person, own = anna
    item = Message(account=own, folder=own.drafts, subject="Before", body="before", categories=["Blue"]).save()
    new = b"From: a@elsewhere.test\r\nTo: b@elsewhere.test\r\nSubject: After\r\n\r\nafter\r\n"
    content = f"<t:MimeContent>{base64.b64encode(new).decode()}</t:MimeContent>"
    body = update(item.id, '<t:FieldURI FieldURI="item:MimeContent"/>', content)
    assert codes(ask(exchanges.alpha, person, body)) == ["NoError"]
    read = own.drafts.get(id=item.id)
    assert (read.subject, read.body.strip(), read.categories) == ("After", "after", ["Blue"])
    assert [each.email_address for each in read.to_recipients] == ["b@elsewhere.test"]
