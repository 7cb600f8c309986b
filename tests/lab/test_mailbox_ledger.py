"""The ledger in PostgreSQL does what the one in memory does, with which the engine is tried; and it is fenced."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace
from typing import TypeVar

import pytest
from isthmus_events import Lease, OwnershipLost
from isthmus_mailbox.database_ledger import DatabaseLedger
from isthmus_service import Pool
from isthmus_sync.mailbox.model import Action, Copied, FolderRow, Intent, ItemRow, LedgerChange, Staged, Work
from isthmus_sync.mailbox.ways import Way

from tests.unit.mailbox_world import World
from tests.unit.memory_ledger import MemoryLedger

_PAIR = b"pair"
_IDS = [f"bGV0dGVy{number}" for number in range(9)]
_FOLDERS = (0, 1, 2)
_EVER = float("inf")
_KEYS = [bytes([each]) for each in range(4)]

T = TypeVar("T")


@pytest.fixture
async def pool(ledgers: Pool) -> Pool:
    await ledgers.execute(
        "INSERT INTO mailbox (pair_id, partition, pair, collection, wanted, switched)"
        " VALUES ($1, 0, '', 'test', true, false)",
        _PAIR,
    )
    return ledgers


async def _owner(pool: Pool) -> DatabaseLedger:
    epoch = await pool.fetchval(
        "INSERT INTO partition_owner AS known (consumer_group, partition, epoch, owner)"
        " VALUES ('mailbox', 0, 1, 'test')"
        " ON CONFLICT (consumer_group, partition) DO UPDATE SET epoch = known.epoch + 1 RETURNING epoch"
    )
    return DatabaseLedger(pool, Lease("mailbox", 0, epoch), _PAIR)


class _Changes:
    """Changes by chance, such as a pass may make."""

    def __init__(self, seed: int) -> None:
        self._luck = random.Random(seed)
        self._targets = (f"dGFyZ2V0{number}" for number in itertools.count())

    def next(self, memory: MemoryLedger) -> LedgerChange:
        luck = self._luck
        change = LedgerChange()
        if luck.random() < 0.3:
            rows = self._some(list(memory.staged_rows.values()))
            change.intents = {row.sequence: self._intent() for row in rows}
        elif luck.random() < 0.4:
            change.items = [self._item(each) for each in self._some(_IDS)]
            change.unstage = self._some(_IDS)
            change.bytes_copied = luck.choice((0, 7))
        elif luck.random() < 0.4:
            rows = [row for row in memory.staged_rows.values() if row.work is Work.COPY]
            change.copied = [self._copied(row, row.from_id in memory.item_rows) for row in self._some(rows)]
            change.bytes_copied = 3 * len(change.copied)
            if luck.random() < 0.3:
                change.sync_states = {luck.choice(_FOLDERS): "state"}
        elif luck.random() < 0.3:
            folder = luck.choice(_FOLDERS)
            change.stage = [
                Staged(each, folder, Work.COPY, associated=luck.random() < 0.2) for each in self._some(_IDS)
            ]
        else:
            change.forget = self._some(_IDS)
            change.unstage = self._some(_IDS)
            change.stage = [self._staged(each, memory) for each in self._some(_IDS)]
            change.resent = [(luck.choice(_FOLDERS), bytes([luck.randrange(3)])) for _ in range(luck.randrange(2))]
            change.chosen_by = luck.choice((None, "", "some filters"))
            change.sync_states = {luck.choice(_FOLDERS): luck.choice((None, "state"))}
            if luck.random() < 0.1:
                change.gone_folders = [luck.choice(_FOLDERS)]
            elif luck.random() < 0.1:
                change.reset_folders = [luck.choice(_FOLDERS)]
        return change

    def _some(self, of: list[T]) -> list[T]:
        return self._luck.sample(of, min(len(of), self._luck.randrange(5)))

    def _intent(self) -> Intent | None:
        return self._luck.choice((None, Intent(Action.CREATE, 5.5), Intent(Action.MOVE, 7.0, "b2xk")))

    def _item(self, from_id: str) -> ItemRow:
        luck = self._luck
        return ItemRow(
            from_id,
            next(self._targets),
            luck.choice(_FOLDERS),
            bytes([luck.randrange(4)]),
            luck.randrange(9),
            luck.random() < 0.2,
            luck.random() < 0.5,
            "a2V5",
            luck.choice(("", "not base64")),
            "2024-01-01T00:00:00Z",
            luck.choice(list(Way)),
        )

    def _copied(self, row: Staged, over: bool) -> Copied:
        return Copied(row.sequence, row.from_id, next(self._targets), "a2V5", self._luck.choice(list(Way)), over)

    def _staged(self, from_id: str, memory: MemoryLedger) -> Staged:
        luck = self._luck
        before = memory.staged_rows.get(from_id)
        if before is not None and luck.random() < 0.5:
            return replace(
                before,
                attempts=before.attempts + 1,
                reason="no\0 reason",
                intent=None,
                sequence=luck.choice((0, before.sequence)),
            )
        return Staged(from_id, luck.choice(_FOLDERS), luck.choice(list(Work)), bytes([luck.randrange(4)]), modified="x")


@pytest.mark.parametrize("seed", range(4))
async def test_it_holds_what_the_ledger_in_memory_holds(pool: Pool, seed: int) -> None:
    ledger, memory, changes = await _owner(pool), MemoryLedger(World()), _Changes(seed)
    tree = LedgerChange(folders=[FolderRow(number, None, "Folder", "IPF.Note", "", None, None) for number in _FOLDERS])
    await ledger.write(tree)
    await memory.write(tree)
    written = 0
    for _ in range(60):
        change = changes.next(memory)
        written += change.bytes_copied
        await ledger.write(_renumbered(change, memory, await ledger.staged(_IDS)))
        await memory.write(change)
        assert await ledger.folders() == await memory.folders()
        assert await ledger.chosen_by() == await memory.chosen_by()
        assert await ledger.known(_IDS) == await memory.known(_IDS)
        assert _ordered(await ledger.staged(_IDS)) == _ordered(await memory.staged(_IDS))
        assert await ledger.filled() == await memory.filled()
        for each in _IDS:
            assert await ledger.any_of([each]) == await memory.any_of([each])
        assert await ledger.counts() == await memory.counts()
        assert await ledger.arriving(_KEYS) == await memory.arriving(_KEYS)
        assert await ledger.places(_KEYS) == await memory.places(_KEYS)
        for folder in _FOLDERS:
            assert await ledger.count_in(folder) == await memory.count_in(folder)
            assert await ledger.resent(folder) == await memory.resent(folder)
            others = await ledger.others(folder, _IDS[:4], 100)
            assert sorted(others) == await memory.others(folder, _IDS[:4], 100)
        for work in (Work.COPY, Work.READ_FLAG):
            rows, expected = [await each.next_work(work, 0, _EVER, 100) for each in (ledger, memory)]
            assert [row.from_id for row in rows] == [row.from_id for row in expected]
            for asked, found in ((ledger, rows), (memory, expected)):
                assert await asked.last_work(work, _EVER) == (found[-1].sequence if found else 0)
        doubts, expected = [await each.in_doubt() for each in (ledger, memory)]
        assert {row.from_id: row.intent for row in doubts} == {row.from_id: row.intent for row in expected}
    assert await pool.fetchval("SELECT bytes_done FROM mailbox") == written
    doubts = await memory.in_doubt()
    await ledger.write(LedgerChange(unstage=[row.from_id for row in doubts]))
    assert await pool.fetchval("SELECT count(*) FROM intent") == 0


def _renumbered(change: LedgerChange, memory: MemoryLedger, staged: dict[str, Staged]) -> LedgerChange:
    """The change with the numbers that rows have in the database: given in the same order, and not the same ones."""
    numbers = {row.sequence: staged[each].sequence for each, row in memory.staged_rows.items()} | {0: 0}
    return replace(
        change,
        stage=[replace(row, sequence=numbers[row.sequence]) for row in change.stage],
        intents={numbers[each]: intent for each, intent in change.intents.items()},
        copied=[each._replace(sequence=numbers[each.sequence]) for each in change.copied],
    )


def _ordered(rows: dict[str, Staged]) -> dict[str, Staged]:
    """What cannot be stored is not; what is in doubt is told by itself."""
    return {
        each: replace(row, sequence=0, intent=None, reason=row.reason.replace("\0", "\ufffd"))
        for each, row in rows.items()
    }


@pytest.mark.parametrize("folders", [1, 2], ids=["a folder's listing", "of several folders"])
async def test_what_is_staged_has_its_sequence_afterwards(pool: Pool, folders: int) -> None:
    ledger = await _owner(pool)
    tree = [FolderRow(number, None, "Folder", "IPF.Note", "", None, None) for number in range(folders)]
    await ledger.write(LedgerChange(folders=tree))
    for attempt in range(2):  # the second time the work takes the place of the first
        rows = [Staged(f"bGV0dGVy{each:04}", each % folders, Work.COPY, size=attempt) for each in reversed(range(600))]
        await ledger.write(LedgerChange(stage=rows))
        there = await ledger.staged([row.from_id for row in rows])
        assert [row.sequence for row in rows] == [there[row.from_id].sequence for row in rows]
        assert {row.size for row in there.values()} == {attempt}


async def test_a_worker_that_lost_a_mailbox_writes_nothing(pool: Pool) -> None:
    older = await _owner(pool)
    row = Staged(_IDS[0], 0, Work.COPY, size=5)
    await older.write(LedgerChange(stage=[row]))
    newer = await _owner(pool)
    item = ItemRow(_IDS[0], "dGFyZ2V0", 0, b"key", 5, False, False, "a2V5", "a2V5", "")
    for change in (
        LedgerChange(intents={row.sequence: Intent(Action.CREATE, 1.0)}),
        LedgerChange(items=[item], unstage=[_IDS[0]], bytes_copied=5),
        LedgerChange(copied=[Copied(row.sequence, _IDS[0], "dGFyZ2V0", "a2V5", Way.STREAM, False)], bytes_copied=5),
        LedgerChange(stage=[replace(row, size=6)]),
        LedgerChange(stage=[replace(row, attempts=1)]),
    ):
        with pytest.raises(OwnershipLost):
            await older.write(change)
    assert await newer.next_work(Work.COPY, 0, _EVER, 10) == [row]
    assert not await newer.known(_IDS)
    assert await pool.fetchval("SELECT bytes_done FROM mailbox") == 0


async def test_what_is_not_staged_cannot_have_been_copied(pool: Pool) -> None:
    ledger = await _owner(pool)
    await ledger.write(LedgerChange(stage=[Staged(each, 0, Work.COPY, size=5) for each in _IDS[:2]]))
    first, second = (each.sequence for each in (await ledger.staged(_IDS[:2])).values())
    await ledger.write(LedgerChange(intents=dict.fromkeys((first, second), Intent(Action.CREATE, 1.0))))
    await ledger.write(LedgerChange(unstage=[_IDS[1]]))
    copied = [Copied(each, "bGV0dGVy", f"dGFyZ2V0{each}", "a2V5", Way.STREAM, False) for each in (first, second)]
    with pytest.raises(RuntimeError, match="not staged"):
        await ledger.write(LedgerChange(copied=copied, bytes_copied=10))
    assert not await ledger.known(_IDS)
    assert [row.sequence for row in await ledger.in_doubt()] == [first]
    assert await pool.fetchval("SELECT bytes_done FROM mailbox") == 0
