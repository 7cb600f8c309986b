"""How much was copied when: items and bytes in buckets of time, fine for the last hour and coarse for the weeks.

A progress event says how far a mailbox is, not how fast; the difference to its last one is spread over the time between
the two. A repeated event differs in nothing and adds nothing.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .record import Mailbox

FINE = 10
COARSE = 1800
"""Lengths of the buckets, in seconds."""
_KEPT = {FINE: 3600, COARSE: 60 * 86400}
_LONGEST_SPREAD = 60
_SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class Gain:
    """What one event adds to one bucket; ``start`` is in seconds since 1970."""

    resolution: int
    start: int
    items: float
    bytes: float


def gains(before: Mailbox, after: Mailbox) -> list[Gain]:
    """What the step from one record of a mailbox to the next adds to which buckets.

    The first record of all adds nothing: it says what was done, but not when. A mailbox that rested for long was not
    slow all the while, so no more than the last minute is taken to be the time it worked.
    """
    items = max(0, after.items_done - before.items_done)
    size = max(0, after.bytes_done - before.bytes_done)
    if not before.at or (not items and not size):
        return []
    end = after.at / _SECOND
    begin = max(before.at / _SECOND, end - _LONGEST_SPREAD)
    found: list[Gain] = []
    for resolution in (FINE, COARSE):
        shares = list(_shares(begin, end, resolution))
        found += [Gain(resolution, start, items * share, size * share) for start, share in shares]
    return found


def _shares(begin: float, end: float, resolution: int) -> Iterator[tuple[int, float]]:
    """Which part of the time from ``begin`` to ``end`` lies in which bucket."""
    length = end - begin
    start = int(begin // resolution) * resolution
    if length <= 0:
        yield start, 1.0
        return
    while start < end:
        yield start, (min(end, start + resolution) - max(begin, start)) / length
        start += resolution


class Throughput:
    """The buckets of all mailboxes together. Each partition's share is kept apart, as the tables are."""

    def __init__(self) -> None:
        self._buckets: dict[int, dict[int, dict[int, tuple[float, float]]]] = {
            FINE: defaultdict(dict),
            COARSE: defaultdict(dict),
        }

    def add(self, partition: int, gain: Gain) -> tuple[float, float]:
        """Adds to a bucket and returns what this partition's share of it is now: items and bytes."""
        shares = self._buckets[gain.resolution][gain.start]
        items, size = shares.get(partition, (0.0, 0.0))
        shares[partition] = (items + gain.items, size + gain.bytes)
        return shares[partition]

    def put(self, partition: int, resolution: int, start: int, items: float, size: float) -> None:
        """Sets one share, as it was stored."""
        if resolution in self._buckets:
            self._buckets[resolution][start][partition] = (items, size)

    def expire(self, partition: int, now: float) -> list[tuple[int, int, int]]:
        """Forgets a partition's shares that are too old, and returns them: partition, resolution, start."""
        gone: list[tuple[int, int, int]] = []
        for resolution, buckets in self._buckets.items():
            for start in [start for start in buckets if start < now - _KEPT[resolution]]:
                if buckets[start].pop(partition, None) is not None:
                    gone.append((partition, resolution, start))
                if not buckets[start]:
                    del buckets[start]
        return gone

    def series(self, resolution: int, begin: float, end: float) -> list[tuple[int, float, float]]:
        """Every bucket from ``begin`` to ``end``, empty ones too: start, items, bytes."""
        buckets = self._buckets[resolution]
        first = int(begin // resolution) * resolution
        return [
            (
                start,
                sum(share[0] for share in buckets.get(start, {}).values()),
                sum(share[1] for share in buckets.get(start, {}).values()),
            )
            for start in range(first, int(end) + 1, resolution)
        ]

    def rate(self, now: float, seconds: int = 60) -> tuple[float, float]:
        """Items and bytes a second over the last ``seconds``, counted in whole buckets."""
        whole = self.series(FINE, now - seconds, now)
        return sum(one[1] for one in whole) / seconds, sum(one[2] for one in whole) / seconds
