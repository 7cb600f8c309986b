"""Copying while a mailbox is listed for the first time: what was told goes over while more is told (decision 0023).

Nothing hangs on it. All of it is staged work before it is taken; what is not copied here is done when the listing is
over, as all other work is. It is only ever new items: as long as nothing is told of one again, it has no row in the
ledger, and none of another item says that it was moved.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

from isthmus_exchange.operations.sync_folder_items import LIMIT as PAGE
from isthmus_sync.mailbox.batches import by_bytes
from isthmus_sync.mailbox.model import Staged, Work

from isthmus_mailbox import adopting, copying, doubts
from isthmus_mailbox.passing import BATCHES_AT_ONCE, Pass, first_failure, in_parallel
from isthmus_mailbox.sending import Copy


class Ahead:
    """Copies what it is given, until it is closed, until a write is in doubt, or until something is told again."""

    def __init__(self, p: Pass, occupied: Collection[tuple[int, bool]]) -> None:
        """`occupied`: where the to side may have some of the items already, by folder and whether associated."""
        self._p = p
        self._occupied = occupied
        self._waiting: list[Staged] = []
        # So many pages are being asked for; and there is too little to copy.
        self._asked = 0
        self._hungry = False
        self._closed = False
        self._ended = False
        self._backlog = p.backlog
        self._changed = p.backlog.changed
        # Between the question what is known of a page and its being written down no other page is written.
        self.page = asyncio.Lock()

    @asynccontextmanager
    async def asking(self) -> AsyncIterator[None]:
        """Waits until another page is to be asked for, and holds its place while it is."""
        async with self._changed:
            await self._changed.wait_for(self._has_room)
            self._asked += 1
            self._backlog.items += PAGE
        try:
            yield
        finally:
            async with self._changed:
                self._asked -= 1
                self._backlog.items -= PAGE
                self._changed.notify_all()

    def _has_room(self) -> bool:
        # Whoever has nothing to do is told something whatever the others have, so that none waits for another.
        return self._closed or self._backlog.has_room or (self._hungry and not self._asked)

    async def take(self, rows: Collection[Staged]) -> None:
        """Copy these, which are staged."""
        wanted = [row for row in rows if self._wanted(row)]
        async with self._changed:
            if not self._closed:
                self._hungry = False
                self._waiting += wanted
                self._backlog.items += len(wanted)
                self._changed.notify_all()

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
        self._done(len(self._waiting))
        await self.close()
        async with self._changed:
            await self._changed.wait_for(lambda: self._ended)
        if self._p.doubt:
            await doubts.settle_items(self._p)

    async def run(self) -> None:
        """Copy what is taken."""
        try:
            await in_parallel(self._batches(), BATCHES_AT_ONCE, lambda batch: copying.copy(self._p, batch))
        finally:
            async with self._changed:
                self._closed = self._ended = True
                self._done(len(self._waiting))
                self._changed.notify_all()

    async def _batches(self) -> AsyncIterator[list[Copy]]:
        while not self._p.doubt:
            async with self._changed:
                batch = next(by_bytes(self._waiting), [])
                if len(batch) == len(self._waiting) and not self._closed:
                    self._hungry = True  # more may fit
                    self._changed.notify_all()
                    await self._changed.wait_for(lambda: self._closed or not self._hungry)
                    continue
                if not batch:
                    return
                self._done(len(batch))
                self._changed.notify_all()
            await self._p.breathe()
            yield [Copy(row, None) for row in batch]

    def _done(self, count: int) -> None:
        """So many of those that wait do not any more."""
        del self._waiting[:count]
        self._backlog.items -= count


@asynccontextmanager
async def ahead(p: Pass) -> AsyncIterator[Ahead]:
    """Copies while something is done, and for as long as there is something to copy afterwards."""
    this = Ahead(p, await adopting.occupied(p))
    with first_failure():
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(this.run())
            yield this
            await this.close()
