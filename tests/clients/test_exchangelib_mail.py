"""exchangelib, unmodified: answering mail, many items at once, drafts, exports."""

from __future__ import annotations

from exchangelib import Account, FileAttachment, HTMLBody, Mailbox, Message
from exchangelib.errors import ErrorInvalidIdMalformed, ErrorItemNotFound
from exchangelib.folders import Messages
from exchangelib.items import SEND_AND_SAVE_COPY, BulkCreateResult

from tests.clients.conftest import Staff
from tests.plugins.clients import account_of
from tests.processes import wait_until


def opened(staff: Staff, nickname: str) -> Account:
    return account_of(staff.exchange, staff.people[nickname])


def arrived(account: Account, subject: str) -> Message:
    """The message of that subject in the Inbox, once it is there."""
    found = account.inbox.filter(subject=subject)
    wait_until(lambda: found.count() > 0, f"{subject} in the Inbox of {account}")
    return found.get()


def asked(staff: Staff, subject: str) -> Message:
    """A message from ada to ben and cleo, as ben has it."""
    question = Message(
        account=opened(staff, "ada"),
        subject=subject,
        body=HTMLBody("<html><body><p>Which <i>day</i>?</p></body></html>"),
        to_recipients=[staff.people["ben"].smtp, "else@gamma.test"],
        cc_recipients=[staff.people["cleo"].smtp],
    )
    question.attach(FileAttachment(name="plan.txt", content=b"Monday"))
    question.send_and_save()
    return arrived(opened(staff, "ben"), subject)


def test_a_reply_is_in_the_thread_and_quotes(staff: Staff) -> None:
    question = asked(staff, "A question")
    question.reply("RE: A question", HTMLBody("<b>Monday</b>"))
    answer = arrived(opened(staff, "ada"), "RE: A question")
    assert answer.sender.email_address == staff.people["ben"].smtp
    assert [each.email_address for each in answer.to_recipients] == [staff.people["ada"].smtp]
    assert not answer.cc_recipients
    assert answer.in_reply_to == question.message_id
    assert question.message_id in answer.references
    assert answer.conversation_topic == question.conversation_topic
    assert answer.conversation_index.startswith(question.conversation_index)
    assert answer.conversation_id == question.conversation_id
    assert answer.body.index("<b>Monday</b>") < answer.body.index("Which <i>day</i>?")
    assert staff.people["ada"].name in answer.body
    assert not answer.attachments


def test_a_reply_to_all_spares_oneself(staff: Staff) -> None:
    question = asked(staff, "To everybody")
    question.reply_all("RE: To everybody", "No")
    answer = arrived(opened(staff, "cleo"), "RE: To everybody")
    to = {each.email_address for each in answer.to_recipients}
    assert to == {staff.people["ada"].smtp, "else@gamma.test"}
    assert [each.email_address for each in answer.cc_recipients] == [staff.people["cleo"].smtp]


def test_a_forward_has_the_attachments(staff: Staff) -> None:
    question = asked(staff, "To pass on")
    question.forward("FW: To pass on", "See below", to_recipients=[Mailbox(email_address=staff.people["cleo"].smtp)])
    passed_on = arrived(opened(staff, "cleo"), "FW: To pass on")
    assert [(each.name, each.content) for each in passed_on.attachments] == [("plan.txt", b"Monday")]
    assert "See below" in passed_on.body and "Which <i>day</i>?" in passed_on.body


def test_a_reply_may_be_kept_as_a_draft(staff: Staff) -> None:
    question = asked(staff, "To think about")
    ben = question.account
    draft = question.create_reply("RE: To think about", "Hm").save(ben.drafts)
    saved = ben.drafts.get(id=draft.id)
    assert saved.is_draft and saved.subject == "RE: To think about"
    saved.send()
    assert "Hm" in arrived(opened(staff, "ada"), "RE: To think about").body


def test_many_items_in_one_request(staff: Staff) -> None:
    account = opened(staff, "ada")
    box = Messages(parent=account.inbox, name="Bulk").save()
    made = box.bulk_create([Message(subject=f"item {number:03}") for number in range(250)])
    assert len(made) == 250 and all(isinstance(each, BulkCreateResult) for each in made)
    read = list(account.fetch(made[:3], only_fields=["subject"]))
    assert [each.subject for each in read] == ["item 000", "item 001", "item 002"]
    for each in read:
        each.subject += " changed"
    account.bulk_update([(each, ["subject"]) for each in read])
    assert box.filter(subject__contains="changed").count() == 3
    other = Messages(parent=account.inbox, name="Other").save()
    moved = account.bulk_move(made[:10], to_folder=other)
    copied = account.bulk_copy(made[10:20], to_folder=other)
    assert len(moved) == len(copied) == 10 and other.all().count() == 20 and box.all().count() == 240
    results = list(account.fetch([made[0], (made[20].id[:20], None), made[20]]))
    assert [type(each) for each in results] == [ErrorItemNotFound, ErrorInvalidIdMalformed, Message]
    account.bulk_delete(made[20:], delete_type="SoftDelete")
    assert box.all().count() == 10
    box.wipe()
    box.delete()
    other.delete()


def test_drafts_are_sent_together(staff: Staff) -> None:
    account = opened(staff, "ada")
    ben = staff.people["ben"].smtp
    drafts = [
        Message(account=account, folder=account.drafts, subject=f"Bulk sent {each}", to_recipients=[ben]).save()
        for each in (1, 2, 3)
    ]
    account.bulk_send(drafts)
    for each in (1, 2, 3):
        arrived(opened(staff, "ben"), f"Bulk sent {each}")
        assert account.sent.filter(subject=f"Bulk sent {each}").count() == 1
    assert account.drafts.filter(subject__startswith="Bulk sent").count() == 0
    made = account.bulk_create(
        folder=account.sent,
        items=[Message(subject=f"At once {each}", to_recipients=[ben]) for each in (1, 2)],
        message_disposition=SEND_AND_SAVE_COPY,
    )
    assert len(made) == 2
    arrived(opened(staff, "ben"), "At once 2")


def test_an_export_uploaded_elsewhere_is_the_same_item(staff: Staff) -> None:
    question = asked(staff, "To copy")
    ben, cleo = opened(staff, "ben"), opened(staff, "cleo")
    ((_, data),) = [(question.id, each) for each in ben.export([question])]
    ((uploaded, changekey),) = cleo.upload([(cleo.drafts, data)])
    copy = cleo.drafts.get(id=uploaded, changekey=changekey)
    for field in ("subject", "body", "message_id", "sender", "to_recipients", "cc_recipients", "datetime_received"):
        assert getattr(copy, field) == getattr(question, field), field
    assert [each.content for each in copy.attachments] == [b"Monday"]
    assert list(cleo.export([copy])) == [data]
