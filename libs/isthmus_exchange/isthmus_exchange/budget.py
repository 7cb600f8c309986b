"""How much a server may be asked at the same time: a limit that finds itself.

Servers do not say what they allow. So the limit rises by one for each round of answers that went well and is halved
when the server says that it is busy; the pause that it asks for stops everything of this budget, because a request
during the pause prolongs it (BackOffMilliseconds, "EWS throttling in Exchange"). In business hours the limit may be
held down from outside.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from .meter import Meter


class Budget:
    """Requests at the same time with one account at one server: at least 1, at most ``most``."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.held_to = most
        """What is allowed at present, whatever the server would take."""
        self.limit = float(min(most, 4))
        self.running = 0
        self.resting_until = 0.0
        self.busy_code = ""
        """How the server said last that it is busy; empty: never."""
        self.waiting = Meter()
        self._changed = asyncio.Condition()

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn, and hold it for the time of the request."""
        with self.waiting:
            async with self._changed:
                await self._changed.wait_for(lambda: self.running < self.room)
                self.running += 1
            try:
                while self.rest:  # noqa: ASYNC110 - the end may move while we wait
                    await asyncio.sleep(self.rest)
            except BaseException:
                await self._leave()
                raise
        try:
            yield
        finally:
            await self._leave()

    async def _leave(self) -> None:
        async with self._changed:
            self.running -= 1
            self._changed.notify_all()

    async def hold(self, most: int, held_to: int) -> None:
        """From now on at most ``most``, and at present ``held_to``; those who wait go on as soon as they may."""
        if (most, held_to) == (self.most, self.held_to):
            return
        async with self._changed:
            self.most, self.held_to = most, held_to
            self.limit = min(self.limit, float(most))
            self._changed.notify_all()

    @property
    def room(self) -> int:
        """Requests that may be under way now."""
        return min(int(self.limit), self.held_to)

    @property
    def rest(self) -> float:
        """Seconds until the server may be asked again; 0 when it may be now."""
        return max(0.0, self.resting_until - time.monotonic())

    def went_well(self) -> None:
        """An answer came: a little more is possible, as far as it was tried."""
        if self.limit < self.held_to:
            self.limit = min(float(self.held_to), self.limit + 1 / self.limit)

    def busy(self, back_off: float, code: str = "") -> None:
        """The server said that it is busy: half as much, after a pause of ``back_off`` seconds."""
        if self.rest <= 0:  # the requests that were under way say it once more; that is still the same crowd
            self.limit = max(1.0, min(self.limit, self.held_to) / 2)
        self.resting_until = max(self.resting_until, time.monotonic() + back_off)
        self.busy_code = code
