"""Writing ids and shapes, reading items and folders: what several operations share."""

from __future__ import annotations

import binascii
import hashlib
import re
import sys
from collections.abc import Iterable
from functools import lru_cache

from lxml import etree

from .errors import EwsError
from .names import MESSAGES, SEARCH_KEY, TYPES, M, T
from .soap import Element, Row, attribute, check, text
from .values import Entry, Folder, FolderMark, Item, ItemId, Traits

# Every item has these as properties of its row, whatever its class; a server need not open the item to tell them. Each
# costs a tenth of a listing, on both ends.
ITEM_SHAPE = (
    f"<m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties>{SEARCH_KEY}"
    '<t:ExtendedFieldURI PropertyTag="0x0E08" PropertyType="Integer"/>'
    '<t:ExtendedFieldURI PropertyTag="0x0E07" PropertyType="Integer"/>'
    '<t:ExtendedFieldURI PropertyTag="0x3008" PropertyType="SystemTime"/>'
    '<t:ExtendedFieldURI PropertyTag="0x001A" PropertyType="String"/>'
    "</t:AdditionalProperties></m:ItemShape>"
)
_SEARCH_KEY, _SIZE, _FLAGS, _MODIFIED, _CLASS = 0x300B, 0x0E08, 0x0E07, 0x3008, 0x001A
_ITEM_ID, _FOLDER_ID, _EXTENDED_PROPERTY = f"{T}ItemId", f"{T}FolderId", f"{T}ExtendedProperty"
_PROPERTY = re.compile('PropertyTag="([^"]*)" PropertyType="[^"]*"/><t:Value>([^<]*)<')
_READ, _ASSOCIATED = 0x1, 0x40
"""mfRead and mfFAI of PidTagMessageFlags, [MS-OXCMSG] 2.2.1.6. The server says itself which items are associated."""

# What a row tells of an item's content beside its class: subject, times of sending and delivery, Internet message
# id, importance, sensitivity, flag ([MS-OXPROPS]). Servers compute none of these: a copy has them as its original does.
_CONTENT = {
    0x0037: "String",
    0x0039: "SystemTime",
    0x0E06: "SystemTime",
    0x1035: "String",
    0x0017: "Integer",
    0x0036: "Integer",
    0x1090: "Integer",
}
_END = "</t:AdditionalProperties>"
ENTRY_SHAPE = ITEM_SHAPE.replace(
    _END,
    "".join(f'<t:ExtendedFieldURI PropertyTag="{tag:#06x}" PropertyType="{kind}"/>' for tag, kind in _CONTENT.items())
    + _END,
)

_RECEIVED, _CREATED = 0x0E06, 0x3007
_RECEIVED_TIME = f'<t:ExtendedFieldURI PropertyTag="{_RECEIVED:#06x}" PropertyType="SystemTime"/>'
_TRAITS = (
    f'<t:ExtendedFieldURI PropertyTag="{_CREATED:#06x}" PropertyType="SystemTime"/>'
    f'<t:FieldURI FieldURI="item:Categories"/>{_END}'
)


def item_shape(*, traits: bool) -> str:
    """ITEM_SHAPE, with what filters go by when `traits` are wanted."""
    return ITEM_SHAPE.replace(_END, f"{_RECEIVED_TIME}{_TRAITS}") if traits else ITEM_SHAPE


def entry_shape(*, traits: bool) -> str:
    """ENTRY_SHAPE, which has the time of delivery already, with what else filters go by when `traits` are wanted."""
    return ENTRY_SHAPE.replace(_END, _TRAITS) if traits else ENTRY_SHAPE


FOLDER_SHAPE = (
    "<m:FolderShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties>"
    '<t:FieldURI FieldURI="folder:ParentFolderId"/><t:FieldURI FieldURI="folder:DisplayName"/>'
    '<t:FieldURI FieldURI="folder:FolderClass"/></t:AdditionalProperties></m:FolderShape>'
)

_COMMITTED, _DELETED, _TOTAL, _UNREAD, _HIDDEN = 0x670A, 0x670B, 0x3602, 0x3603, 0x3617
MARK_SHAPE = (
    "<m:FolderShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties>"
    f'<t:ExtendedFieldURI PropertyTag="{_COMMITTED:#x}" PropertyType="SystemTime"/>'
    + "".join(
        f'<t:ExtendedFieldURI PropertyTag="{tag:#x}" PropertyType="Integer"/>'
        for tag in (_DELETED, _TOTAL, _UNREAD, _HIDDEN)
    )
    + "</t:AdditionalProperties></m:FolderShape>"
)


def item_ids(ids: Iterable[str]) -> str:
    """<t:ItemId> of each, by id alone: what is meant is the item as it is now."""
    return "".join(f"<t:ItemId Id={attribute(each)}/>" for each in ids)


def folder_id(identity: str) -> str:
    """<t:FolderId> of a folder."""
    return f"<t:FolderId Id={attribute(identity)}/>"


def distinguished(role: str) -> str:
    """<t:DistinguishedFolderId> of a role such as "inbox", in the impersonated mailbox."""
    return f"<t:DistinguishedFolderId Id={attribute(role)}/>"


def read_item_id(element: Element | None) -> ItemId:
    """An ItemId element."""
    if element is None:
        raise ValueError("the server's answer lacks an ItemId")
    return ItemId(element.get("Id", ""), element.get("ChangeKey", ""))


def read_item(element: Element, told: dict[int, str] | None = None, *, traits: bool = False) -> Item:
    """An item that was asked for with item_shape, of whatever class; `told`: its extended properties, if read."""
    identity = read_item_id(next(element.iterchildren(_ITEM_ID), None))
    categories = tuple(each.text or "" for each in element.iterfind(f"{T}Categories/{T}String")) if traits else None
    return _item(identity.id, identity.change_key, read_extended(element) if told is None else told, categories)


def read_row(row: Row, *, traits: bool = False) -> Item:
    """The same of a row of a listing, which has no categories."""
    found = {_number(tag): value for tag, value in _PROPERTY.findall(row.properties)}
    return _item(row.id, row.change_key, found, () if traits else None)


def _item(identity: str, change_key: str, found: dict[int, str], categories: tuple[str, ...] | None) -> Item:
    flags = int(found.get(_FLAGS) or 0)
    return Item(
        id=identity,
        change_key=change_key,
        search_key=binascii.a2b_base64(found.get(_SEARCH_KEY, "")),
        size=int(found.get(_SIZE) or 0),
        associated=bool(flags & _ASSOCIATED),
        is_read=bool(flags & _READ),
        modified=found.get(_MODIFIED, ""),
        item_class=sys.intern(found.get(_CLASS, "")),  # a folder's items are held by the hundred thousand
        traits=None if categories is None else _traits(found, categories),
    )


def _traits(found: dict[int, str], categories: tuple[str, ...]) -> Traits:
    return Traits(
        item_class=found.get(_CLASS, ""),
        received=found.get(_RECEIVED, ""),
        created=found.get(_CREATED, ""),
        modified=found.get(_MODIFIED, ""),
        categories=categories,
    )


def read_entry(element: Element, *, traits: bool = False) -> Entry:
    """An item that was asked for with entry_shape, of whatever class."""
    found = read_extended(element)
    content = hashlib.blake2b(digest_size=16)
    for tag in (_CLASS, *_CONTENT):
        content.update(found.get(tag, "").encode() + b"\0")
    item = read_item(element, found, traits=traits)
    return Entry(*item, content=content.digest())


def read_folder(element: Element, role: str = "") -> Folder:
    """A folder that was asked for with FOLDER_SHAPE, of whatever class."""
    told = {each.tag: each for each in element}  # a walk, as in read_extended
    identity, parent = told.get(_FOLDER_ID), told.get(f"{T}ParentFolderId")
    if identity is None:
        raise ValueError(f"the server's {_local(element)} has no FolderId")
    return Folder(
        id=identity.get("Id", ""),
        parent=parent.get("Id", "") if parent is not None else "",
        name=_text(told.get(f"{T}DisplayName")),
        folder_class=_text(told.get(f"{T}FolderClass")),
        role=role,
        search=element.tag == f"{T}SearchFolder",
    )


def read_mark(element: Element) -> tuple[str, FolderMark]:
    """The id and the mark of a folder that was asked for with MARK_SHAPE."""
    identity, found = next(element.iterchildren(_FOLDER_ID), None), read_extended(element)
    if identity is None:
        raise ValueError(f"the server's {_local(element)} has no FolderId")
    mark = FolderMark(*(found.get(tag, "") for tag in (_COMMITTED, _DELETED, _TOTAL, _UNREAD, _HIDDEN)))
    return identity.get("Id", ""), mark


def new_item_ids(messages: Iterable[Element]) -> list[ItemId | EwsError]:
    """For each message the id of the item in it, or why there is none."""
    return [check(message) or read_item_id(message.find(f"{M}Items/*/{T}ItemId")) for message in messages]


def read_folder_id(message: Element) -> str:
    """The id of the only folder that a message is about."""
    found = message.find(f"{M}Folders/*/{T}FolderId")
    if found is None:
        raise ValueError("the server's answer lacks a FolderId")
    return found.get("Id", "")


def plain(node: Element) -> str:
    """An element as text with our prefix, without change keys and without blanks between elements."""
    name = etree.QName(node).localname
    given = sorted((str(key), str(value)) for key, value in node.items())
    attributes = "".join(f" {key}={attribute(value)}" for key, value in given if key != "ChangeKey")
    content = "".join(map(plain, node)) if len(node) else text(node.text or "")
    return f"<t:{name}{attributes}>{content}</t:{name}>"


def read_extended(element: Element) -> dict[int, str]:
    """Extended properties of one value, by their tag's number."""
    found: dict[int, str] = {}
    # A walk, as looking each element up by a path takes ten times as long, and there are half a dozen an item.
    for each in element.iterchildren(_EXTENDED_PROPERTY):
        # The schema has them in this order: what it is, then its value.
        if len(each) and (tag := each[0].get("PropertyTag")):
            found[_number(tag)] = each[-1].text or ""
    return found


@lru_cache(maxsize=1024)
def _number(tag: str) -> int:
    return int(tag, 0)


def _text(element: Element | None) -> str:
    return "" if element is None else element.text or ""


def _local(element: Element) -> str:
    return str(element.tag).replace(f"{{{TYPES}}}", "t:").replace(f"{{{MESSAGES}}}", "m:")
