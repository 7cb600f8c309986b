"""When mailboxes may be worked on: hours of the week, a first moment, and what they mean at a given time.

Hours are wall-clock times of a time zone, so that they stay where they are when clocks change.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = 24 * 60
_WEEK = 7 * _DAY
_HOURS = re.compile(r"(?:([a-z]{3})(?:-([a-z]{3}))? )?(\d\d):(\d\d)-(\d\d):(\d\d)")
_EXPECTED = 'hours are expected, such as "mon-fri 18:00-07:00", "sun 00:00-24:00" or, for every day, "22:00-05:30"'


def _spans(hours: str) -> Iterator[tuple[int, int]]:
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
    day = _DAYS.index(first)
    while True:
        yield day * _DAY + begin, day * _DAY + (end if end > begin else end + _DAY)
        if day == _DAYS.index(last):
            return
        day = (day + 1) % 7


def _checked_hours(hours: str) -> str:
    hours = hours.lower()
    list(_spans(hours))
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
        first = self._first
        if first is not None and now < first:
            return f"not before {first:%Y-%m-%d %H:%M} {self.time_zone}"
        return "" if not self.windows or within(self.windows, self.time_zone, now) else "outside of its windows"

    def opens(self, now: datetime) -> datetime | None:
        """The first moment from `now` on, to the minute, at which work may begin; None when that is never."""
        if not self.closed(now):
            return now
        begin = max(now, self._first or now)
        if not self.closed(begin):
            return begin
        begin = begin.replace(second=0, microsecond=0)
        # Beyond a week everything repeats, but for a change of the clocks.
        moments = (begin + timedelta(minutes=count) for count in range(1, _WEEK + _DAY))
        return next((moment for moment in moments if not self.closed(moment)), None)

    @property
    def _first(self) -> datetime | None:
        if self.not_before is None or self.not_before.tzinfo:
            return self.not_before
        return self.not_before.replace(tzinfo=ZoneInfo(self.time_zone))
