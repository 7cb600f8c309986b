"""Writing ids, reading items and folders: what several operations share."""

from __future__ import annotations

import base64
from collections.abc import Iterable

from .model import Folder, FoundItem, ItemRef
from .names import MESSAGES, SEARCH_KEY, TYPES, T
from .soap import Element, attribute

SEARCH_FOLDER = f"{T}SearchFolder"

LIST_FIELDS = (
    '<t:FieldURI FieldURI="item:Size"/><t:FieldURI FieldURI="item:Subject"/><t:FieldURI FieldURI="item:ItemClass"/>'
    f'<t:FieldURI FieldURI="message:IsRead"/>{SEARCH_KEY}'
)


def item_ids(items: Iterable[ItemRef]) -> str:
    """<m:ItemIds> of these items, by id alone: what is meant is the item as it is now."""
    return "<m:ItemIds>" + "".join(f"<t:ItemId Id={attribute(item.id)}/>" for item in items) + "</m:ItemIds>"


def folder_id(identity: str) -> str:
    """<t:FolderId> of a folder."""
    return f"<t:FolderId Id={attribute(identity)}/>"


def distinguished(role: str) -> str:
    """<t:DistinguishedFolderId> of a role such as "inbox", in the impersonated mailbox."""
    return f"<t:DistinguishedFolderId Id={attribute(role)}/>"


def read_item_ref(element: Element) -> ItemRef:
    """The ItemId inside an item element or a response."""
    found = element.find(f"{T}ItemId")
    if found is None:
        raise ValueError(f"the server's {_local(element)} has no ItemId")
    return ItemRef(found.get("Id", ""), found.get("ChangeKey", ""))


def read_search_key(item: Element) -> bytes:
    """PidTagSearchKey of an item that was asked for with SEARCH_KEY; empty when the item has none."""
    value = item.findtext(f"{T}ExtendedProperty/{T}Value")
    return base64.b64decode(value) if value else b""


def read_found_item(item: Element) -> FoundItem:
    """An item that was asked for with LIST_FIELDS."""
    return FoundItem(
        item=read_item_ref(item),
        search_key=read_search_key(item),
        size=int(item.findtext(f"{T}Size") or 0),
        subject=item.findtext(f"{T}Subject") or "",
        item_class=item.findtext(f"{T}ItemClass") or "",
        is_read=item.findtext(f"{T}IsRead") == "true",
    )


def read_folder(element: Element, role: str | None = None) -> Folder:
    """A folder that was asked for with its name, class and parent."""
    identity, parent = element.find(f"{T}FolderId"), element.find(f"{T}ParentFolderId")
    if identity is None:
        raise ValueError(f"the server's {_local(element)} has no FolderId")
    return Folder(
        id=identity.get("Id", ""),
        change_key=identity.get("ChangeKey", ""),
        parent=parent.get("Id", "") if parent is not None else "",
        name=element.findtext(f"{T}DisplayName") or "",
        folder_class=element.findtext(f"{T}FolderClass") or "",
        is_search=element.tag == SEARCH_FOLDER,
        role=role,
    )


def _local(element: Element) -> str:
    return str(element.tag).replace(f"{{{TYPES}}}", "t:").replace(f"{{{MESSAGES}}}", "m:")
