"""Attachments: files, items in items, and references to files elsewhere ([MS-OXWSATT])."""

from __future__ import annotations

import base64
import mimetypes
from collections.abc import Iterator
from typing import Final

from isthmus_lab.mapi import tags
from isthmus_lab.mapi.bag import Attachment, Bag

from .errors import EwsError
from .fields import Draft, Field, View, array, parsed
from .ids import ObjectId
from .items import attachment_number
from .names import Element, child, clean, flag, local, t, text
from .values import BOOLEAN, INTEGER, TEXT, Text, parse_base64, show_time


def numbered(bag: Bag) -> Iterator[tuple[int, Attachment]]:
    """The attachments with the numbers by which their ids know them."""
    return ((attachment_number(each, position), each) for position, each in enumerate(bag.attachments))


def fix_numbers(bag: Bag) -> None:
    """Writes every attachment's number into it, so that it stays when another one goes."""
    for number, each in list(numbered(bag)):
        each.properties[tags.PidTagAttachNumber] = number


def find(bag: Bag, path: tuple[int, ...]) -> Attachment:
    """The attachment at the end of the path. Raises EwsError ErrorItemNotFound."""
    found = next((each for number, each in numbered(bag) if number == path[0]), None)
    if found is None:
        raise EwsError("ErrorItemNotFound")
    if len(path) == 1:
        return found
    if found.embedded is None:
        raise EwsError("ErrorItemNotFound")
    return find(found.embedded, path[1:])


def describe(parent: ObjectId, number: int, attachment: Attachment, change_key: str | None = None) -> Element:
    """An attachment's element without its content; ``change_key`` of the item is given when it was just made."""
    properties = attachment.properties
    refers = properties.get(tags.PidTagAttachMethod) == tags.ATTACH_BY_WEB_REFERENCE
    node = t(
        "ItemAttachment" if attachment.embedded is not None else "ReferenceAttachment" if refers else "FileAttachment"
    )
    own = t("AttachmentId", Id=str(parent._replace(path=(*parent.path, number))))
    if change_key is not None:
        own.set("RootItemId", str(parent))
        own.set("RootItemChangeKey", change_key)
    node.append(own)
    name = next(
        (
            properties[key]
            for key in (tags.PidTagAttachLongFilename, tags.PidTagDisplayName, tags.PidTagAttachFilename)
            if properties.get(key)
        ),
        "",
    )
    if not name and attachment.embedded is not None:
        name = attachment.embedded.get(tags.PidTagSubject, "")
    node.append(t("Name", name))
    kind = properties.get(tags.PidTagAttachMimeTag)
    if not kind and attachment.embedded is None:
        kind = mimetypes.guess_type(name)[0]
    for element, value in (
        ("ContentType", kind),
        ("ContentId", properties.get(tags.PidTagAttachContentId)),
        ("ContentLocation", properties.get(tags.PidTagAttachContentLocation)),
    ):
        if value:
            node.append(t(element, str(value)))
    content = properties.get(tags.PidTagAttachDataBinary)
    size = properties.get(tags.PidTagAttachSize) or (len(content) if content is not None else 0)
    node.append(t("Size", str(size)))
    modified = properties.get(tags.PidTagLastModificationTime)
    if modified:
        node.append(t("LastModifiedTime", show_time(modified)))
    node.append(t("IsInline", "true" if inline(attachment) else "false"))
    if refers:
        for element, key, shape in _REFERENCE:
            if properties.get(key) is not None:
                node.append(t(element, clean(shape.show(properties[key]))))
    elif attachment.embedded is None:
        photo = properties.get(tags.PidTagAttachmentContactPhoto)
        node.append(t("IsContactPhoto", "true" if photo else "false"))
    return node


def inline(attachment: Attachment) -> bool:
    """Whether the HTML body shows it."""
    flags = attachment.properties.get(tags.PidTagAttachFlags, 0)
    return bool(flags & tags.ATTACH_MHTML_REFERENCE)


# What a ReferenceAttachment says of where the file is ([MS-OXWSATT] 2.2.4.11, [MS-OXCMSG] 2.2.2).
_REFERENCE: Final[tuple[tuple[str, tags.PropertyKey, Text], ...]] = (
    ("AttachLongPathName", tags.PidTagAttachLongPathname, TEXT),
    ("ProviderType", tags.PidNameAttachmentProviderType, TEXT),
    ("ProviderEndpointUrl", tags.PidNameAttachmentProviderEndpointUrl, TEXT),
    ("AttachmentThumbnailUrl", tags.PidNameAttachmentThumbnailUrl, TEXT),
    ("AttachmentPreviewUrl", tags.PidNameAttachmentPreviewUrl, TEXT),
    ("PermissionType", tags.PidNameAttachmentPermissionType, INTEGER),
    ("AttachmentIsFolder", tags.PidNameAttachmentIsFolder, BOOLEAN),
)


def reference_from(node: Element, now: int) -> Attachment:
    """A ReferenceAttachment element as an attachment that has a place instead of a content."""
    if not text(node, "AttachLongPathName"):
        raise EwsError("ErrorRequiredPropertyMissing", "A reference attachment needs AttachLongPathName.")
    attachment = Attachment({tags.PidTagAttachMethod: tags.ATTACH_BY_WEB_REFERENCE, tags.PidTagRenderingPosition: -1})
    for element, key, shape in _REFERENCE:
        written = child(node, element)
        if written is not None:
            attachment.properties[key] = parsed(shape, written)
    describe_from(attachment, node, now)
    return attachment


def content(attachment: Attachment) -> Element:
    """The Content element of a file."""
    raw = attachment.properties.get(tags.PidTagAttachDataBinary, b"")
    return t("Content", base64.b64encode(raw).decode())


def file_from(node: Element, now: int) -> Attachment:
    """A FileAttachment element as an attachment."""
    name, given = text(node, "Name") or "", child(node, "Content")
    try:
        raw = parse_base64("" if given is None else given.text or "")
    except ValueError as error:
        raise EwsError("ErrorCorruptData", f"The content of attachment {name!r}: {error}") from None
    attachment = Attachment(
        {
            tags.PidTagAttachMethod: tags.ATTACH_BY_VALUE,
            tags.PidTagAttachDataBinary: raw,
            tags.PidTagAttachSize: len(raw),
            tags.PidTagRenderingPosition: -1,
        }
    )
    describe_from(attachment, node, now)
    return attachment


def describe_from(attachment: Attachment, node: Element, now: int) -> None:
    """Name, type and place of an attachment from its element."""
    properties = attachment.properties
    name = text(node, "Name") or ""
    properties[tags.PidTagAttachLongFilename] = name
    properties[tags.PidTagDisplayName] = name
    if "." in name:
        properties[tags.PidTagAttachExtension] = "." + name.rpartition(".")[2]
    for element, key in (
        ("ContentType", tags.PidTagAttachMimeTag),
        ("ContentId", tags.PidTagAttachContentId),
        ("ContentLocation", tags.PidTagAttachContentLocation),
    ):
        value = text(node, element)
        if value:
            properties[key] = value
    if flag(text(node, "IsInline")):
        properties[tags.PidTagAttachFlags] = tags.ATTACH_MHTML_REFERENCE
    if flag(text(node, "IsContactPhoto")):
        properties[tags.PidTagAttachmentContactPhoto] = True
    properties[tags.PidTagCreationTime] = now
    properties[tags.PidTagLastModificationTime] = now


def item_of(node: Element) -> Element:
    """The item element inside an ItemAttachment."""
    known = ("AttachmentId", "Name", "ContentType", "ContentId", "ContentLocation", "Size", "LastModifiedTime")
    for each in node:
        if local(each) not in (*known, "IsInline"):
            return each
    raise EwsError("ErrorInvalidRequest", "The item attachment has no item in it.")


def _build(view: View) -> Element | None:
    parent = ObjectId.parse(view.id)
    found = [
        describe(parent, number, each)
        for number, each in numbered(view.bag)
        if not each.properties.get(tags.PidTagAttachmentHidden)
    ]
    return array("Attachments", found) if found else None


def _store(draft: Draft, node: Element) -> None:
    # CreateItem takes attachments too (exchangelib uses CreateAttachment); items in items are built by their operation.
    for each in node:
        if local(each) == "FileAttachment":
            draft.new_attachments.append(file_from(each, draft.now()))
        elif local(each) == "ReferenceAttachment":
            draft.new_attachments.append(reference_from(each, draft.now()))
        else:
            draft.new_items.append(each)


FIELDS: Final = (Field("item:Attachments", "Attachments", _build, _store, heavy=True),)
