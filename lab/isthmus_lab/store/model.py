"""What the store answers with: folders, rows of items, changes, events. Values only.

Ids are opaque bytes: entry ids, [MS-OXCDATA] 2.2.4, 46 bytes for a folder and 70 for an item; an item's changes when
it is moved. Change keys are XIDs, [MS-OXCFXICS] 2.2.2.2, 22 bytes, new with every change. Times are FILETIMEs
(isthmus_lab.mapi.bag), 0 where there is none.
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple
from uuid import UUID

from isthmus_lab.mapi.bag import Bag, Properties
from isthmus_lab.mapi.tags import NamedProperty, PtypString

SEARCH = NamedProperty(UUID("5bd5ecb2-8f07-4c46-9a3c-7c4d05b9ae52"), "Search", PtypString)
"""The property of a folder that holds what it looks for elsewhere, as its server writes it; a search folder has it."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder with its counts."""

    id: bytes
    change_key: bytes
    parent_id: bytes | None  # None for the root
    role: str | None  # the EWS DistinguishedFolderId ("inbox"), None for a person's own folder
    name: str
    container_class: str  # "IPF.Note", "IPF.Appointment", …; may be empty
    total: int  # normal items
    unread: int
    associated: int
    children: int
    size: int  # bytes of all items' content
    created: int
    modified: int
    committed: int  # the last change of an item in it
    deleted: int  # how many items left it
    properties: Properties = field(hash=False)  # everything else that was set on it, by property key

    @property
    def is_search(self) -> bool:
        """It shows items of other folders and holds none."""
        return SEARCH in self.properties


class Row(NamedTuple):
    """What lists, views and sync need of an item without reading its content."""

    id: bytes
    change_key: bytes
    folder_id: bytes
    number: int  # the message counter in the id; rises with age in the mailbox
    associated: bool
    item_class: str
    subject: str
    sender: str  # display name of the represented sender
    sender_address: str
    display_to: str
    display_cc: str
    received: int
    sent: int
    created: int
    modified: int
    size: int  # bytes of the stored content
    message_flags: int  # PidTagMessageFlags
    importance: int  # 0 low, 1 normal, 2 high
    sensitivity: int
    flag_status: int  # PidTagFlagStatus: 0 none, 1 complete, 2 flagged
    search_key: bytes
    message_id: str
    in_reply_to: str
    conversation_index: bytes
    conversation_topic: str
    start: int  # calendar: start and end of the appointment, or of the first occurrence
    end: int
    clip_end: int  # calendar: end of the last occurrence; for a single appointment its end
    categories: str  # joined by "\n"
    file_as: str  # contacts
    due: int  # tasks
    deleted: int  # PidTagDeletedOn: when it came into the recoverable items
    has_attachments: bool  # attachments that a person sees: not inline, not hidden
    recurring: bool

    @property
    def is_read(self) -> bool:
        return bool(self.message_flags & 1)


class Item(NamedTuple):
    """An item with everything in it."""

    row: Row
    bag: Bag


class Page(NamedTuple):
    """A part of a folder's contents table."""

    rows: list[Row]
    offset: int  # of the first row among all that match
    total: int  # how many match
    last: bool  # the page reaches the end


class ChangeKind(Enum):
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    READ_FLAG = "readflag"


class ItemChange(NamedTuple):
    """One step of SyncFolderItems; `row` is None for a deletion."""

    kind: ChangeKind
    id: bytes
    row: Row | None

    @property
    def is_read(self) -> bool:
        return self.row is not None and self.row.is_read


class ItemChanges(NamedTuple):
    changes: list[ItemChange]
    state: bytes  # to be given back next time
    last: bool  # IncludesLastItemInRange


class FolderChanges(NamedTuple):
    """SyncFolderHierarchy's answer, complete at once; parents come before their children."""

    created: list[Folder]
    updated: list[Folder]
    deleted: list[bytes]
    state: bytes


class Delete(Enum):
    """DisposalType: to Deleted Items, to the recoverable items, or gone."""

    MOVE = "MoveToDeletedItems"
    SOFT = "SoftDelete"
    HARD = "HardDelete"


class EventKind(Enum):
    """The notification types of EWS."""

    NEW_MAIL = "NewMailEvent"
    CREATED = "CreatedEvent"
    DELETED = "DeletedEvent"
    MODIFIED = "ModifiedEvent"
    MOVED = "MovedEvent"
    COPIED = "CopiedEvent"


class Event(NamedTuple):
    """One change, told after it was committed."""

    mailbox: UUID
    kind: EventKind
    time: int  # FILETIME
    folder_id: bytes  # the folder an item is in; the folder itself for a folder's event
    parent_id: bytes  # the same for an item; a folder's parent
    item_id: bytes | None  # None for a folder's event
    old_item_id: bytes | None = None  # moved or copied from
    old_parent_id: bytes | None = None
    unread: int | None = None  # a folder's unread count, with MODIFIED of a folder
