"""What the ledger costs an item of a first pass: processor time of PostgreSQL and of the worker, for each step.

Mailboxes of a thousand items are listed, read back, announced and agreed, as a pass does it, with no server asked. One
after the other on one connection, so that no waiting is counted; a transaction is flushed to disk by itself here.

    python -m tests.bench.bench_ledger
"""

from __future__ import annotations

import asyncio
import base64
import gc
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable
from pathlib import Path
from typing import TypeVar

from isthmus_events import Lease
from isthmus_mailbox.database_ledger import DatabaseLedger
from isthmus_service import GC_THRESHOLD, Pool
from isthmus_sync.mailbox.model import Action, Copied, FolderRow, Intent, LedgerChange, Staged, Work
from isthmus_sync.mailbox.ways import Way

from tests.bench.bench_mailbox import ledgers
from tests.bench.report import Row

_MAILBOXES, _FIRST = 12, 2
"""Mailboxes that are counted, and others before them: PostgreSQL has not planned its statements yet."""
_FOLDERS, _ITEMS, _BATCH = 4, 250, 100
"""Folders a mailbox, items a folder, items a request."""
_MODIFIED = "2026-01-02T03:04:05Z"

T = TypeVar("T")


class _Steps:
    """Seconds of processor time, by step."""

    def __init__(self, backend: int) -> None:
        self._backend = Path(f"/proc/{backend}/schedstat")
        self.database, self.worker = defaultdict[str, float](float), defaultdict[str, float](float)

    async def take(self, step: str, work: Awaitable[T]) -> T:
        database, worker = self._database(), time.process_time()
        result = await work
        self.worker[step] += time.process_time() - worker
        self.database[step] += self._database() - database
        return result

    def _database(self) -> float:
        return int(self._backend.read_text().split()[0]) / 1e9


async def _mailbox(pool: Pool, steps: _Steps) -> None:
    pair = os.urandom(16)
    await pool.execute(
        "INSERT INTO mailbox (pair_id, partition, pair, collection, wanted, switched)"
        " VALUES ($1, 0, '', 'bench', true, false)",
        pair,
    )
    ledger = DatabaseLedger(pool, Lease("mailbox", 0, 1), pair)
    folders = [FolderRow(number, None, "Folder", "IPF.Note", "", _id(), _id()) for number in range(_FOLDERS)]
    await ledger.write(LedgerChange(folders=folders))
    for folder in range(_FOLDERS):
        listed = [_listed(folder) for _ in range(_ITEMS)]
        await steps.take("listed", ledger.write(LedgerChange(stage=listed, sync_states={folder: "state"})))
    rows = await steps.take("read back", ledger.next_work(Work.COPY, 0, time.time(), _FOLDERS * _ITEMS))
    for start in range(0, len(rows), _BATCH):
        batch = rows[start : start + _BATCH]
        intent = Intent(Action.CREATE, time.time() + 100)
        announced = LedgerChange(intents={row.sequence: intent for row in batch})
        await steps.take("announced", ledger.write(announced))
        copied = [Copied(row.sequence, row.from_id, _id(), row.change_key, Way.STREAM, False) for row in batch]
        await steps.take("agreed", ledger.write(LedgerChange(copied=copied, bytes_copied=1)))


def _id() -> str:
    """As long as Exchange's."""
    return base64.b64encode(b"the mailbox and its folder, the same for all of its items" + os.urandom(48)).decode()


def _listed(folder: int) -> Staged:
    change_key = base64.b64encode(os.urandom(24)).decode()
    return Staged(_id(), folder, Work.COPY, os.urandom(16), 5_000, change_key=change_key, modified=_MODIFIED)


async def _measure(folder: Path) -> list[Row]:
    """Microseconds an item."""
    async with ledgers(folder) as pool:
        await pool.execute(
            "INSERT INTO partition_owner (consumer_group, partition, epoch, owner) VALUES ('mailbox', 0, 1, 'bench')"
        )
        backend = await pool.fetchval("SELECT pg_backend_pid()")
        for _ in range(_FIRST):
            await _mailbox(pool, _Steps(backend))
        steps = _Steps(backend)
        for _ in range(_MAILBOXES):
            await _mailbox(pool, steps)
    an_item = 1e6 / (_MAILBOXES * _FOLDERS * _ITEMS)
    return [
        Row(
            f"ledger, an item is {step}: PostgreSQL's processor",
            "µs",
            an_item * steps.database[step],
            "the worker's",
            an_item * steps.worker[step],
        )
        for step in steps.database
    ]


def run() -> list[Row]:
    """Everything; takes ten seconds."""
    gc.set_threshold(*GC_THRESHOLD)  # as in a worker's process
    with tempfile.TemporaryDirectory(prefix="isthmus-bench-") as folder:
        Path(folder).chmod(0o755)  # PostgreSQL runs as a user of its own
        return asyncio.run(_measure(Path(folder)))


if __name__ == "__main__":
    from tests.bench.report import show

    show(run())
