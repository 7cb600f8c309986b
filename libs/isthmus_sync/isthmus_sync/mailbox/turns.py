"""Which of the mailboxes that are due have their turn, when there is not room for all.

A first pass takes minutes or hours, a later one moments; a new mail must not wait for the former. So of a worker's
places a quarter is never given to first passes, and a quarter only to them: whatever there is to do of one kind, the
other goes on. One place is for nothing but news: a server told of something new in a mailbox that is in step. What
somebody ordered takes any place.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Urgency:
    """Smaller is more urgent. `priority` is that of the collection, 1 the most urgent."""

    unordered: bool
    priority: int


@dataclass(frozen=True)
class Turn:
    """A mailbox's claim to a place. `first`: it was never copied to its end. `news`: it is known what is new."""

    urgency: Urgency
    first: bool
    news: bool = False


def kept(places: int) -> int:
    """How many of so many places are kept for each kind of pass: a quarter, rounded up, unless there is only one."""
    return math.ceil(places / 4) if places > 1 else 0


def kept_for_news(places: int) -> int:
    """How many of so many places are kept for news."""
    return 1 if places > 3 else 0


def choose(waiting: Sequence[Turn], working: Iterable[Turn], places: int) -> tuple[list[int], dict[bool, Urgency]]:
    """The positions in `waiting` (most urgent first) of those whose turn it is; and of first passes (True) and of later
    ones (False) the most urgent that is left waiting, for which less urgent work of its kind is to give way.
    """
    taken = {True: 0, False: 0}
    for turn in working:
        taken[turn.first] += 1
    room = places - kept(places)
    chosen: list[int] = []
    left: dict[bool, Urgency] = {}
    for position, turn in enumerate(waiting):
        ordered = not turn.urgency.unordered
        free = places if ordered or turn.news else places - kept_for_news(places)
        if sum(taken.values()) < free and (ordered or taken[turn.first] < room):
            taken[turn.first] += 1
            chosen.append(position)
        else:
            left.setdefault(turn.first, turn.urgency)
    return chosen, left
