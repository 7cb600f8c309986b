"""What is new in which mailbox: those that only wait for changes are watched; what is told waits for their pass."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime

from isthmus_exchange.client import Client
from isthmus_exchange.streaming import News
from isthmus_service import DATABASE_AWAY, Pool

from isthmus_mailbox import boxes
from isthmus_mailbox.notices import Notices, Watch
from isthmus_mailbox.organisations import Organisations

_LOOK_SECONDS, _SELDOM_SECONDS = 2.0, 10.0
"""So often it is seen which mailboxes are to be watched; so seldom, where that takes long."""


class Watching:
    """Watches the resting mailboxes of partitions that are `owned()`; `told()` is called when something happened."""

    def __init__(
        self, pool: Pool, organisations: Organisations, owned: Callable[[], Collection[int]], told: Callable[[], None]
    ) -> None:
        self._pool = pool
        self._organisations = organisations
        self._owned = owned
        self._told = told
        self._notices = Notices(self._changed)
        self._resting: dict[bytes, boxes.Resting] = {}
        # What happened in these since their last pass began.
        self._news: dict[bytes, News] = {}
        # The lease's epoch and the number of the last pass over these, where it came to its end.
        self._in_step: dict[bytes, tuple[int, int]] = {}
        self._to_wake: set[bytes] = set()

    async def run(self) -> None:
        """Watch until cancelled."""
        pause = _LOOK_SECONDS
        try:
            while True:
                await asyncio.sleep(pause)
                began = time.monotonic()
                with contextlib.suppress(*DATABASE_AWAY):
                    self._resting = await boxes.resting(self._pool, list(self._owned()), self._resting)
                    self._notices.want(self._watches())
                # All that rest are read: for a twentieth of the time, or so seldom.
                pause = max(_LOOK_SECONDS, min(20 * (time.monotonic() - began), _SELDOM_SECONDS))
        finally:
            await self._notices.close()

    def _watches(self) -> dict[bytes, Watch]:
        collections = {resting.collection for resting in self._resting.values()}
        servers = {collection: self._server(collection) for collection in collections}
        return {
            box: Watch(server, resting.address)
            for box, resting in self._resting.items()
            if (server := servers[resting.collection]) is not None
        }

    def _server(self, collection: str) -> Client | None:
        try:
            way = self._organisations.way(collection)
        except LookupError:
            return None
        blackout = way.project.source.exchange.limits.closed(datetime.now(UTC))
        return way.source if way.project.mailbox.notifications and not blackout else None

    def _changed(self, found: Mapping[bytes, News]) -> None:
        for box, news in found.items():
            self._news[box] = self._news.get(box, News()) | news
        self._to_wake.update(found)
        self._told()

    # --- what the worker asks ---------------------------------------------------------------------------------------

    async def wake(self) -> None:
        """Mailboxes in which something happened are due now."""
        if waking := self._to_wake:
            self._to_wake = set()
            try:
                await boxes.wake(self._pool, waking)
            except DATABASE_AWAY:
                self._to_wake |= waking
                raise

    def watched(self, box: bytes) -> bool:
        """Every change in the mailbox is told."""
        return self._notices.watched(box)

    def something_new(self, box: bytes) -> bool:
        """Something happened in the mailbox since its last pass began."""
        return box in self._news

    def is_known(self, box: bytes) -> bool:
        """What is new in the mailbox, so that a pass takes moments."""
        return box in self._in_step and bool(self._news.get(box, News()).folders)

    def known(self) -> list[bytes]:
        """Mailboxes of which it is known what is new."""
        return [box for box in self._news if self.is_known(box)]

    def begun(self, box: bytes, after: tuple[int, int]) -> News | None:
        """What is new, for a pass that begins; None where more may be. `after`: the lease's epoch and the number of the
        pass before it, which is another one when the database was restored since.
        """
        news, in_step = self._news.pop(box, None), self._in_step.pop(box, None)
        return news if in_step == after else None

    def ended(self, box: bytes, made: tuple[int, int], *, rests: bool) -> None:
        """A pass came to its end. `rests`: nothing was new when its rest was chosen."""
        self._in_step[box] = made
        if rests and (later := self._news.get(box)):
            # It happened after that; whoever woke the mailbox found it not yet at rest.
            self._changed({box: later})
