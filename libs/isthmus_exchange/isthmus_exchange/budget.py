"""How much a server may be asked at the same time: a limit that finds itself.

Servers do not say what they allow. So the limit rises by one for each answer that went well until the server was
crowded for the first time, then by one for each round of answers, and is halved when the server says that it is busy;
the pause that it asks for stops everything of this budget, because a request during the pause prolongs it
(BackOffMilliseconds, "EWS throttling in Exchange"). In business hours the limit may be held down from outside.

Requests that carry content have a limit of their own within it. How long small requests take shows what people feel who
work on the server: when it is much longer than it can be, less content goes at a time. A small request never waits for
one that carries content and has not begun yet.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from .meter import Meter

_SLOWER, _SLOWER_SECONDS = 4.0, 0.1
"""A small request that takes so many times the shortest, and so much longer, says that the server is crowded."""
_SMALL_BYTES = 32 * 1024
"""A page of a listing takes long by itself, and says nothing of the crowd."""
_LEAST_CONTENT = 2.0
"""One request that is answered, and one that is on its way: with a single one the server waits for us in between."""
_FORGET = 1.01
"""The shortest time seen grows by this with each request: servers change."""
_ONE_CROWD_SECONDS = 0.5
"""Slow answers within so long of each other tell of the same crowd."""


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
        self.content_limit = _LEAST_CONTENT
        """Requests at the same time that carry content."""
        self._content_running = 0
        self._small_waiting = 0
        self._shortest: dict[str, float] = {}
        self._crowded_until = 0.0
        # What the server takes is known about, as it was crowded once.
        self._found = False
        self._changed = asyncio.Condition()

    @contextlib.asynccontextmanager
    async def turn(self, *, content: bool = False) -> AsyncIterator[None]:
        """Wait for a turn, and hold it for the time of the request, which carries ``content`` or is small."""
        with self.waiting:
            async with self._changed:
                if content:
                    await self._changed.wait_for(self._has_room_for_content)
                else:
                    self._small_waiting += 1
                    try:
                        await self._changed.wait_for(lambda: self.running < self.room)
                    finally:
                        self._small_waiting -= 1
                self.running += 1
                self._content_running += content
            try:
                while self.rest:  # noqa: ASYNC110 - the end may move while we wait
                    await asyncio.sleep(self.rest)
            except BaseException:
                await self._leave(content)
                raise
        try:
            yield
        finally:
            await self._leave(content)

    async def _leave(self, content: bool) -> None:
        async with self._changed:
            self.running -= 1
            self._content_running -= content
            self._changed.notify_all()

    def _has_room_for_content(self) -> bool:
        return self.running < self.room and self._content_running < int(self.content_limit) and not self._small_waiting

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

    def went_well(self, operation: str, seconds: float, *, content: bool = False, size: int = 0) -> None:
        """An answer of ``size`` bytes came after so long: a little more is possible, as far as it was tried."""
        if self.limit < self.held_to:
            self.limit = min(float(self.held_to), self.limit + self._step(self.limit))
        if not content:
            if size <= _SMALL_BYTES:
                self._felt(operation, seconds)
        elif self._content_running >= int(self.content_limit) < self.room and time.monotonic() > self._crowded_until:
            self.content_limit += self._step(self.content_limit)

    def _step(self, limit: float) -> float:
        return 1 / limit if self._found else 1

    def _felt(self, operation: str, seconds: float) -> None:
        """What a small request says of the crowd on the server."""
        shortest = min(seconds, self._shortest.get(operation, seconds) * _FORGET)
        self._shortest[operation] = shortest
        now = time.monotonic()
        if seconds > max(_SLOWER * shortest, shortest + _SLOWER_SECONDS) and now > self._crowded_until:
            self.content_limit = max(_LEAST_CONTENT, self.content_limit * 0.7)
            self._crowded_until = now + _ONE_CROWD_SECONDS
            self._found = True

    def busy(self, back_off: float, code: str = "") -> None:
        """The server said that it is busy: half as much, after a pause of ``back_off`` seconds."""
        self._found = True
        if self.rest <= 0:  # the requests that were under way say it once more; that is still the same crowd
            self.limit = max(1.0, min(self.limit, self.held_to) / 2)
        self.resting_until = max(self.resting_until, time.monotonic() + back_off)
        self.busy_code = code
