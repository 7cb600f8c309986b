"""The occurrences of a series in absolute time. Series are given by a function from property keys to values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from isthmus_lab.mapi import tags, zones
from isthmus_lab.mapi.bag import filetime, from_filetime
from isthmus_lab.mapi.series import Instance, Series
from isthmus_lab.mapi.tags import PropertyKey

Get = Callable[[PropertyKey], Any]
_YEAR: Final = 366 * 864_000_000_000
FOR_EVER: Final = 0x0CB34557A3DD4000
"""4500-08-31 23:59: PidLidClipEnd of a series without end ([MS-OXOCAL] 2.2.1.15)."""


class Occurrence(NamedTuple):
    """One occurrence; its times are FILETIMEs, ``original`` is when the rule has it."""

    start: int
    end: int
    original: int
    instance: Instance
    changed: bool


def series_of(get: Get) -> Series | None:
    """The series of an appointment; None for a single one, or one whose blob nobody can read."""
    blob = get(tags.PidLidAppointmentRecur) if get(tags.PidLidRecurring) else None
    try:
        return Series.parse(blob) if blob else None
    except ValueError:
        return None


def expand(get: Get, begin: int, end: int) -> Iterator[Occurrence]:
    """The occurrences that touch a span of time, in the order of the rule."""
    series = series_of(get)
    if series is None:
        return
    zone = zones.of(get)
    for each in series.occurrences(from_filetime(min(end, FOR_EVER)) + timedelta(days=1)):
        found = absolute(series, each, zone)
        if found.start < end and found.end > begin:
            yield found


def at(get: Get, original: int) -> Occurrence | None:
    """The occurrence that the rule has at this time; None when there is none, or it was deleted."""
    # Times of the rule are whole minutes, ids are made of them: equality is exact.
    return next((each for each in expand(get, 0, original + _YEAR) if each.original == original), None)


def instead(found: Occurrence) -> dict[PropertyKey, Any]:
    """What an occurrence has instead of its series; what exceptions have besides is in their own messages."""
    values: dict[PropertyKey, Any] = {
        tags.PidLidAppointmentStartWhole: found.start,
        tags.PidLidAppointmentEndWhole: found.end,
        tags.PidLidExceptionReplaceTime: found.original,
        tags.PidLidIsException: found.changed,
        tags.PidLidAppointmentRecur: None,
    }
    own = found.instance
    own_values: dict[PropertyKey, Any] = {
        tags.PidTagSubject: own.subject,
        tags.PidTagNormalizedSubject: own.subject,
        tags.PidLidLocation: own.location,
        tags.PidLidBusyStatus: own.busy,
        tags.PidLidAppointmentSubType: own.all_day,
        tags.PidLidReminderDelta: own.reminder,
        tags.PidLidReminderSet: own.reminds,
    }
    return values | {key: value for key, value in own_values.items() if value is not None}


def absolute(series: Series, found: Instance, zone: ZoneInfo) -> Occurrence:
    """An instance of the series in absolute time."""
    start, end, original = (ticks(each, zone) for each in (found.start, found.end, found.original))
    return Occurrence(start, end, original, found, found in series.exceptions)


def start_on(series: Series, day: date, zone: ZoneInfo) -> int:
    """When the rule's occurrence of a day begins."""
    return ticks(datetime.combine(day, time()) + timedelta(minutes=series.start), zone)


def ticks(local_time: datetime, zone: ZoneInfo) -> int:
    """A local time as a FILETIME."""
    return filetime(local_time.replace(tzinfo=zone).astimezone(UTC))


def local(when: int, zone: ZoneInfo) -> datetime:
    """A FILETIME as a local time."""
    return from_filetime(when).astimezone(zone).replace(tzinfo=None)
