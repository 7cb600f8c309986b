"""A token bucket of bytes: how much may cross a line in a second.

What a request will bring is known only when it has been answered. So it may begin when nothing is owed; what it brought
beyond that is owed, and the next one waits until that is paid. A request that was begun is never slowed down: servers
give up on those who read slowly.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from .meter import Meter


class Bandwidth:
    """Bytes a second for all requests of a process over a line; what a second did not use is left for the next."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate: float | None = None
        """Bytes a second; None: as many as can."""
        self.waiting = Meter(clock)
        self._clock = clock
        self._left = 0.0
        self._at = clock()
        self._queue = asyncio.Lock()

    def allow(self, rate: float | None) -> None:
        """From now on it is so much."""
        if rate == self.rate:
            return
        self._fill()
        self.rate = rate
        self._left = min(self._left, rate or 0.0)

    async def turn(self, size: int) -> None:
        """Wait until a request of so many bytes may begin; in the order of asking."""
        if self.rate is None:
            return
        with self.waiting:
            async with self._queue:
                while pause := self.owed:  # noqa: ASYNC110 - the rate may change meanwhile
                    await asyncio.sleep(min(pause, 1.0))
                self.spend(size)

    def spend(self, size: float) -> None:
        """So many bytes crossed; negative: fewer than was thought."""
        self._fill()
        if self.rate is not None:
            self._left = min(self._left - size, self.rate)

    @property
    def owed(self) -> float:
        """Seconds until the next request may begin; 0 when it may now."""
        self._fill()
        return max(0.0, -self._left / self.rate) if self.rate else 0.0

    def _fill(self) -> None:
        now = self._clock()
        self._left = min(self._left + self.rate * (now - self._at), self.rate) if self.rate else 0.0
        self._at = now
