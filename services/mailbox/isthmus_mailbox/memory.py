"""How much of what is to be copied this process holds at a time: bytes of content, and items that were listed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

MOST = 48 * 1024 * 1024
"""Bytes of items as mailboxes count them. Each is held about three times: in the answer, as text, in the request."""


class ByteGate:
    """Admits batches as long as their sum stays below a limit; one that is larger alone is admitted alone. They come in
    the order in which they were asked for: who needs all of it would wait for ever while others come and go.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._held = 0
        self._first_in_line = asyncio.Lock()
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def hold(self, size: int) -> AsyncIterator[None]:
        size = min(size, self._most)
        async with self._first_in_line, self._changed:
            await self._changed.wait_for(lambda: self._held + size <= self._most)
            self._held += size
        try:
            yield
        finally:
            self._held -= size
            async with self._changed:
                self._changed.notify_all()


class Backlog:
    """Items that were listed and wait to be copied, in all mailboxes of this process: so many that there is always
    something to copy, and no more, as mailboxes that are begun together would all be listed before anything is sent.
    """

    def __init__(self, most: int = 1000) -> None:
        self._most = most
        # Those that are being asked for are among them.
        self.items = 0
        # Whoever changes something says so here.
        self.changed = asyncio.Condition()

    @property
    def has_room(self) -> bool:
        """Whether more may be listed."""
        return self.items < self._most
