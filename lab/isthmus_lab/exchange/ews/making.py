"""Items from elements: what CreateItem, UpdateItem and CreateAttachment share."""

from __future__ import annotations

from typing import Any, Final

from isthmus_lab.mapi import tags
from isthmus_lab.mapi.bag import Attachment, Bag
from isthmus_lab.mapi.tags import PropertyKey

from . import attachments, bodies, calendar, extended, native
from .call import Call
from .errors import EwsError
from .fields import Draft
from .items import set_subject
from .kinds import BY_ELEMENT, CALENDAR, CONTACT, MESSAGE, POST, TASK, Kind
from .names import Element, child, elements, local, t
from .shapes import field_for

_IGNORED: Final = frozenset(("MimeContent", "ItemId", "ParentFolderId"))
_DEEPEST: Final = 10
CREATED: Final = frozenset((MESSAGE, CALENDAR, CONTACT, TASK, POST, BY_ELEMENT["Item"], BY_ELEMENT["DistributionList"]))


def make(call: Call, node: Element) -> Draft:
    """A new item from its element: from MIME if that is given, then field by field."""
    kind = BY_ELEMENT.get(local(node))
    if kind is None or kind not in CREATED:
        raise EwsError("ErrorInvalidOperation", f"A {local(node)} cannot be created by this server yet.")
    mime = child(node, "MimeContent")
    if mime is None:
        draft = call.draft(Bag())
        draft.set(tags.PidTagMessageClass, kind.creates)
    else:
        draft = call.draft(native.parsed(call, mime))
        if kind is not MESSAGE and tags.PidTagMessageClass not in draft.bag:
            draft.set(tags.PidTagMessageClass, kind.creates)
    flags = tags.MSGFLAG_READ | (tags.MSGFLAG_UNSENT if kind is MESSAGE else 0)
    draft.set(tags.PidTagMessageFlags, flags)
    draft.set(tags.PidTagCreationTime, draft.now())
    for each in elements(node):
        if local(each) not in _IGNORED:
            put(draft, kind, each)
    if kind is CALENDAR:
        calendar.complete(draft)
    if draft.read is not None:
        flags = draft.bag[tags.PidTagMessageFlags]
        draft.set(tags.PidTagMessageFlags, flags | 1 if draft.read else flags & ~1)
    if kind is not CONTACT and tags.PidTagConversationTopic not in draft.bag:
        draft.set(tags.PidTagConversationTopic, draft.bag.get(tags.PidTagNormalizedSubject, ""))
    draft.bag.attachments += draft.new_attachments
    draft.bag.attachments += [attached_item(call, each, draft.now()) for each in draft.new_items]
    return draft


def put(draft: Draft, kind: Kind, node: Element) -> None:
    """Sets one field from its element. Raises EwsError ErrorInvalidPropertySet."""
    name = local(node)
    if name == "ExtendedProperty":
        _put_property(draft, *extended.read(node))
        return
    field = field_for(kind, name)
    if field is None or field.store is None:
        raise EwsError("ErrorInvalidPropertySet", f"{name} of a {kind.element} cannot be set.")
    field.store(draft, node)


def _put_property(draft: Draft, key: PropertyKey, value: Any) -> None:
    """Sets a property; what the store keeps in several ones is set in all of them ([MS-OXCMSG] 3.2.4.1, 3.2.4.3)."""
    if key == tags.PidTagSubject:
        set_subject(draft, value)
    elif key == tags.PidTagBody:
        bodies.store(draft, t("Body", value, BodyType="Text"))
    else:
        draft.set(key, value)


def attached_item(call: Call, node: Element, now: int) -> Attachment:
    """An ItemAttachment element as an attachment with the item in it."""
    if sum(1 for _ in node.iterancestors(str(node.tag))) > _DEEPEST:
        raise EwsError("ErrorAttachmentNestLevelLimitExceeded", f"More than {_DEEPEST} items are within each other.")
    attachment = Attachment({tags.PidTagAttachMethod: tags.ATTACH_EMBEDDED, tags.PidTagRenderingPosition: -1})
    attachments.describe_from(attachment, node, now)
    attachment.embedded = make(call, attachments.item_of(node)).bag
    return attachment
