"""Copying while a mailbox is listed for the first time: what was told goes over while more is told (decision 0023).

Nothing hangs on it. All of it is staged work before it is taken; what is not copied here is done when the listing is
over, as all other work is. It is only ever new items: as long as nothing is told of one again, it has no row in the
ledger, and none of another item says that it was moved.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

from isthmus_sync.mailbox.batches import by_bytes
from isthmus_sync.mailbox.model import Staged, Work

from isthmus_mailbox import adopting, copying, doubts
from isthmus_mailbox.passing import BATCHES_AT_ONCE, Pass, first_failure, in_parallel
from isthmus_mailbox.sending import Copy

_WAITING = 1000
"""With so many items waiting to be copied the listing waits, too."""


class Ahead:
    """Copies what it is given, until it is closed, until a write is in doubt, or until something is told again."""

    def __init__(self, p: Pass, occupied: Collection[tuple[int, bool]]) -> None:
        """`occupied`: where the to side may have some of the items already, by folder and whether associated."""
        self._p = p
        self._occupied = occupied
        self._waiting: list[Staged] = []
        self._closed = False
        self._ended = False
        self._changed = asyncio.Condition()
        # Between the question what is known of a page and its being written down no other page is written.
        self.page = asyncio.Lock()

    async def take(self, rows: Collection[Staged]) -> None:
        """Copy these, which are staged; returns when there is room for more."""
        if self._closed:
            return
        self._waiting += (row for row in rows if self._wanted(row))
        async with self._changed:
            self._changed.notify_all()
            await self._changed.wait_for(lambda: self._closed or len(self._waiting) < _WAITING)

    def _wanted(self, row: Staged) -> bool:
        known = row.sequence > 0 and row.folder in self._p.to_folders
        return known and row.work is Work.COPY and (row.folder, row.associated) not in self._occupied

    async def close(self) -> None:
        """Nothing more comes: what is waiting is the last."""
        async with self._changed:
            self._closed = True
            self._changed.notify_all()

    async def stop(self) -> None:
        """Leave what is waiting to others; returns when nothing is under way, and no write is in doubt."""
        self._waiting.clear()
        await self.close()
        async with self._changed:
            await self._changed.wait_for(lambda: self._ended)
        if self._p.doubt:
            await doubts.settle_items(self._p)

    async def run(self) -> None:
        """Copy what is taken."""
        await in_parallel(self._batches(), BATCHES_AT_ONCE, lambda batch: copying.copy(self._p, batch))
        async with self._changed:
            self._closed = self._ended = True
            self._changed.notify_all()

    async def _batches(self) -> AsyncIterator[list[Copy]]:
        while not self._p.doubt:
            async with self._changed:
                batch = next(by_bytes(self._waiting), [])
                if len(batch) == len(self._waiting) and not self._closed:
                    await self._changed.wait()  # more may fit
                    continue
                if not batch:
                    return
                del self._waiting[: len(batch)]
                self._changed.notify_all()
            await self._p.breathe()
            yield [Copy(row, None) for row in batch]


@asynccontextmanager
async def ahead(p: Pass) -> AsyncIterator[Ahead]:
    """Copies while something is done, and for as long as there is something to copy afterwards."""
    this = Ahead(p, await adopting.occupied(p))
    with first_failure():
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(this.run())
            yield this
            await this.close()
