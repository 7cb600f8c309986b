"""Time zones by the names Windows gives them, as Exchange stores them ([MS-OXOCAL] 2.2.1.41)."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from tzlocal.windows_tz import tz_win, win_tz

from isthmus_lab.mapi import tags
from isthmus_lab.mapi.tags import PropertyKey

_RULE: Final = struct.Struct("<BBHHH14xiii8H8H")
_SYSTEM_TIME_FIELDS: Final = 8


@dataclass(frozen=True)
class Switch:
    """When clocks change in every year: in a month, on the nth (5: last) weekday (0: Sunday), at an hour and minute."""

    month: int
    nth: int
    weekday: int
    hour: int
    minute: int

    def system_time(self) -> tuple[int, ...]:
        """As a SYSTEMTIME of a recurring date: year 0, the week in the place of the day."""
        return (0, self.month, self.weekday, self.nth, self.hour, self.minute, 0, 0)


@dataclass(frozen=True)
class Rules:
    """A zone's rules in one year; offsets are minutes to add to local time to get UTC, as Windows counts them."""

    standard: int
    daylight: int
    to_standard: Switch | None
    to_daylight: Switch | None


def names() -> list[str]:
    """The Windows names of all known zones."""
    return sorted(win_tz)


def zone(name: str) -> ZoneInfo:
    """The zone of a Windows (or IANA) name. Raises LookupError."""
    try:
        return ZoneInfo(win_tz.get(name, name))
    except (KeyError, ValueError, OSError):
        raise LookupError(f"The time zone {name!r} is not known.") from None


def windows_name(name: str) -> str:
    """The Windows name of a zone that is known by a Windows or IANA one. Raises LookupError."""
    if name in win_tz:
        return name
    if name in tz_win:
        return tz_win[name]
    raise LookupError(f"The time zone {name!r} is not known.")


def of(get: Callable[[PropertyKey], Any]) -> ZoneInfo:
    """The zone in which an appointment with these properties counts its days; UTC where it names none."""
    raw = get(tags.PidLidAppointmentTimeZoneDefinitionRecur) or get(
        tags.PidLidAppointmentTimeZoneDefinitionStartDisplay
    )
    name = key_name(raw) if raw else None
    try:
        return zone(name or "UTC")
    except LookupError:
        return zone("UTC")


def display_name(name: str) -> str:
    """What people read: the offset and the name, e.g. ``(UTC+01:00) W. Europe Standard Time``."""
    minutes = -rules(name).standard
    if minutes == 0:
        return f"(UTC) {name}"
    return f"(UTC{'+' if minutes > 0 else '-'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}) {name}"


@cache
def rules(name: str, year: int = 2024) -> Rules:
    """The rules of that year, read from the time zone database."""
    where = zone(name)

    def offset(moment: datetime) -> timedelta:
        return moment.astimezone(where).utcoffset() or timedelta()

    days = [datetime(year, 1, 1, tzinfo=UTC) + timedelta(days=day) for day in range(366)]
    changes = [day for day in days if offset(day) != offset(day + timedelta(days=1))]
    if len(changes) != 2:
        only = int(offset(days[0]).total_seconds() // 60)
        return Rules(-only, -only, None, None)
    switches, minutes = {}, set[int]()
    for day in changes:
        before, after = offset(day), offset(day + timedelta(days=1))
        quarters = (day + timedelta(minutes=15 * number) for number in range(1, 97))
        moment = next(each for each in quarters if offset(each) != before)
        # The clock shows this just before it changes, which is how the rule is written.
        switches[after > before] = _switch((moment + before).replace(tzinfo=None))
        minutes.add(int(after.total_seconds() // 60))
    if len(switches) != 2:
        return Rules(-max(minutes), -max(minutes), None, None)
    return Rules(-min(minutes), -max(minutes), switches[False], switches[True])


def _switch(local: datetime) -> Switch:
    day: date = local.date()
    last = (day + timedelta(days=7)).month != day.month
    return Switch(local.month, 5 if last else (day.day - 1) // 7 + 1, (day.weekday() + 1) % 7, local.hour, local.minute)


@cache
def definition(name: str) -> bytes:
    """PidLidAppointmentTimeZoneDefinition…: the name, and one rule in force since 1601."""
    rule = rules(name)
    key = name.encode("utf-16-le")
    none = (0,) * _SYSTEM_TIME_FIELDS
    packed = _RULE.pack(
        2,
        1,
        0x3E,
        2,  # TZRULE_FLAG_EFFECTIVE_TZREG
        1601,
        rule.standard,
        0,
        rule.daylight - rule.standard,
        *(rule.to_standard.system_time() if rule.to_standard else none),
        *(rule.to_daylight.system_time() if rule.to_daylight else none),
    )
    head = struct.pack("<BBHHH", 2, 1, 6 + len(key), 2, len(name)) + key + struct.pack("<H", 1)
    return head + packed


@cache
def structure(name: str) -> bytes:
    """PidLidTimeZoneStruct ([MS-OXOCAL] 2.2.1.39): the same rule without its name, for old clients."""
    rule = rules(name)
    none = (0,) * _SYSTEM_TIME_FIELDS
    return struct.pack(
        "<iii2x8H2x8H",
        rule.standard,
        0,
        rule.daylight - rule.standard,
        *(rule.to_standard.system_time() if rule.to_standard else none),
        *(rule.to_daylight.system_time() if rule.to_daylight else none),
    )


def key_name(blob: bytes) -> str | None:
    """The Windows name in a time zone definition; None for one that cannot be read."""
    if len(blob) < 8 or blob[0] != 2:
        return None
    (length,) = struct.unpack_from("<H", blob, 6)
    return blob[8 : 8 + 2 * length].decode("utf-16-le", "replace")
