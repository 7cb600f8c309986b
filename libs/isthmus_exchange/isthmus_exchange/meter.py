"""How much time is spent on something by several at once, told while it is being spent."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType


class Meter:
    """Seconds spent inside ``with meter:``; two at a time spend two seconds a second."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._at = clock()
        self._spent = 0.0
        self.inside = 0

    def __enter__(self) -> None:
        self._settle()
        self.inside += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._settle()
        self.inside -= 1

    @property
    def seconds(self) -> float:
        """Spent so far, by those who are still inside, too."""
        self._settle()
        return self._spent

    def _settle(self) -> None:
        now = self._clock()
        self._spent += self.inside * (now - self._at)
        self._at = now
