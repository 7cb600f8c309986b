"""What EWS says of folders and items, as plain values. Ids are the server's opaque base64 text."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class ItemRef:
    """An item as it was when this was said; a change gives it another change key, a move another id."""

    id: str
    change_key: str = ""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder. ``role`` is its DistinguishedFolderId ("inbox"), None for those that people made."""

    id: str
    change_key: str
    parent: str
    name: str
    folder_class: str
    is_search: bool = False
    role: str | None = None


class Kind(Enum):
    """What happened to an item since a sync state ([MS-OXWSSYNC] 2.2.4.7)."""

    CREATED = "Create"
    UPDATED = "Update"
    DELETED = "Delete"
    READ_FLAG = "ReadFlagChange"


@dataclass(frozen=True, slots=True)
class ItemChange:
    """One change of an item. ``size`` in bytes, ``search_key`` 16 bytes; both empty for deletions and read flags."""

    kind: Kind
    item: ItemRef
    size: int = 0
    associated: bool = False
    search_key: bytes = b""
    is_read: bool = False


@dataclass(frozen=True, slots=True)
class ItemChanges:
    """A page of changes; ``last`` is False when there are more after ``state``."""

    changes: list[ItemChange]
    state: str
    last: bool


@dataclass(frozen=True, slots=True)
class FolderChange:
    """A folder that is new or changed, or, without ``folder``, deleted."""

    id: str
    folder: Folder | None


@dataclass(frozen=True, slots=True)
class FolderChanges:
    """A page of changes of the folder tree."""

    changes: list[FolderChange]
    state: str
    last: bool


@dataclass(frozen=True, slots=True)
class FoundItem:
    """An item in a listing."""

    item: ItemRef
    search_key: bytes
    size: int
    subject: str
    item_class: str
    is_read: bool
