"""How many bytes of content this process holds at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

MOST = 48 * 1024 * 1024
"""Bytes of items as mailboxes count them. Each is held about three times: in the answer, as text, in the request."""


class ByteGate:
    """Admits batches as long as their sum stays below a limit; one that is larger alone is admitted alone."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._held = 0
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def hold(self, size: int) -> AsyncIterator[None]:
        size = min(size, self._most)
        async with self._changed:
            await self._changed.wait_for(lambda: self._held + size <= self._most)
            self._held += size
        try:
            yield
        finally:
            self._held -= size
            async with self._changed:
                self._changed.notify_all()
