"""The ledger's rows. Ids are the servers' own texts; "from" and "to" are the two sides of the pass at hand.

No row is changed after it was made, but that a staged one gets its sequence when it is written. Those of items are not
frozen, as making a frozen one takes seven times as long, and there are three of them for each item that is copied.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import NamedTuple

from isthmus_exchange.values import Traits

from isthmus_sync.mailbox.ways import Way

ROOT = 0
"""Number of the folder msgfolderroot in every mailbox: the top of its main tree."""


class FolderWrite(IntEnum):
    """A write to the to side's tree that was about to be sent."""

    CREATE = 1
    RENAME = 2
    MOVE = 3
    DELETE = 4


@dataclass(frozen=True, slots=True)
class FolderIntent:
    """Recorded before a folder is written; still there afterwards, nobody knows whether it happened."""

    write: FolderWrite
    # Seconds since 1970 after which the server has given up the request, if it ever got it.
    answer_by: float
    # Where to and under which name; ids of the to side.
    parent: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class FolderRow:
    """A folder on both sides. `number` is ours and stays the same whatever the servers call it."""

    number: int
    # Number of the folder it lies in on the from side; None for the top of a tree.
    parent: int | None
    name: str
    folder_class: str
    # DistinguishedFolderId, empty for a person's own folder.
    role: str
    from_id: str | None
    to_id: str | None
    # Of SyncFolderItems on the from side; None before the first answer, or after it was lost.
    sync_state: str | None = None
    # The from side has it no more; the to side loses it at the end of the pass.
    gone: bool = False
    # The to side is as this row says.
    settled: bool = False
    intent: FolderIntent | None = None


@dataclass(slots=True)
class ItemRow:
    """An item that is on both sides, as both last agreed."""

    from_id: str
    to_id: str
    folder: int
    search_key: bytes
    size: int
    associated: bool
    is_read: bool
    from_change_key: str
    to_change_key: str
    # Modification time on the from side as its server writes it; empty when it could have been modified again within
    # the same second, so that nothing can be concluded from it.
    modified: str
    way: Way = Way.STREAM


class Work(IntEnum):
    """What is to be done about an item of the from side."""

    # Bring its present content over: as a new item, or over the one that the ledger knows.
    COPY = 1
    DELETE = 2
    READ_FLAG = 3
    # Nothing: a filter leaves it out.
    LEFT_OUT = 4


class Action(IntEnum):
    """A write that was about to be sent."""

    CREATE = 1
    UPDATE = 2
    MOVE = 3
    DELETE = 4
    READ_FLAG = 5
    # A new item from the other's properties, by one request or by the move of a finished one to its place.
    MAKE = 6


@dataclass(frozen=True, slots=True)
class Intent:
    """Recorded before a write is sent; still there afterwards, it means that nobody knows whether it happened."""

    action: Action
    # Seconds since 1970 after which the server has given up the request, if it ever got it.
    answer_by: float
    # The from id under which the ledger knows the item that is being moved.
    moved_from: str = ""


@dataclass(slots=True)
class Staged:
    """Work that is written down, and not yet done. One row for each item of the from side."""

    from_id: str
    folder: int
    work: Work
    search_key: bytes = b""
    size: int = 0
    associated: bool = False
    is_read: bool = False
    change_key: str = ""
    modified: str = ""
    # Failed attempts since it was staged, when the next one is due (seconds since 1970), and what went wrong; of an
    # item that is left out, the words of the filter.
    attempts: int = 0
    not_before: float = 0.0
    reason: str = ""
    intent: Intent | None = None
    # Of an item that is not on the to side: what filters go by, where there are any.
    traits: Traits | None = None
    # Order of the work; given by the ledger, rises with every staging.
    sequence: int = 0


class Copied(NamedTuple):
    """Staged content that is on the to side now: its row becomes an item's, just as it is staged."""

    # Of the staged row, whose work is Work.COPY.
    sequence: int
    from_id: str
    to_id: str
    to_change_key: str
    way: Way
    # The ledger has an item by this id already.
    over: bool


class Outcome(Enum):
    """What a pass counts."""

    ADDED = "added"
    UPDATED = "updated"
    MOVED = "moved"
    DELETED = "deleted"
    READ_FLAG = "read_flags"


@dataclass(slots=True)
class LedgerChange:
    """What is written in one transaction, in the order of the fields."""

    # choice.version of the filters by which everything staged is decided now.
    chosen_by: str | None = None
    # Of SyncFolderHierarchy, by the role of the tree's top.
    hierarchy_states: dict[str, str] = field(default_factory=dict)
    folders: list[FolderRow] = field(default_factory=list)
    # Folders that the from side has no more: their items' work becomes deletion.
    gone_folders: list[int] = field(default_factory=list)
    # Folders whose items on the to side are lost: items and work are forgotten, the sync state with them.
    reset_folders: list[int] = field(default_factory=list)
    # Folders that are on neither side now, with everything known of their items.
    removed_folders: list[int] = field(default_factory=list)
    sync_states: dict[int, str | None] = field(default_factory=dict)
    # By from id.
    forget: list[str] = field(default_factory=list)
    items: list[ItemRow] = field(default_factory=list)
    unstage: list[str] = field(default_factory=list)
    copied: list[Copied] = field(default_factory=list)
    # Without intents: what is staged anew is decided anew.
    stage: list[Staged] = field(default_factory=list)
    # By sequence: the intent that a staged row has now, or None where it has none any more.
    intents: dict[int, Intent | None] = field(default_factory=dict)
    # Folder and search key of uploads that were taken for lost and are made again.
    resent: list[tuple[int, bytes]] = field(default_factory=list)
    # What this change is in the pass's counts.
    outcomes: dict[Outcome, int] = field(default_factory=dict)
    bytes_copied: int = 0
    # Staged rows that are set aside with this change, to be told to others.
    set_aside: list[Staged] = field(default_factory=list)

    def count(self, outcome: Outcome) -> None:
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
