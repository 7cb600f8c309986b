"""exchangelib, unmodified, on the lab's Exchange: items of all kinds made, read, changed, found, moved and deleted."""

from __future__ import annotations

from datetime import timedelta

import pytest
from exchangelib import (
    CalendarItem,
    Contact,
    EWSDate,
    EWSDateTime,
    EWSTimeZone,
    ExtendedProperty,
    FileAttachment,
    HTMLBody,
    ItemAttachment,
    Mailbox,
    Message,
    PostItem,
    Q,
    Task,
)
from exchangelib.errors import ErrorAccessDenied, ErrorIrresolvableConflict, ErrorItemNotFound
from exchangelib.indexed_properties import EmailAddress, PhoneNumber, PhysicalAddress
from exchangelib.items import NEVER_OVERWRITE

from tests.plugins.clients import account_of, impersonated
from tests.plugins.exchange import Exchanges, Office

BERLIN = EWSTimeZone("Europe/Berlin")


class SearchKey(ExtendedProperty):  # type: ignore[misc]
    """PidTagSearchKey."""

    property_tag = 0x300B
    property_type = "Binary"


class Mark(ExtendedProperty):  # type: ignore[misc]
    """A property that only this test knows."""

    distinguished_property_set_id = "PublicStrings"
    property_name = "isthmus-test-mark"
    property_type = "String"


class Numbers(ExtendedProperty):  # type: ignore[misc]
    """A property with several values."""

    property_set_id = "c11ff724-aa03-4555-9952-8fa248a11c3e"
    property_id = 0x8765
    property_type = "IntegerArray"


@pytest.fixture(autouse=True, scope="module")
def registered() -> None:
    for name, what in (("search_key", SearchKey), ("mark", Mark), ("numbers", Numbers)):
        if name not in [field.name for field in Message.FIELDS]:
            Message.register(name, what)


def test_a_message_is_saved_read_and_changed(exchanges: Exchanges, office: Office) -> None:
    account = account_of(exchanges.alpha, office.alpha("anna"))
    message = Message(
        account=account,
        folder=account.drafts,
        subject="RE: Grüße — 一月",
        body=HTMLBody("<p>Hello <b>world</b></p>"),
        to_recipients=[Mailbox(name="Someone", email_address="someone@elsewhere.test")],
        cc_recipients=["other@elsewhere.test"],
        categories=["Blue", "Grün"],
        importance="High",
        mark="a\tb <&>",
        numbers=[1, -2, 3],
    ).save()
    read = account.drafts.get(id=message.id)
    assert (read.subject, read.importance, read.is_draft, read.is_read) == ("RE: Grüße — 一月", "High", True, False)
    assert "<b>world</b>" in read.body
    assert read.to_recipients[0].email_address == "someone@elsewhere.test"
    assert read.to_recipients[0].name == "Someone"
    assert read.cc_recipients[0].email_address == "other@elsewhere.test"
    assert read.categories == ["Blue", "Grün"]
    assert (read.mark, read.numbers) == ("a\tb <&>", [1, -2, 3])
    assert len(read.search_key) == 16
    read.subject, read.is_read, read.mark = "Other", True, None
    read.save(update_fields=["subject", "is_read", "mark"])
    again = account.drafts.get(id=message.id)
    assert (again.subject, again.is_read, again.mark) == ("Other", True, None)
    assert again.search_key == read.search_key


def test_a_late_writer_is_refused_when_it_wants_to_be(exchanges: Exchanges, office: Office) -> None:
    account = account_of(exchanges.alpha, office.alpha("bea"))
    message = Message(account=account, folder=account.drafts, subject="One").save()
    stale = account.drafts.get(id=message.id)
    message.subject = "Two"
    message.save(update_fields=["subject"])
    stale.subject = "Three"
    with pytest.raises(ErrorIrresolvableConflict):
        stale.save(update_fields=["subject"], conflict_resolution=NEVER_OVERWRITE)
    stale.save(update_fields=["subject"])
    assert account.drafts.get(id=message.id).subject == "Three"


def test_attachments_come_and_go(exchanges: Exchanges, office: Office) -> None:
    account = account_of(exchanges.alpha, office.alpha("carl"))
    message = Message(account=account, folder=account.drafts, subject="With files")
    message.attach(FileAttachment(name="one.bin", content=b"\x00\x01" * 50_000))
    message.attach(FileAttachment(name="two.png", content=b"png", is_inline=True, content_id="two@here"))
    message.save()
    inner = Message(account=account, subject="Inside", body="inner body")
    message.attach(ItemAttachment(name="inner", item=inner))
    read = account.drafts.get(id=message.id)
    assert read.has_attachments
    three, one, two = sorted(read.attachments, key=lambda each: each.name)
    assert one.content == b"\x00\x01" * 50_000
    assert (two.is_inline, two.content_id, two.content_type) == (True, "two@here", "image/png")
    assert (three.item.subject, three.item.body) == ("Inside", "inner body")
    one.detach()
    left = sorted(account.drafts.get(id=message.id).attachments, key=lambda each: each.name)
    assert [each.name for each in left] == ["inner", "two.png"]
    assert left[1].content == b"png"


def test_contacts_tasks_and_posts(exchanges: Exchanges, office: Office) -> None:
    account = account_of(exchanges.alpha, office.alpha("dora"))
    contact = Contact(
        account=account,
        folder=account.contacts,
        given_name="Eva",
        surname="Öz",
        display_name="Eva Öz",
        file_as="Öz, Eva",
        company_name="Firma",
        email_addresses=[EmailAddress(label="EmailAddress1", email="eva@elsewhere.test")],
        phone_numbers=[PhoneNumber(label="MobilePhone", phone_number="+49 1")],
        physical_addresses=[PhysicalAddress(label="Business", street="Weg 1", city="Köln", zipcode="5")],
        birthday=EWSDate(1980, 2, 29),
    ).save()
    read = account.contacts.get(id=contact.id)
    assert (read.given_name, read.surname, read.file_as, read.company_name) == ("Eva", "Öz", "Öz, Eva", "Firma")
    assert [(each.label, each.email) for each in read.email_addresses] == [("EmailAddress1", "eva@elsewhere.test")]
    assert [(each.label, each.phone_number) for each in read.phone_numbers] == [("MobilePhone", "+49 1")]
    assert read.physical_addresses[0].city == "Köln"
    assert read.complete_name.full_name == "Eva Öz"
    card = read.mime_content.decode()
    assert card.startswith("BEGIN:VCARD\r\nVERSION:3.0\r\n")
    assert {"N:Öz;Eva;;;", "FN:Eva Öz", "TEL;TYPE=CELL:+49 1", "BDAY:1980-02-29"} <= set(card.split("\r\n"))
    # exchangelib sends no contact without a name.
    copy = Contact(
        account=account, folder=account.contacts, display_name="Eva Öz", mime_content=read.mime_content
    ).save()
    again = account.contacts.get(id=copy.id)
    for name in ("given_name", "surname", "display_name", "file_as", "company_name", "birthday", "physical_addresses"):
        assert getattr(again, name) == getattr(read, name), name
    assert [(each.label, each.phone_number) for each in again.phone_numbers] == [("MobilePhone", "+49 1")]
    task = Task(account=account, folder=account.tasks, subject="Do", due_date=EWSDate(2030, 1, 2)).save()
    assert task.status == "NotStarted"
    task.complete()
    done = account.tasks.get(id=task.id)
    assert (done.status, done.percent_complete, done.is_complete) == ("Completed", 100, True)
    post = PostItem(account=account, folder=account.inbox, subject="Notice", body="all").save()
    assert account.inbox.get(id=post.id).body == "all"


def test_appointments_are_made_and_listed(exchanges: Exchanges, office: Office) -> None:
    account = account_of(exchanges.alpha, office.alpha("emil"))
    start = EWSDateTime(2030, 5, 6, 9, 0, tzinfo=BERLIN)
    item = CalendarItem(
        account=account,
        folder=account.calendar,
        subject="Review",
        start=start,
        end=start + timedelta(hours=1, minutes=30),
        location="Room 1",
        legacy_free_busy_status="Busy",
        reminder_minutes_before_start=15,
        required_attendees=["guest@elsewhere.test"],
    ).save(send_meeting_invitations="SendToNone")
    read = account.calendar.get(id=item.id)
    assert (read.subject, read.location, read.start, read.type) == ("Review", "Room 1", start, "Single")
    assert (read.duration, read.is_meeting) == ("PT1H30M", True)
    assert read.required_attendees[0].mailbox.email_address == "guest@elsewhere.test"
    assert len(read.uid) == 112
    listed = account.calendar.view(start=start - timedelta(days=1), end=start + timedelta(days=1))
    assert [each.subject for each in listed] == ["Review"]
    assert list(account.calendar.view(start=start + timedelta(days=1), end=start + timedelta(days=2))) == []


def test_items_are_found_sorted_and_paged(exchanges: Exchanges, office: Office) -> None:
    account = account_of(exchanges.alpha, office.alpha("finn"))
    made = account.bulk_create(
        account.drafts,
        [
            Message(account=account, subject=f"Number {number:03}", importance="High" if number % 2 else "Low")
            for number in range(30)
        ],
    )
    assert account.drafts.all().count() == 30
    odd = account.drafts.filter(importance="High").order_by("-subject")
    odd.page_size = 7
    assert [each.subject for each in odd][:2] == ["Number 029", "Number 027"]
    assert len(list(odd)) == 15
    tens = account.drafts.filter(subject__contains="r 01").order_by("subject")
    assert next(iter(tens)).subject == "Number 010"
    assert account.drafts.filter(subject__iexact="number 007").count() == 1
    assert account.drafts.filter(Q(subject="Number 001") | Q(subject__startswith="Number 02")).count() == 11
    assert account.drafts.filter(~Q(importance="High")).count() == 15
    keys = [each.search_key for each in account.drafts.all().only("search_key")][:5]
    assert account.drafts.filter(Q(search_key=keys[0]) | Q(search_key=keys[1]) | Q(search_key=b"none")).count() == 2
    assert len(made) == 30


def test_items_are_moved_copied_and_deleted(exchanges: Exchanges, office: Office) -> None:
    account = account_of(exchanges.alpha, office.alpha("gerd"))
    message = Message(account=account, folder=account.drafts, subject="Wandering").save()
    old = message.id
    message.move(account.inbox)
    assert message.id != old
    copied = message.copy(account.sent)
    assert account.sent.all().count() == 1
    assert copied[0] != message.id
    message.move_to_trash()
    assert account.inbox.all().count() == 0
    assert [each.subject for each in account.trash.all()] == ["Wandering"]
    (account.sent.get(id=copied[0])).soft_delete()
    assert account.recoverable_items_deletions.all().count() == 1
    (gone,) = account.trash.all()
    account.trash.all().delete()
    assert isinstance(next(iter(account.fetch(ids=[gone]))), ErrorItemNotFound)


def test_nobody_reads_another_mailbox_without_the_right(exchanges: Exchanges, office: Office) -> None:
    owner, other = office.alpha("hugo"), office.alpha("ida")
    message = Message(account=account_of(exchanges.alpha, owner), subject="Private")
    message.folder = message.account.drafts
    message.save()
    stranger = account_of(exchanges.alpha, other)
    with pytest.raises(ErrorAccessDenied):
        list(stranger.fetch(ids=[(message.id, message.changekey)]))
    service = impersonated(exchanges.alpha, owner)
    assert [each.subject for each in service.drafts.all()] == ["Private"]
