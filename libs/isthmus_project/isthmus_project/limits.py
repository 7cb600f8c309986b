"""How much may be asked of a server and of the line to it, by the hours of the week.

Business hours belong to the people who work on the servers; outside of them the way is free. Rates are decimal, as
networks are sold: 1 MB/s is 1,000,000 bytes a second, 8 Mbit/s.
"""

from __future__ import annotations

import math
import re
from datetime import datetime
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from .schedule import Hours, TimeZone, within
from .strict import Strict

_RATE = re.compile(r"(\d+(?:\.\d+)?) ?([kMG]?)(B|bit)/s")
_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}
_SHARE = re.compile(r"(\d{1,3}) ?%")
_LEAST = 10_000


def _rate(value: object) -> object:
    """Bytes a second of "2 MB/s" or "16 Mbit/s"."""
    if not isinstance(value, str):
        return value
    found = _RATE.fullmatch(value.strip())
    if not found:
        raise ValueError("a rate is expected, such as 500 kB/s, 2 MB/s or 20 Mbit/s")
    rate = int(float(found[1]) * _UNITS[found[2]] / (8 if found[3] == "bit" else 1))
    if rate < _LEAST:
        raise ValueError("10 kB/s is the least with which anything gets done")
    return rate


Rate = Annotated[int, BeforeValidator(_rate), Field(ge=_LEAST)]


class LineLimits(Strict):
    """What may cross a line, both directions together, by all workers together."""

    time_zone: TimeZone = Field(default="UTC", description="whose clock the hours are of, such as Europe/Berlin")
    business_hours: list[Hours] = Field(
        default=[], description='when people work there, such as "mon-fri 07:00-18:00"; outside of them the way is free'
    )
    bandwidth: Rate | None = Field(default=None, description="at most so much at any time, such as 5 MB/s")
    business_bandwidth: Rate | None = Field(default=None, description="at most so much in business hours")

    @model_validator(mode="after")
    def _hours_mean_something(self) -> Self:
        held = self._held_in_business_hours()
        if held and not self.business_hours:
            raise ValueError('business_hours is missing: say when, such as ["mon-fri 07:00-18:00"]')
        if self.business_hours and not held:
            raise ValueError("business_hours alone hold nothing back: say what is allowed in them (business_…)")
        return self

    def _held_in_business_hours(self) -> bool:
        return self.business_bandwidth is not None

    def business(self, now: datetime) -> bool:
        """Whether `now` is within business hours."""
        return within(self.business_hours, self.time_zone, now)

    def rate(self, now: datetime) -> int | None:
        """Bytes a second that may cross at `now`, by all workers together; None: as many as can."""
        held = (self.bandwidth, self.business_bandwidth if self.business(now) else None)
        return min((rate for rate in held if rate is not None), default=None)


class ServerLimits(LineLimits):
    """What may be asked of the servers of an organisation."""

    business_connections: int | str | None = Field(
        default=None,
        description="requests at the same time in business hours, by all workers together; or a share of "
        'connections, such as "25 %"',
    )
    blackout: list[Hours] = Field(
        default=[], description="nothing is asked in these hours, whoever orders it: the servers are being looked after"
    )

    @field_validator("business_connections")
    @classmethod
    def _check_connections(cls, value: int | str | None) -> int | str | None:
        if isinstance(value, int) and not 1 <= value <= 1000:
            raise ValueError("at least 1 is expected, at most 1000; for none at all name the hours in blackout")
        if isinstance(value, str) and not (_SHARE.fullmatch(value) and 1 <= _percent(value) <= 100):
            raise ValueError('a number is expected, or a share of connections from "1 %" to "100 %"')
        return value

    def _held_in_business_hours(self) -> bool:
        return super()._held_in_business_hours() or self.business_connections is not None

    def at_once(self, connections: int, now: datetime, share: float) -> int:
        """Requests that one worker may make at the same time at `now`, of the `connections` that it may make at most.

        `share` is how much of all work this worker has, above 0 and at most 1. Every worker has one request at least.
        """
        allowed = self.business_connections
        if allowed is None or not self.business(now):
            return connections
        if isinstance(allowed, str):
            return max(1, connections * _percent(allowed) // 100)
        return max(1, min(connections, math.floor(allowed * share)))

    def closed(self, now: datetime) -> bool:
        """Whether nothing may be asked at `now`."""
        return within(self.blackout, self.time_zone, now)


def _percent(share: str) -> int:
    return int(share.rstrip(" %"))
