"""Time, and what becomes of calls, for trying the engine of a pass against any history and any failure."""

from __future__ import annotations

from collections.abc import Callable, Iterator


class Crash(Exception):  # noqa: N818 - what happens
    """The process is killed here."""


class World:
    """The clock, and what becomes of calls. `fates` are used up one a call; after that all goes well."""

    def __init__(self) -> None:
        self.time = 1_700_000_000.0
        # Before each call whatever goes on beside it has its turn.
        self.takes_turns = False
        self.fates: Iterator[int] = iter(())
        # Things that happen after so many more calls.
        self.meanwhile: list[tuple[int, Callable[[], None]]] = []
        # Writes under way that nobody waits for any more: the latest time, and what they do.
        self.late: list[tuple[float, Callable[[], None]]] = []

    def fate(self) -> int:
        return next(self.fates, 0)

    def tick(self) -> None:
        self.time += 0.25
        due = [happen for left, happen in self.meanwhile if left == 0]
        self.meanwhile = [(left - 1, happen) for left, happen in self.meanwhile if left > 0]
        for happen in due:
            happen()

    def land(self, *, now: bool = False) -> None:
        """Late writes take effect, at their time at the latest."""
        due = [each for each in self.late if now or each[0] <= self.time]
        self.late = [each for each in self.late if each not in due]
        for _, happen in due:
            happen()

    async def sleep(self, seconds: float) -> None:
        self.time += seconds
        self.land()
