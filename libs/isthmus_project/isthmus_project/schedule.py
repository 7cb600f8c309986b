"""When mailboxes may be worked on: hours of the week, a first moment, and what they mean at a given time.

Hours are wall-clock times of a time zone, so that they stay where they are when clocks change.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = 24 * 60
_WEEK = 7 * _DAY
_HOURS = re.compile(r"(?:([a-z]{3})(?:-([a-z]{3}))? )?(\d\d):(\d\d)-(\d\d):(\d\d)")
_EXPECTED = 'hours are expected, such as "mon-fri 18:00-07:00", "sun 00:00-24:00" or, for every day, "22:00-05:30"'


@lru_cache(maxsize=1000)  # every request asks
def _spans(hours: str) -> tuple[tuple[int, int], ...]:
    """Minutes of the week, Monday 00:00 is 0, from and until; the end may lie in the next week."""
    found = _HOURS.fullmatch(hours)
    if not found:
        raise ValueError(_EXPECTED)
    first, last = found[1] or "mon", found[2] or found[1] or "sun"
    if first not in _DAYS or last not in _DAYS:
        raise ValueError(_EXPECTED)
    begin, end = int(found[3]) * 60 + int(found[4]), int(found[5]) * 60 + int(found[6])
    if int(found[4]) > 59 or int(found[6]) > 59 or begin >= _DAY or end > _DAY or begin == end:
        raise ValueError(_EXPECTED)
    days = _DAYS.index(first), _DAYS.index(last)
    return tuple(
        (day % 7 * _DAY + begin, day % 7 * _DAY + (end if end > begin else end + _DAY))
        for day in range(days[0], days[1] + (1 if days[1] >= days[0] else 8))
    )


def _checked_hours(hours: str) -> str:
    hours = hours.lower()
    _spans(hours)
    return hours


def _checked_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError) as error:  # ZoneInfoNotFoundError is a KeyError
        raise ValueError("a time zone of the IANA data base is expected, such as Europe/Berlin") from error
    return name


Hours = Annotated[str, AfterValidator(_checked_hours)]
TimeZone = Annotated[str, AfterValidator(_checked_zone)]


def within(hours: Sequence[str], time_zone: str, now: datetime) -> bool:
    """Whether `now` is within one of these hours."""
    local = now.astimezone(ZoneInfo(time_zone))
    minute = local.weekday() * _DAY + local.hour * 60 + local.minute
    return any(begin <= at < end for each in hours for begin, end in _spans(each) for at in (minute, minute + _WEEK))


def edges(hours: Sequence[str], time_zone: str, begin: datetime) -> Iterator[datetime]:
    """When these hours begin and end, in UTC, from `begin` until eight days later at least, in no order."""
    zone = ZoneInfo(time_zone)
    local = begin.astimezone(zone)
    monday = datetime.combine(local.date() - timedelta(days=local.weekday()), time())
    for week in range(-1, 3):
        for edge in (edge for each in hours for span in _spans(each) for edge in span):
            moment = monday + timedelta(weeks=week, minutes=edge)
            yield moment.replace(tzinfo=zone).astimezone(UTC)


class Schedule(BaseModel):
    """When mailboxes may be worked on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    time_zone: TimeZone = Field(default="UTC", description="whose clock the hours are of, such as Europe/Berlin")
    not_before: datetime | None = Field(
        default=None, description="nothing before this moment, such as 2027-01-15 18:00, by the clock of the time zone"
    )
    windows: list[Hours] = Field(
        default=[], description='passes are made in these hours only, such as "mon-fri 18:00-07:00"; empty: at any time'
    )
    blackout: list[Hours] = Field(
        default=[], description="nothing is done in these hours, whoever orders it: the servers are being looked after"
    )

    @field_validator("not_before")
    @classmethod
    def _whole(cls, value: datetime | None) -> datetime | None:
        return value.replace(microsecond=0) if value else None

    def closed(self, now: datetime, *, ordered: bool = False) -> str:
        """Why nothing is done at `now`, in words; empty when it may be.

        `ordered`: somebody asked for it (a switch, a retry), so only blackout hours stand in the way.
        """
        if within(self.blackout, self.time_zone, now):
            return "blackout hours"
        if ordered:
            return ""
        first = self.first
        if first is not None and now < first:
            return f"not before {first:%Y-%m-%d %H:%M} {self.time_zone}"
        return "" if not self.windows or within(self.windows, self.time_zone, now) else "outside of its windows"

    @property
    def first(self) -> datetime | None:
        """`not_before` with its time zone."""
        if self.not_before is None or self.not_before.tzinfo:
            return self.not_before
        return self.not_before.replace(tzinfo=ZoneInfo(self.time_zone))
