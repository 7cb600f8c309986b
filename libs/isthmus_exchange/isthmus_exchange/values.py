"""What operations take and give. Ids are the server's own texts; times are its texts too, to the second, in UTC."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from .body import Piece


class ItemId(NamedTuple):
    """An item as it was at one moment. The id changes when the item moves, the change key whenever it changes."""

    id: str
    change_key: str


class Traits(NamedTuple):
    """What filters go by, beside the size and the place. Times are empty where an item has none."""

    # PidTagMessageClass: "IPM.Note".
    item_class: str
    # PidTagMessageDeliveryTime, PidTagCreationTime, PidTagLastModificationTime.
    received: str
    created: str
    modified: str
    categories: tuple[str, ...]


class Item(NamedTuple):
    """What lists tell of an item."""

    id: str
    change_key: str
    # PidTagSearchKey, [MS-OXCPRPT] 2.2.1.9: kept by moves, copies and uploads. Empty where the server tells none.
    search_key: bytes
    # PidTagMessageSize in bytes.
    size: int
    # The item belongs to the folder's hidden contents (FAI).
    associated: bool
    is_read: bool
    # PidTagLastModificationTime; moves and the read flag leave it as it is.
    modified: str
    # PidTagMessageClass: "IPM.Note".
    item_class: str = ""
    # None where they were not asked for.
    traits: Traits | None = None


class Entry(NamedTuple):
    """An item as a comparison of two servers sees it: what lists tell of it, and one field more."""

    id: str
    change_key: str
    search_key: bytes
    size: int
    associated: bool
    is_read: bool
    modified: str
    item_class: str
    traits: Traits | None
    # A digest of what the item's row tells of its content, 16 bytes; the same wherever the item is.
    content: bytes


class ItemChange(NamedTuple):
    """Create or update when `item` is given, a read flag when `is_read` is, else a deletion."""

    id: str
    item: Item | None = None
    is_read: bool | None = None
    # Of a changed read flag.
    change_key: str = ""


class ItemChanges(NamedTuple):
    """One answer of SyncFolderItems, in the server's order."""

    changes: list[ItemChange]
    state: str
    last: bool


class Folder(NamedTuple):
    """A folder as the hierarchy tells of it."""

    id: str
    parent: str
    name: str
    # "IPF.Note", "IPF.Appointment"…; may be empty.
    folder_class: str
    # DistinguishedFolderId ("inbox"); empty for a person's own folder.
    role: str
    # A search folder holds no items of its own.
    search: bool


class FolderMark(NamedTuple):
    """Of what a folder holds, the part that changes when anything in it does: [MS-OXCFOLD] 2.2.2.2.1.

    Equal marks mean equal contents when `committed` was some seconds old at the first look, for servers tell it to the
    second. A read flag that changes together with its opposite elsewhere in the folder may leave the mark as it is.
    """

    # PidTagLocalCommitTimeMax; empty where the server tells none, and then the mark means nothing.
    committed: str
    # PidTagDeletedCountTotal, PidTagContentCount, PidTagContentUnreadCount, PidTagAssociatedContentCount.
    deleted: str
    total: str
    unread: str
    associated: str


class Member(NamedTuple):
    """Somebody in a folder's access control list ([MS-OXWSCDATA] UserIdType). `distinguished`: Default or Anonymous."""

    sid: str = ""
    address: str = ""
    name: str = ""
    distinguished: str = ""

    @property
    def key(self) -> str:
        """By what an entry is known within its organisation."""
        return self.distinguished or self.address.casefold() or self.sid or self.name


class Permission(NamedTuple):
    """An entry of a folder's access control list: a level, or "Custom" with its single rights by element name."""

    member: Member
    level: str
    rights: tuple[tuple[str, str], ...] = ()


class FolderSettings(NamedTuple):
    """What a folder is beside its name, its place and what it holds."""

    # The element that shows a folder of its kind: "CalendarFolder" has permissions of its own kind.
    element: str
    # None when the account may not read them.
    permissions: list[Permission] | None
    # Entries of whom the server knows nothing more than a name: accounts that were deleted.
    unknown: list[str]
    # By name of folder_properties.PROPERTIES, as the server writes it.
    properties: dict[str, str]


class Delegate(NamedTuple):
    """Somebody who acts for a mailbox's owner. `levels`: of the six folders, by the element's name."""

    member: Member
    levels: tuple[tuple[str, str], ...]
    gets_copies: bool
    sees_private: bool


class Delegation(NamedTuple):
    """Delegates, and who gets meeting messages (DeliverMeetingRequests; empty where the server tells none)."""

    delegates: list[Delegate]
    delivery: str


class OutOfOffice(NamedTuple):
    """Automatic replies ([MS-OXWSOOF] 2.2.4.5). Replies are HTML; None: there is none."""

    state: str
    audience: str
    start: str
    end: str
    internal: str | None
    external: str | None


class InboxRule(NamedTuple):
    """A rule as GetInboxRules shows it."""

    id: str
    name: str
    priority: int
    enabled: bool
    # EWS can express all of it.
    supported: bool
    # A folder that it names is gone.
    in_error: bool
    # <t:Conditions>, <t:Exceptions> and <t:Actions>, without change keys; equal texts mean the same.
    content: str
    # Ids of folders and items in the actions.
    folders: tuple[str, ...]
    items: tuple[str, ...]


class SearchFolder(NamedTuple):
    """A folder that shows what a restriction finds in others."""

    id: str
    parent: str
    name: str
    # <t:SearchParameters>, without change keys; equal texts mean the same.
    parameters: str
    # Ids of the folders in which it looks.
    folders: tuple[str, ...]
    # Entry ids of folders with which its restriction compares an item's own (PidTagParentEntryId), in base64.
    entries: tuple[str, ...] = ()


class NewFolder(NamedTuple):
    """A folder that is to be made."""

    display_name: str
    folder_class: str


class FolderChanges(NamedTuple):
    """One answer of SyncFolderHierarchy."""

    changed: list[Folder]
    deleted: list[str]
    state: str
    last: bool


class Exported(NamedTuple):
    """An item's stream, [MS-OXWSBTRF] 3.1.4.1: base64 as it came, and where it came to if it is large."""

    id: str
    data: Piece
    # Of the item as the stream has it; empty where the server does not tell.
    change_key: str = ""


class Upload(NamedTuple):
    """An item's stream and where it goes; `over` is the id of the item whose content it replaces."""

    folder: str
    data: Piece
    associated: bool
    over: str | None = None


class Attached(NamedTuple):
    """An attachment without its content. `kind`: its element, "FileAttachment"…; `size` in bytes, by the server."""

    id: str
    kind: str
    name: str
    size: int


class Outline(NamedTuple):
    """What decides how an item can be brought over by its properties."""

    item_class: str
    # PidTagMessageSize in bytes.
    size: int
    attachments: tuple[Attached, ...]


class Properties(NamedTuple):
    """An item as CreateItem takes it: the element's name, and its children as they came, prefix t declared outside."""

    element: str
    content: str
    # Of the item that was read; empty for one that is to be made.
    change_key: str = ""


class Attachment(NamedTuple):
    """An attachment as CreateAttachment takes it: its element in pieces, so that its base64 is held once."""

    pieces: tuple[Piece, ...]
    # Of the item that it is, the content as in Properties; empty for files.
    item_class: str = ""
    content: str = ""


class EntryPage(NamedTuple):
    """A part of a folder's contents, as a comparison sees them."""

    entries: list[Entry]
    last: bool
    # Offset of the next page.
    next: int


class Page(NamedTuple):
    """A part of a folder's contents."""

    items: list[Item]
    last: bool
    # Offset of the next page.
    next: int


class Disposal(Enum):
    """DisposalType of the schema."""

    HARD_DELETE = "HardDelete"
    SOFT_DELETE = "SoftDelete"
    MOVE_TO_DELETED_ITEMS = "MoveToDeletedItems"
