"""What a pass needs of the ledger of one mailbox: a few questions, and one kind of change, one transaction each."""

from __future__ import annotations

from collections.abc import Collection, Container
from typing import Protocol

from isthmus_sync.mailbox.model import FolderRow, ItemRow, LedgerChange, Staged, Work
from isthmus_sync.mailbox.ways import Way


class Ledger(Protocol):
    """The ledger of one mailbox, seen in the direction of the pass at hand.

    Items are keyed by the from side's ids; only `in_doubt` tells of intents. `write` raises OwnershipLost, and writes
    nothing, when the mailbox has a newer owner. Where no row that it stages had a sequence, all of them have theirs
    afterwards.
    """

    async def chosen_by(self) -> str:
        """choice.version of the filters by which what is staged was decided; empty: there were none."""

    async def hierarchy_state(self, top: str) -> str | None:
        """Of SyncFolderHierarchy on the from side, of the tree whose top has this role."""

    async def folders(self) -> list[FolderRow]: ...

    async def known(self, from_ids: Collection[str]) -> dict[str, ItemRow]: ...

    async def count_in(self, folder: int) -> int:
        """How many items the ledger has in this folder."""

    async def filled(self) -> set[int]:
        """Folders of which the ledger has items or work."""

    async def any_of(self, from_ids: Collection[str]) -> bool:
        """The ledger has an item or work of one of these."""

    async def others(self, folder: int, present: Container[str], limit: int) -> list[str]:
        """From ids of items and work of this folder that are not `present`, and not to be deleted already."""

    async def came_by(self, way: Way) -> dict[str, ItemRow]:
        """Items that came by this way, which is not Way.STREAM: as good as all come by that."""

    async def counts(self) -> dict[tuple[int, bool], int]:
        """How many items the ledger has that are not to be deleted, by folder and whether they are associated."""

    async def claimed(self, to_ids: Collection[str]) -> dict[str, ItemRow]:
        """Which of these items of the to side the ledger knows, by to id."""

    async def staged(self, from_ids: Collection[str]) -> dict[str, Staged]: ...

    async def next_work(self, work: Work, after: int, due: float, limit: int) -> list[Staged]:
        """Work without an intent that is due, by sequence, from the one after `after` on."""

    async def last_work(self, work: Work, due: float) -> int:
        """The sequence of the last of such work; 0: there is none."""

    async def arriving(self, search_keys: Collection[bytes]) -> set[bytes]:
        """Those of these search keys that items have which are to be copied and are not on the to side yet."""

    async def places(self, search_keys: Collection[bytes]) -> set[tuple[bytes, int]]:
        """Those of these search keys that items of the ledger have whose deletion is not staged, each with the folders
        in which they are. Reads all items.
        """

    async def departures(self, search_keys: Collection[bytes]) -> list[Staged]:
        """Staged deletions of items with these search keys."""

    async def left_out_arrivals(self) -> list[Staged]:
        """Items that are left out and have the search key of one whose deletion is staged."""

    async def in_doubt(self) -> list[Staged]:
        """Work with an intent."""

    async def resent(self, folder: int) -> set[bytes]:
        """Search keys of uploads into this folder that were made again after the first one was taken for lost."""

    async def write(self, change: LedgerChange) -> None: ...
