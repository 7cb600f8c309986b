"""The ledger of a mailbox in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Container
from dataclasses import dataclass, field, replace

from isthmus_sync.mailbox.model import FolderRow, ItemRow, LedgerChange, Staged, Work
from isthmus_sync.mailbox.staging import agreed, deletion
from isthmus_sync.mailbox.ways import Way

from tests.unit.mailbox_world import Crash, World


@dataclass
class MemoryLedger:
    """The ledger of one mailbox. A write is whole or not at all; the process may die before or after it."""

    world: World
    states: dict[str, str] = field(default_factory=dict)
    folder_rows: dict[int, FolderRow] = field(default_factory=dict)
    item_rows: dict[str, ItemRow] = field(default_factory=dict)
    staged_rows: dict[str, Staged] = field(default_factory=dict)
    resent_keys: set[tuple[int, bytes]] = field(default_factory=set)
    sequence: int = 0
    decided_by: str = ""

    async def chosen_by(self) -> str:
        return self.decided_by

    async def hierarchy_state(self, top: str) -> str | None:
        return self.states.get(top)

    async def folders(self) -> list[FolderRow]:
        return list(self.folder_rows.values())

    async def known(self, from_ids: Collection[str]) -> dict[str, ItemRow]:
        return {each: self.item_rows[each] for each in from_ids if each in self.item_rows}

    async def count_in(self, folder: int) -> int:
        return sum(row.folder == folder for row in self.item_rows.values())

    async def filled(self) -> set[int]:
        return {row.folder for row in self.item_rows.values()} | {row.folder for row in self.staged_rows.values()}

    async def any_of(self, from_ids: Collection[str]) -> bool:
        return any(each in self.item_rows or each in self.staged_rows for each in from_ids)

    async def others(self, folder: int, present: Container[str], limit: int) -> list[str]:
        rows: list[ItemRow | Staged] = [*self.item_rows.values(), *self.staged_rows.values()]
        leaving = {row.from_id for row in self.staged_rows.values() if row.work is Work.DELETE}
        ids = {row.from_id for row in rows if row.folder == folder and row.from_id not in leaving}
        return [each for each in sorted(ids) if each not in present][:limit]

    async def came_by(self, way: Way) -> dict[str, ItemRow]:
        return {row.from_id: row for row in self.item_rows.values() if row.way is way}

    async def counts(self) -> dict[tuple[int, bool], int]:
        leaving = {row.from_id for row in self.staged_rows.values() if row.work is Work.DELETE}
        return Counter((row.folder, row.associated) for row in self.item_rows.values() if row.from_id not in leaving)

    async def claimed(self, to_ids: Collection[str]) -> dict[str, ItemRow]:
        return {row.to_id: row for row in self.item_rows.values() if row.to_id in to_ids}

    async def staged(self, from_ids: Collection[str]) -> dict[str, Staged]:
        return {each: self.staged_rows[each] for each in from_ids if each in self.staged_rows}

    async def next_work(self, work: Work, after: int, due: float, limit: int) -> list[Staged]:
        rows = [row for row in self._due(work, due) if row.sequence > after]
        return sorted(rows, key=lambda row: row.sequence)[:limit]

    async def last_work(self, work: Work, due: float) -> int:
        return max((row.sequence for row in self._due(work, due)), default=0)

    def _due(self, work: Work, due: float) -> list[Staged]:
        staged = self.staged_rows.values()
        return [row for row in staged if row.work is work and row.intent is None and row.not_before <= due]

    async def arriving(self, search_keys: Collection[bytes]) -> set[bytes]:
        return {
            row.search_key
            for row in self.staged_rows.values()
            if row.work is Work.COPY and row.search_key in search_keys and row.from_id not in self.item_rows
        }

    async def places(self, search_keys: Collection[bytes]) -> set[tuple[bytes, int]]:
        leaving = {row.from_id for row in self.staged_rows.values() if row.work is Work.DELETE}
        return {
            (row.search_key, row.folder)
            for row in self.item_rows.values()
            if row.search_key in search_keys and row.from_id not in leaving
        }

    async def departures(self, search_keys: Collection[bytes]) -> list[Staged]:
        return [row for row in self.staged_rows.values() if row.work is Work.DELETE and row.search_key in search_keys]

    async def left_out_arrivals(self) -> list[Staged]:
        leaving = {row.search_key for row in self.staged_rows.values() if row.work is Work.DELETE and row.search_key}
        return [row for row in self.staged_rows.values() if row.work is Work.LEFT_OUT and row.search_key in leaving]

    async def in_doubt(self) -> list[Staged]:
        return [row for row in self.staged_rows.values() if row.intent]

    async def resent(self, folder: int) -> set[bytes]:
        return {key for number, key in self.resent_keys if number == folder}

    async def write(self, change: LedgerChange) -> None:
        fate = self.world.fate()
        if fate == 1:
            raise Crash
        self._write(change)
        if fate == 3:
            raise Crash

    def _write(self, change: LedgerChange) -> None:
        if change.chosen_by is not None:
            self.decided_by = change.chosen_by
        self.states |= change.hierarchy_states
        self.folder_rows |= {row.number: row for row in change.folders}
        for number in change.gone_folders:
            self.folder_rows[number] = replace(self.folder_rows[number], gone=True, sync_state=None)
            self.staged_rows = {key: row for key, row in self.staged_rows.items() if row.folder != number}
            for row in self.item_rows.values():
                if row.folder == number:
                    self._stage(deletion(row))
        for number in (*change.reset_folders, *change.removed_folders):
            self.item_rows = {key: row for key, row in self.item_rows.items() if row.folder != number}
            self.staged_rows = {key: row for key, row in self.staged_rows.items() if row.folder != number}
        for number in change.reset_folders:
            self.folder_rows[number] = replace(self.folder_rows[number], sync_state=None)
        for number in change.removed_folders:
            self.folder_rows.pop(number, None)
        for number, state in change.sync_states.items():
            self.folder_rows[number] = replace(self.folder_rows[number], sync_state=state)
        for from_id in change.forget:
            self.item_rows.pop(from_id, None)
        for item in change.items:
            assert all(row.to_id != item.to_id or row.from_id == item.from_id for row in self.item_rows.values())
            self.item_rows[item.from_id] = item
        for from_id in change.unstage:
            self.staged_rows.pop(from_id, None)
        for copied in change.copied:
            staged = self.staged_rows.pop(copied.from_id)
            assert (staged.sequence, staged.work) == (copied.sequence, Work.COPY)
            assert copied.over == (copied.from_id in self.item_rows)
            item = agreed(staged, copied.to_id, copied.to_change_key, copied.way)
            assert all(row.to_id != item.to_id or row.from_id == item.from_id for row in self.item_rows.values())
            self.item_rows[item.from_id] = item
        unnumbered = not any(row.sequence for row in change.stage)
        for staged in change.stage:
            self._stage(staged)
            if unnumbered:
                staged.sequence = self.sequence
        ids = {row.sequence: row.from_id for row in self.staged_rows.values()} if change.intents else {}
        for sequence, intent in change.intents.items():
            self.staged_rows[ids[sequence]] = replace(self.staged_rows[ids[sequence]], intent=intent)
        self.resent_keys |= set(change.resent)

    def _stage(self, row: Staged) -> None:
        assert row.intent is None
        if not row.sequence:
            self.sequence += 1
            row = replace(row, sequence=self.sequence)
        self.staged_rows[row.from_id] = row
