"""How much a server may be asked at the same time: a limit that finds itself.

Servers do not say what they allow. So the limit rises by one for each round of answers that went well and is halved
when the server says that it is busy; the pause that it asks for stops everything of this budget, because a request
during the pause prolongs it (BackOffMilliseconds, "EWS throttling in Exchange").
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator


class Budget:
    """Requests at the same time with one account at one server: at least 1, at most ``most``."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.limit = float(min(most, 4))
        self.running = 0
        self.resting_until = 0.0
        self._changed = asyncio.Condition()

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn, and hold it for the time of the request."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.running < int(self.limit))
            self.running += 1
        try:
            while self.rest:  # noqa: ASYNC110 - the end may move while we wait
                await asyncio.sleep(self.rest)
            yield
        finally:
            async with self._changed:
                self.running -= 1
                self._changed.notify_all()

    @property
    def rest(self) -> float:
        """Seconds until the server may be asked again; 0 when it may be now."""
        return max(0.0, self.resting_until - time.monotonic())

    def went_well(self) -> None:
        """An answer came: a little more is possible."""
        self.limit = min(float(self.most), self.limit + 1 / self.limit)

    def busy(self, back_off: float) -> None:
        """The server said that it is busy: half as much, after a pause of ``back_off`` seconds."""
        if self.rest <= 0:  # the requests that were under way say it once more; that is still the same crowd
            self.limit = max(1.0, self.limit / 2)
        self.resting_until = max(self.resting_until, time.monotonic() + back_off)
