"""Fields of every item and of messages ([MS-OXWSCORE], [MS-OXWSMSG])."""

from __future__ import annotations

import email.parser
import hashlib
import re
from typing import Final

from isthmus_lab.mapi import tags
from isthmus_lab.mapi.bag import Attachment

from . import bodies
from .fields import Draft, Field, View, array, computed, flag_bit, parsed, simple, strings
from .mailboxes import FROM, RECEIVED_BY, RECEIVED_REPRESENTING, SENDER, mailbox, person, recipients
from .names import Element, clean, elements, flag, t, text
from .values import BINARY, BOOLEAN, INTEGER, TEXT, TIME, choice, parse_time, show_time

IMPORTANCE: Final = choice({0: "Low", 1: "Normal", 2: "High"}, 1)
SENSITIVITY: Final = choice({0: "Normal", 1: "Personal", 2: "Private", 3: "Confidential"})
_PREFIX: Final = re.compile(r"[^\s:]{1,3}: ")
_FLAG_COMPLETE, _FLAG_SET = 1, 2


def set_subject(draft: Draft, subject: str) -> None:
    """Sets the subject with its prefix and the rest apart ([MS-OXCMSG] 3.2.4.1)."""
    found = _PREFIX.match(subject)
    prefix = found[0] if found else ""
    draft.set(tags.PidTagSubject, subject)
    draft.set(tags.PidTagSubjectPrefix, prefix)
    draft.set(tags.PidTagNormalizedSubject, subject[len(prefix) :])
    if tags.PidTagConversationTopic not in draft.bag:
        draft.set(tags.PidTagConversationTopic, subject[len(prefix) :])


def _headers(view: View) -> Element | None:
    raw = view.bag.get(tags.PidTagTransportMessageHeaders)
    if not raw:
        return None
    parsed = email.parser.HeaderParser().parsestr(raw)
    return array(
        "InternetMessageHeaders",
        [t("InternetMessageHeader", clean(str(value)), HeaderName=name) for name, value in parsed.raw_items() if name],
    )


def _flag(view: View) -> Element | None:
    status = view.value(tags.PidTagFlagStatus) or 0
    node = t("Flag", t("FlagStatus", {_FLAG_COMPLETE: "Complete", _FLAG_SET: "Flagged"}.get(status, "NotFlagged")))
    if status == _FLAG_SET:
        for name, key in (("StartDate", tags.PidLidTaskStartDate), ("DueDate", tags.PidLidTaskDueDate)):
            if view.value(key):
                node.append(t(name, show_time(view.value(key))))
    elif status == _FLAG_COMPLETE and view.value(tags.PidTagFlagCompleteTime):
        node.append(t("CompleteDate", show_time(view.value(tags.PidTagFlagCompleteTime))))
    return node


def _set_flag(draft: Draft, node: Element) -> None:
    status = {"Complete": _FLAG_COMPLETE, "Flagged": _FLAG_SET}.get(text(node, "FlagStatus") or "")
    _clear_flag(draft)
    if status is None:
        return
    draft.set(tags.PidTagFlagStatus, status)
    draft.set(tags.PidTagToDoItemFlags, 1)
    start, due, complete = text(node, "StartDate"), text(node, "DueDate"), text(node, "CompleteDate")
    if status == _FLAG_SET:
        draft.set(tags.PidTagFollowupIcon, 6)
        draft.set(tags.PidLidFlagRequest, "Follow up")
        draft.set(tags.PidLidTaskStartDate, parse_time(start) if start else None)
        draft.set(tags.PidLidTaskDueDate, parse_time(due) if due else None)
    else:
        draft.set(tags.PidTagFlagCompleteTime, parse_time(complete) if complete else draft.now())


def _clear_flag(draft: Draft) -> None:
    for key in (
        tags.PidTagFlagStatus,
        tags.PidTagFlagCompleteTime,
        tags.PidTagFollowupIcon,
        tags.PidTagToDoItemFlags,
        tags.PidLidFlagRequest,
        tags.PidLidTaskStartDate,
        tags.PidLidTaskDueDate,
    ):
        draft.set(key, None)


def conversation_of(topic: str) -> bytes:
    """The 16 bytes by which a conversation is known: of its topic, as PidTagConversationId without tracking."""
    return hashlib.md5(topic.upper().encode("utf-16-le"), usedforsecurity=False).digest()


def _conversation_id(view: View) -> Element:
    topic = view.value(tags.PidTagConversationTopic) or ""
    return t("ConversationId", Id=BINARY.show(conversation_of(topic)))


def _read_flag(draft: Draft, node: Element) -> None:
    draft.read = flag(node.text)


def _is_read(view: View) -> str:
    return "true" if (view.value(tags.PidTagMessageFlags) or 0) & tags.MSGFLAG_READ else "false"


def _is_associated(view: View) -> str:
    return "true" if view.value(tags.PidTagAssociated) else "false"


def _set_associated(draft: Draft, node: Element) -> None:
    """Of a new item; an existing one stays what it is."""
    draft.associated = flag(node.text)


def _reply_to(view: View) -> Element | None:
    names = view.bag.get(tags.PidTagReplyRecipientNames)
    if not names:
        return None
    found = [node for name in names.split(";") if (node := mailbox(view, name.strip(), "SMTP", name.strip(), None))]
    return array("ReplyTo", found) if found else None


def _set_reply_to(draft: Draft, node: Element) -> None:
    addresses = [text(each, "EmailAddress") or text(each, "Name") or "" for each in elements(node)]
    draft.set(tags.PidTagReplyRecipientNames, ";".join(addresses))


def _reminder_minutes(view: View) -> str | None:
    value = view.value(tags.PidLidReminderDelta)
    return None if value is None else str(value if value != 0x5AE980E1 else 15)  # the number that means "default"


def attachment_number(attachment: Attachment, position: int) -> int:
    """By what an attachment is known: its own number, else its place."""
    return int(attachment.properties.get(tags.PidTagAttachNumber, position))


FIELDS: Final = (
    simple("item:ItemClass", tags.PidTagMessageClass, TEXT, default="IPM.Note"),
    Field(
        "item:Subject",
        "Subject",
        lambda view: view.value(tags.PidTagSubject),
        lambda draft, node: set_subject(draft, node.text or ""),
        lambda draft: set_subject(draft, ""),
        tags.PidTagSubject,
        TEXT,
    ),
    simple("item:Sensitivity", tags.PidTagSensitivity, SENSITIVITY, default=0),
    Field("item:Body", "Body", bodies.build, bodies.store, bodies.clear, tags.PidTagBody, TEXT, heavy=True),
    simple("item:DateTimeReceived", tags.PidTagMessageDeliveryTime, TIME),
    simple("item:Size", tags.PidTagMessageSize, INTEGER, read_only=True),
    strings("item:Categories", tags.PidNameKeywords),
    simple("item:Importance", tags.PidTagImportance, IMPORTANCE, default=1),
    simple("item:InReplyTo", tags.PidTagInReplyToId, TEXT),
    flag_bit("item:IsSubmitted", tags.MSGFLAG_SUBMIT),
    flag_bit("item:IsDraft", tags.MSGFLAG_UNSENT),
    flag_bit("item:IsFromMe", tags.MSGFLAG_FROMME),
    flag_bit("item:IsResend", 0x80),
    flag_bit("item:IsUnmodified", tags.MSGFLAG_UNMODIFIED),
    computed("item:InternetMessageHeaders", _headers, heavy=True),
    simple("item:DateTimeSent", tags.PidTagClientSubmitTime, TIME),
    simple("item:DateTimeCreated", tags.PidTagCreationTime, TIME, read_only=True),
    simple("item:ReminderDueBy", tags.PidLidReminderTime, TIME),
    simple("item:ReminderIsSet", tags.PidLidReminderSet, BOOLEAN, default=False),
    simple("item:ReminderNextTime", tags.PidLidReminderSignalTime, TIME),
    Field(
        "item:ReminderMinutesBeforeStart",
        "ReminderMinutesBeforeStart",
        _reminder_minutes,
        lambda draft, node: draft.set(tags.PidLidReminderDelta, parsed(INTEGER, node)),
        lambda draft: draft.set(tags.PidLidReminderDelta, None),
        tags.PidLidReminderDelta,
        INTEGER,
    ),
    simple("item:DisplayCc", tags.PidTagDisplayCc, TEXT, read_only=True),
    simple("item:DisplayTo", tags.PidTagDisplayTo, TEXT, read_only=True),
    simple("item:HasAttachments", tags.PidTagHasAttachments, BOOLEAN, default=False, read_only=True),
    simple("item:LastModifiedName", tags.PidTagLastModifierName, TEXT, read_only=True),
    simple("item:LastModifiedTime", tags.PidTagLastModificationTime, TIME, read_only=True),
    Field("item:IsAssociated", "IsAssociated", _is_associated, _set_associated, None, tags.PidTagAssociated, BOOLEAN),
    computed("item:ConversationId", _conversation_id),
    Field("item:Flag", "Flag", _flag, _set_flag, _clear_flag, tags.PidTagFlagStatus),
    computed("item:Preview", bodies.preview),
    computed("item:TextBody", bodies.build_text, heavy=True),
    simple("item:SearchKey", tags.PidTagSearchKey, BINARY, read_only=True),
    person("message:Sender", SENDER),
    recipients("message:ToRecipients", tags.RECIPIENT_TO),
    recipients("message:CcRecipients", tags.RECIPIENT_CC),
    recipients("message:BccRecipients", tags.RECIPIENT_BCC),
    simple("message:IsReadReceiptRequested", tags.PidTagReadReceiptRequested, BOOLEAN, default=False),
    simple("message:IsDeliveryReceiptRequested", tags.PidTagOriginatorDeliveryReportRequested, BOOLEAN, default=False),
    simple("message:ConversationIndex", tags.PidTagConversationIndex, BINARY),
    simple("message:ConversationTopic", tags.PidTagConversationTopic, TEXT, read_only=True),
    person("message:From", FROM, also=SENDER),
    simple("message:InternetMessageId", tags.PidTagInternetMessageId, TEXT),
    Field("message:IsRead", "IsRead", _is_read, _read_flag, None, None, BOOLEAN),
    simple("message:IsResponseRequested", tags.PidTagResponseRequested, BOOLEAN),
    simple("message:References", tags.PidTagInternetReferences, TEXT),
    Field(
        "message:ReplyTo",
        "ReplyTo",
        _reply_to,
        _set_reply_to,
        lambda draft: draft.set(tags.PidTagReplyRecipientNames, None),
        heavy=True,
    ),
    person("message:ReceivedBy", RECEIVED_BY, read_only=True),
    person("message:ReceivedRepresenting", RECEIVED_REPRESENTING, read_only=True),
    simple("postitem:PostedTime", tags.PidTagClientSubmitTime, TIME, read_only=True),
)
