"""Replies and forwards: ReplyToItem, ReplyAllToItem, ForwardItem, PostReplyItem ([MS-OXWSMSG], [MS-OXOMSG] 3.2.4.4).

They are created as items are. Each is a new message made of another: in its thread, to its people, with its text below
what was written. Whatever the client says itself comes in the place of that.
"""

from __future__ import annotations

import copy
import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import format_datetime
from typing import Final

from isthmus_lab.mapi import tags
from isthmus_lab.mapi.bag import Bag, Properties, from_filetime
from isthmus_lab.mapi.conversation import reply_index, split_subject
from isthmus_lab.store import Item, Mailbox, Rights
from isthmus_lab.store.columns import is_visible

from . import bodies
from .call import Call
from .errors import EwsError
from .fields import Draft, View, array
from .ids import ObjectId
from .kinds import MESSAGE, POST, kind_of
from .making import put
from .names import Element, child, clean, elements, local, t, text
from .rights import sign
from .sending import ready
from .shapes import bare, field_for

_BODY: Final = re.compile(r"<body[^>]*>", re.IGNORECASE)
_INSIDE_BODY: Final = re.compile(r"<body[^>]*>(.*?)</body>", re.IGNORECASE | re.DOTALL)
_OVERRIDES: Final = frozenset(
    (
        "Subject",
        "Body",
        "ToRecipients",
        "CcRecipients",
        "BccRecipients",
        "IsReadReceiptRequested",
        "IsDeliveryReceiptRequested",
        "From",
    )
)


@dataclass(frozen=True)
class _Manner:
    """What kind of answer: its prefix, and the verb and icon that the original gets ([MS-OXOMSG] 2.2.1.4)."""

    prefix: str
    verb: int
    icon: int


_MANNERS: Final = {
    "ReplyToItem": _Manner("RE: ", 102, 0x105),
    "ReplyAllToItem": _Manner("RE: ", 103, 0x105),
    "ForwardItem": _Manner("FW: ", 104, 0x106),
}
KINDS: Final = frozenset(_MANNERS)


def answer(call: Call, node: Element, disposition: str | None) -> Iterator[Element]:
    """Makes the message and sends it, or keeps it as a draft; the copy that is kept."""
    if disposition is None:
        raise EwsError("ErrorMessageDispositionRequired", "MessageDisposition is required for messages.")
    there, found = _original(call, node)
    sends = disposition != "SaveOnly"
    mailbox, folder = call.target_folder("SavedItemFolderId", "sentitems" if sends else "drafts", Rights.CREATE)
    original = call.view(there, found.row)
    draft = _draft(call, local(node), node, original)
    sign(draft.bag, call.caller)
    send = ready(call, draft) if sends else None
    with mailbox.transaction():
        kept = None if disposition == "SendOnly" else mailbox.items.add(folder.id, draft.bag)
        if send is not None:
            send()
    if sends and there.guid == call.caller.mailbox:
        there.items.update(found.row.id, _answered(_MANNERS[local(node)], draft.now()))
    if kept is not None:
        yield bare(mailbox.guid, kept)


def post(call: Call, node: Element) -> Iterator[Element]:
    """PostReplyItem: an answer beside the original, in its folder unless another is named."""
    there, found = _original(call, node)
    if kind_of(found.row.item_class) is not POST:
        raise EwsError("ErrorInvalidOperation", "Only a post can be answered by a post.")
    if call.children("SavedItemFolderId"):
        mailbox, folder = call.target_folder("SavedItemFolderId", None, Rights.CREATE)
    else:
        mailbox, folder = call.folder_named(str(ObjectId(there.guid, found.row.folder_id)), Rights.CREATE)
    draft = _draft(call, "PostReplyItem", node, call.view(there, found.row))
    draft.set(tags.PidTagMessageClass, POST.creates)
    draft.set(tags.PidTagMessageFlags, tags.MSGFLAG_READ)
    sign(draft.bag, call.caller)
    yield bare(mailbox.guid, mailbox.items.add(folder.id, draft.bag))


def _original(call: Call, node: Element) -> tuple[Mailbox, Item]:
    reference = child(node, "ReferenceItemId")
    if reference is None:
        raise EwsError("ErrorInvalidRequest", "ReferenceItemId is missing.")
    mailbox, item = call.item(t("ItemId", Id=reference.get("Id", "")))
    return mailbox, mailbox.items.get(item.entry)


def _draft(call: Call, name: str, node: Element, original: View) -> Draft:
    draft = call.draft(Bag())
    draft.bag.properties = {
        tags.PidTagMessageClass: MESSAGE.creates,
        tags.PidTagMessageFlags: tags.MSGFLAG_READ | tags.MSGFLAG_UNSENT,
        tags.PidTagCreationTime: draft.now(),
        **_thread(original.bag, draft.now()),
    }
    subject = split_subject(original.value(tags.PidTagSubject) or "")[1]
    prefix = _MANNERS[name].prefix if name in _MANNERS else "RE: "
    put(draft, MESSAGE, t("Subject", clean(prefix + subject)))
    for field, people in _addressed(name, original, call.caller.addresses):
        put(draft, MESSAGE, array(field, people))
    put(draft, MESSAGE, _body(child(node, "NewBodyContent"), original))
    forwards = name == "ForwardItem"
    draft.bag.attachments = [
        copy.deepcopy(each) for each in original.bag.attachments if forwards or not is_visible(each)
    ]
    for each in elements(node):
        if local(each) in _OVERRIDES:
            put(draft, MESSAGE, each)
    return draft


def _thread(original: Bag, now: int) -> Properties:
    """The place in the conversation ([MS-OXOMSG] 2.2.1.2, 2.2.1.3; RFC 5322, 3.6.4)."""
    subject = split_subject(original.get(tags.PidTagSubject, ""))[1]
    found: Properties = {tags.PidTagConversationTopic: original.get(tags.PidTagConversationTopic) or subject}
    message_id = original.get(tags.PidTagInternetMessageId)
    if message_id:
        references = original.get(tags.PidTagInternetReferences, "")
        found[tags.PidTagInReplyToId] = message_id
        found[tags.PidTagInternetReferences] = f"{references} {message_id}".strip()
    index = original.get(tags.PidTagConversationIndex, b"")
    if len(index) >= 22:
        began = int.from_bytes(index[:6], "big") << 16
        found[tags.PidTagConversationIndex] = reply_index(index, max(now - began, 0))
    return found


def _addressed(name: str, original: View, own: frozenset[str]) -> Iterator[tuple[str, list[Element]]]:
    """To whom a reply goes: who wrote, and for all the other recipients, without oneself and without repetition."""
    if name in ("ForwardItem", "PostReplyItem"):
        return
    to = _people(original, "ReplyTo") or _people(original, "From") or _people(original, "Sender")
    yield "ToRecipients", to + (_others(original, "ToRecipients", to, own) if name == "ReplyAllToItem" else [])
    if name == "ReplyAllToItem":
        everybody = to + _people(original, "ToRecipients")
        yield "CcRecipients", _others(original, "CcRecipients", everybody, own)


def _others(original: View, field: str, there: list[Element], own: frozenset[str]) -> list[Element]:
    known = {_address(each) for each in there} | {each.partition(":")[2].lower() for each in own}
    return [each for each in _people(original, field) if _address(each) not in known]


def _address(mailbox: Element) -> str:
    return (text(mailbox, "EmailAddress") or "").lower()


def _people(view: View, name: str) -> list[Element]:
    field = field_for(MESSAGE, name)
    return [] if field is None else elements(field.show(view))


def _body(written: Element | None, original: View) -> Element:
    """What was written, and below it the original with a few lines on whose it is."""
    new = "" if written is None else written.text or ""
    in_html = written is not None and written.get("BodyType") == "HTML"
    if bodies.body(original, "Best")[0] == "Text" and not in_html:
        head = "\r\n".join(f"{label}: {said}" for label, said in _head(original))
        below = bodies.body(original, "Text")[1]
        return t("Body", clean(f"{new}\r\n\r\n{'_' * 32}\r\n{head}\r\n\r\n{below}"), BodyType="Text")
    marked_up = new if in_html else bodies.html_of(new)
    inside = _INSIDE_BODY.search(marked_up)
    head = "<br>\r\n".join(f"<b>{label}:</b> {html.escape(said)}" for label, said in _head(original))
    above = f"{inside[1] if inside else marked_up}\r\n<hr>\r\n<div>{head}</div><br>\r\n"
    below = bodies.body(original, "HTML")[1]
    begin = _BODY.search(below)
    if begin is None:
        return t("Body", clean(f"<html><body>{above}{below}</body></html>"), BodyType="HTML")
    return t("Body", clean(below[: begin.end()] + above + below[begin.end() :]), BodyType="HTML")


def _head(original: View) -> Iterator[tuple[str, str]]:
    people = _people(original, "From")
    if people:
        yield "From", f"{text(people[0], 'Name')} <{text(people[0], 'EmailAddress')}>"
    sent = original.value(tags.PidTagClientSubmitTime)
    if sent:
        yield "Sent", format_datetime(from_filetime(sent), usegmt=True)
    for label, key in (("To", tags.PidTagDisplayTo), ("Cc", tags.PidTagDisplayCc), ("Subject", tags.PidTagSubject)):
        if original.value(key):
            yield label, str(original.value(key))


def _answered(manner: _Manner, now: int) -> Properties:
    return {
        tags.PidTagLastVerbExecuted: manner.verb,
        tags.PidTagLastVerbExecutionTime: now,
        tags.PidTagIconIndex: manner.icon,
    }
