"""When the first copy of everything will be done, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from .throughput import FINE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .record import Mailbox

WINDOW = 1800
"""Seconds of history that are looked at: long enough to be steady, short enough to follow the hour of the day."""
_BLOCKS = 8
_SHORTEST = 80
"""Seconds of history, at least; before that, a forecast would be a guess."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """``state`` is "done", "too early", "stalled" (nothing is left that could go on, or nothing was copied in the last
    _SHORTEST seconds) or "expected". Seconds from now; ``latest`` is None when it is open.

    The span from ``earliest`` to ``latest`` is meant to hold nineteen times out of twenty.
    """

    state: str
    items_left: int = 0
    expected: float | None = None
    earliest: float | None = None
    latest: float | None = None
    # Mailboxes whose size the source has not said yet; the others' sizes stand for theirs.
    not_counted: int = 0


def forecast(mailboxes: Iterable[Mailbox], series: Sequence[tuple[int, float, float]]) -> Forecast:
    """The forecast for these mailboxes; ``series`` is what was copied in the last WINDOW, bucket by bucket.

    The rate's spread is taken from the spread of the means of blocks of buckets, since buckets beside each other are
    alike; what mailboxes that are not counted yet may hold adds its own.
    """
    mailboxes = [
        mailbox for mailbox in mailboxes if not mailbox.switched and mailbox.status not in ("in step", "updating")
    ]
    known = [mailbox.items_total for mailbox in mailboxes if mailbox.counted]
    unknown = sum(1 for mailbox in mailboxes if not mailbox.counted)
    left = sum(mailbox.items_left for mailbox in mailboxes)
    if not left and not unknown:
        return Forecast("done")
    if all(mailbox.status in ("blocked", "paused") for mailbox in mailboxes):
        return Forecast("stalled", left, not_counted=unknown)  # whatever was copied until just now
    if unknown and not known:
        return Forecast("too early", left, not_counted=unknown)
    guessed = unknown * fmean(known) if known else 0.0
    doubt = 2 * stdev(known) * sqrt(unknown) if unknown and len(known) > 1 else guessed
    total = left + guessed

    busy = _since_first(series)
    if len(busy) * FINE < _SHORTEST:
        return Forecast("too early", round(total), not_counted=unknown)
    rates = [one[1] / FINE for one in busy]
    if not sum(rates[-_SHORTEST // FINE :]):
        return Forecast("stalled", round(total), not_counted=unknown)
    size = len(rates) // _BLOCKS
    blocks = [fmean(rates[at : at + size]) for at in range(len(rates) % _BLOCKS, len(rates), size)]
    mean = fmean(rates)
    error = 2 * stdev(blocks) / sqrt(len(blocks))
    slowest = mean - error
    return Forecast(
        "expected",
        items_left=round(total),
        expected=total / mean,
        earliest=max(0.0, total - doubt) / (mean + error),
        latest=(total + doubt) / slowest if slowest > 0.05 * mean else None,
        not_counted=unknown,
    )


def _since_first(series: Sequence[tuple[int, float, float]]) -> Sequence[tuple[int, float, float]]:
    """From the first bucket with anything in it; the newest bucket is still being filled and does not count."""
    for at, one in enumerate(series[:-1]):
        if one[1]:
            return series[at:-1]
    return []
