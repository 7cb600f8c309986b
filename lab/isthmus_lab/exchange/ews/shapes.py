"""Shapes: which fields of an item an answer carries, and the item elements made of them."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from functools import cache
from typing import Final
from uuid import UUID

from isthmus_lab.mapi.tags import PropertyKey
from isthmus_lab.store import Folder, Row

from . import attachments, calendar, contacts, extended, items, meeting_fields, native, response_objects, tasks
from .errors import EwsError
from .fields import Field, View
from .ids import ObjectId, folder_change_key, item_change_key
from .kinds import Kind, kind_of
from .names import Element, child, elements, flag, local, t, text
from .permissions import item_rights

ALL: Final[dict[str, Field]] = {
    each.uri: each
    for each in (
        *items.FIELDS,
        *attachments.FIELDS,
        *response_objects.FIELDS,
        *calendar.FIELDS,
        *meeting_fields.FIELDS,
        *contacts.FIELDS,
        *tasks.FIELDS,
    )
}

# What the Default shape of GetItem adds to the id; the light ones of them are FindItem's.
_DEFAULT: Final = {
    "Message": "Subject Sensitivity Body Attachments DateTimeSent Size HasAttachments Importance DateTimeCreated "
    "ToRecipients CcRecipients BccRecipients From IsRead IsReadReceiptRequested IsDeliveryReceiptRequested",
    "CalendarItem": "Subject Body Attachments HasAttachments Start End OriginalStart LegacyFreeBusyStatus Location "
    "IsMeeting IsCancelled IsRecurring CalendarItemType Organizer RequiredAttendees OptionalAttendees Resources "
    "Recurrence FirstOccurrence LastOccurrence ModifiedOccurrences DeletedOccurrences",
    "MeetingRequest": "Subject Sensitivity Body Attachments DateTimeSent Size HasAttachments Importance "
    "DateTimeCreated From IsRead AssociatedCalendarItemId IsOutOfDate HasBeenProcessed ResponseType MeetingRequestType "
    "Start End Location LegacyFreeBusyStatus IntendedFreeBusyStatus Organizer RequiredAttendees OptionalAttendees "
    "Resources IsRecurring CalendarItemType Recurrence",
    "MeetingResponse": "Subject Sensitivity Body Attachments DateTimeSent Size HasAttachments Importance "
    "DateTimeCreated From IsRead AssociatedCalendarItemId HasBeenProcessed ResponseType",
    "MeetingCancellation": "Subject Sensitivity Body Attachments DateTimeSent Size HasAttachments Importance "
    "DateTimeCreated From IsRead AssociatedCalendarItemId HasBeenProcessed ResponseType",
    "Contact": "Subject Body Attachments HasAttachments FileAs CompanyName CompleteName EmailAddresses ImAddresses "
    "PhysicalAddresses PhoneNumbers JobTitle",
    "DistributionList": "Subject Attachments HasAttachments DisplayName FileAs Members",
    "Task": "Subject Body Attachments HasAttachments DueDate PercentComplete StartDate Status",
    "PostItem": "Subject Body Attachments HasAttachments ConversationTopic From InternetMessageId IsRead PostedTime",
}


@dataclass(frozen=True)
class Shape:
    """An ItemShape: ``base`` is IdOnly, Default or AllProperties; what is beyond it is in the other fields."""

    base: str = "IdOnly"
    mime: bool = False
    body: str = "Best"
    uris: frozenset[str] = frozenset()
    properties: tuple[tuple[Element, PropertyKey], ...] = field(default=())

    @classmethod
    def parse(cls, node: Element | None) -> Shape:
        """Reads an ItemShape or AttachmentShape; None is what GetAttachment means without one."""
        if node is None:
            return cls("AllProperties")
        uris, properties = set[str](), list[tuple[Element, PropertyKey]]()
        for path in elements(child(node, "AdditionalProperties")):
            if local(path) == "ExtendedFieldURI":
                properties.append((path, extended.key_of(path)))
            else:
                uris.add(uri_of(path))
        mime = flag(text(node, "IncludeMimeContent")) or "item:MimeContent" in uris
        base = text(node, "BaseShape") or ("AllProperties" if local(node) == "AttachmentShape" else "IdOnly")
        return cls(base, mime, text(node, "BodyType") or "Best", frozenset(uris), tuple(properties))

    @property
    def only_ids(self) -> bool:
        """Whether an answer carries nothing but ids and properties."""
        return self.base == "IdOnly" and not self.uris and not self.mime


def uri_of(path: Element) -> str:
    """The name of a FieldURI or IndexedFieldURI: ``item:Subject``, ``contacts:EmailAddress/EmailAddress1``."""
    if local(path) == "FieldURI":
        return path.get("FieldURI", "")
    if local(path) == "IndexedFieldURI":
        return f"{path.get('FieldURI')}/{path.get('FieldIndex')}"
    raise EwsError("ErrorInvalidPropertyRequest", f"{local(path)} cannot be asked for.")


@cache
def field_for(kind: Kind, element: str) -> Field | None:
    """The field that fills an element of a kind of item."""
    return next((ALL[uri] for prefix in kind.prefixes if (uri := f"{prefix}:{element}") in ALL), None)


@cache
def _chosen(kind: Kind, base: str, uris: frozenset[str], light: bool) -> tuple[str | Field, ...]:
    """The elements of an item in their order: a field, or the name of one that this module makes itself."""
    wanted = {uri.partition("/")[0].split(":")[1] for uri in uris}
    wanted = {_SINGULAR.get(name, name) for name in wanted}
    if base == "Default":
        wanted |= set(_DEFAULT.get(kind.element, _DEFAULT["Message"]).split())
    elif base == "AllProperties":
        wanted |= set(kind.order) - {"SearchKey", "TextBody"}
    chosen: list[str | Field] = []
    for name in kind.order:
        if name in ("MimeContent", "ItemId", "ParentFolderId", "EffectiveRights", "ExtendedProperty"):
            always = name in ("MimeContent", "ItemId", "ExtendedProperty")
            if always or name in wanted:
                chosen.append(name)
        elif name in wanted:
            found = field_for(kind, name)
            if found is not None and not (light and found.heavy):
                chosen.append(found)
    return tuple(chosen)


_SINGULAR: Final = {
    "EmailAddress": "EmailAddresses",
    "PhysicalAddress": "PhysicalAddresses",
    "PhoneNumber": "PhoneNumbers",
    "ImAddress": "ImAddresses",
}


def show(view: View, shape: Shape, *, light: bool = False) -> Element:
    """The item's element. ``light`` leaves out what only GetItem gives."""
    kind = view.kind
    node = t(kind.element)
    for each in _chosen(kind, shape.base, shape.uris, light):
        if isinstance(each, Field):
            built = each.show(view)
            if built is not None:
                node.append(built)
        elif each == "ItemId":
            if view.row is not None:
                node.append(t("ItemId", Id=view.id, ChangeKey=item_change_key(view.row)))
        elif each == "MimeContent":
            if shape.mime:
                content = base64.b64encode(native.written(kind, view.bag)).decode()
                node.append(t("MimeContent", content, CharacterSet="UTF-8"))
        elif each == "ParentFolderId":
            if view.row is not None:
                parent = ObjectId(ObjectId.parse(view.id).mailbox, view.row.folder_id)
                node.append(t("ParentFolderId", Id=str(parent)))
        elif each == "EffectiveRights":
            if view.row is not None and view.access is not None:
                node.append(item_rights(view.access, view.row))
        else:
            for path, key in shape.properties:
                value = view.value(key)
                if value is not None:
                    node.append(extended.show(path, key, value))
    return node


def item_id(mailbox: UUID, row: Row) -> Element:
    """An ItemId element."""
    return t("ItemId", Id=str(ObjectId(mailbox, row.id)), ChangeKey=item_change_key(row))


def bare(mailbox: UUID, row: Row) -> Element:
    """An item with nothing but its id."""
    return t(kind_of(row.item_class).element, item_id(mailbox, row))


def folder_id(mailbox: UUID, folder: Folder) -> Element:
    """A FolderId element."""
    return t("FolderId", Id=str(ObjectId(mailbox, folder.id)), ChangeKey=folder_change_key(folder))
