"""New revisions, as PostgreSQL announces them to every instance."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from isthmus_service import DATABASE_ERRORS, session

from isthmus_accountmap.store import CHANGED

if TYPE_CHECKING:
    from isthmus_service import Pool

_CHECK_SECONDS = 5.0


class News:
    """Wakes every watcher when a revision was given, by this instance or another."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._waiting: set[asyncio.Event] = set()

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        """Wait until `event`, registered by `watcher`, is set, at most so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await event.wait()
        event.clear()

    @contextlib.contextmanager
    def watcher(self) -> Any:
        """An event that is set with every new revision."""
        event = asyncio.Event()
        self._waiting.add(event)
        try:
            yield event
        finally:
            self._waiting.discard(event)

    def _tell(self, *_: object) -> None:
        for event in self._waiting:
            event.set()

    async def run(self) -> None:
        """Listen until cancelled. While PostgreSQL is away watchers look by themselves, with their heartbeats."""
        while True:
            with contextlib.suppress(*DATABASE_ERRORS):
                async with session(self._pool) as connection:
                    await connection.add_listener(CHANGED, self._tell)
                    while not connection.is_closed():  # noqa: ASYNC110  (nothing tells of its end)
                        await asyncio.sleep(_CHECK_SECONDS)
            await asyncio.sleep(1)
