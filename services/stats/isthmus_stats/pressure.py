"""What holds mailbox workers up now, all of them together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from isthmus.events.v1 import mailbox_pb2

_LIMITS = {
    mailbox_pb2.PRESSURE_LIMIT_NOTHING: "nothing",
    mailbox_pb2.PRESSURE_LIMIT_SOURCE_SERVER: "source server",
    mailbox_pb2.PRESSURE_LIMIT_TARGET_SERVER: "target server",
    mailbox_pb2.PRESSURE_LIMIT_BANDWIDTH: "bandwidth",
    mailbox_pb2.PRESSURE_LIMIT_BUSINESS_HOURS: "business hours",
    mailbox_pb2.PRESSURE_LIMIT_PROCESSOR: "processor",
    mailbox_pb2.PRESSURE_LIMIT_CLOSED_HOURS: "closed hours",
}
_NOTHING = "nothing"
_FRESH_SECONDS = 60
"""A worker says it every 20 s; one that has been silent for so long is gone."""


@dataclass(frozen=True, slots=True)
class Pressure:
    """What holds one worker up. `until` is in seconds since 1970, 0 where it is not known; `at` is when it was true."""

    worker: str
    limit: str
    words: str
    until: int
    at: float


@dataclass(frozen=True, slots=True)
class Limited:
    """What holds `workers` up."""

    limit: str
    words: str
    until: int
    workers: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """An entry of limited_by in /api/v1/summary."""
        return {"limit": self.limit, "words": self.words, "until": self.until, "workers": self.workers}


def pressure_of(said: mailbox_pb2.WorkerPressure) -> Pressure:
    """What a worker said."""
    limit = _LIMITS.get(said.limit, _NOTHING)
    return Pressure(said.worker, limit, said.words, said.until // 1_000_000, said.at / 1_000_000)


def limited(pressures: Iterable[Pressure], now: float) -> list[Limited]:
    """What holds up those workers that are there, that of the most workers first; empty when nobody is held up."""
    together: defaultdict[tuple[str, str], list[Pressure]] = defaultdict(list)
    for pressure in pressures:
        if now - pressure.at < _FRESH_SECONDS and pressure.limit != _NOTHING:
            together[pressure.limit, pressure.words].append(pressure)
    found = [
        Limited(limit, words, max(one.until for one in all_of), tuple(sorted(one.worker for one in all_of)))
        for (limit, words), all_of in together.items()
    ]
    return sorted(found, key=lambda one: (-len(one.workers), one.limit, one.words))
