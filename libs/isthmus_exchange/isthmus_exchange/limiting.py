"""What is limiting: a decision from where time was really spent.

Requests spend their time waiting for the line, for a turn in a server's budget, and for the server's answer. Waiting is
what holds work up, whatever the answers take: while somebody waits for a turn, more at the same time would be faster.
Only when nobody waits are the answers themselves the reason. A process that uses a whole processor waits for nobody but
itself: everything else looks slow to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Limit(StrEnum):
    """What holds work up now."""

    SOURCE = "source server"
    TARGET = "target server"
    BANDWIDTH = "bandwidth"
    BUSINESS_HOURS = "business hours"
    PROCESSOR = "processor"
    CLOSED_HOURS = "closed hours"
    """Work waits for its hour, so that no request is made of it; nothing else holds work up."""
    NOTHING = "nothing"


class On(StrEnum):
    """What a request's time was spent on."""

    BACK_OFF = "back-off"
    """The server asked for a rest."""
    BUSY = "busy"
    """It takes fewer requests at the same time than we might make, as far as it was tried."""
    CROWD = "crowd"
    """People's requests would wait for ours, so fewer that carry content go at the same time."""
    CONNECTIONS = "connections"
    """We may make no more at the same time."""
    BUSINESS_HOURS = "business hours"
    BANDWIDTH = "bandwidth"
    ANSWERS = "answers"


@dataclass(frozen=True)
class Spent:
    """Where the time of a few seconds went. `on`: seconds by what they were spent on, of the servers of a side
    (SOURCE, TARGET) or of the line that both share (BANDWIDTH). `behind`: seconds in which there was more to do than
    to keep up with what happens."""

    seconds: float
    processor: float = 0.0
    on: Mapping[tuple[Limit, On], float] = field(default_factory=dict)
    behind: float = 0.0


@dataclass(frozen=True)
class Verdict:
    """What limits; `side` is whose server it is about, `on` is at what; None where that does not apply."""

    limit: Limit
    side: Limit | None = None
    on: On | None = None


_WHOLE_PROCESSOR = 0.85
"""Processor seconds a second; Python code runs on one processor at a time."""
_WORTH_SAYING = 0.1
"""Seconds a second that somebody waits, so that it counts."""
_MOSTLY_BEHIND = 0.5
"""Seconds a second with more to do, so that answers hold it up: those of a few small passes take their time, too."""


def add_up(parts: Iterable[Spent]) -> Spent:
    """Several stretches of time as one."""
    seconds = processor = behind = 0.0
    on: dict[tuple[Limit, On], float] = {}
    for part in parts:
        seconds += part.seconds
        processor += part.processor
        behind += part.behind
        for key, value in part.on.items():
            on[key] = on.get(key, 0.0) + value
    return Spent(seconds, processor, on, behind)


def limiting(spent: Spent) -> Verdict:
    """What limited work in this time."""
    if not spent.seconds:
        return Verdict(Limit.NOTHING)
    if spent.processor >= _WHOLE_PROCESSOR * spent.seconds:
        return Verdict(Limit.PROCESSOR)
    worth = {key: seconds for key, seconds in spent.on.items() if seconds >= _WORTH_SAYING * spent.seconds}
    waits = {key: seconds for key, seconds in worth.items() if key[1] is not On.ANSWERS}
    if not waits and spent.behind < _MOSTLY_BEHIND * spent.seconds:
        return Verdict(Limit.NOTHING)
    side, on = max(waits or worth, key=lambda key: (worth[key], key), default=(None, None))
    if side is None or on is None:
        return Verdict(Limit.NOTHING)
    if on is On.BUSINESS_HOURS:
        return Verdict(Limit.BUSINESS_HOURS, side, on)
    if on is On.BANDWIDTH:
        return Verdict(Limit.BANDWIDTH, None if side is Limit.BANDWIDTH else side, on)
    return Verdict(side, side, on)
