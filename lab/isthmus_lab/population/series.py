"""Recurring appointments as Outlook stores them: the recurrence blob and the time zone beside it.

[MS-OXOCAL] 2.2.1.44.1 RecurrencePattern, 2.2.1.44.5 AppointmentRecurrencePattern, 2.2.1.39 PidLidTimeZoneStruct,
2.2.1.41 TimeZoneDefinition. Times inside are minutes since 1601 in the series' own time zone.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_FIRST_DAY = date(1601, 1, 1)
_DAY = 1440
ZONE = ZoneInfo("Europe/Berlin")
ZONE_NAME = "W. Europe Standard Time"
ZONE_DESCRIPTION = "(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna"


@dataclass(frozen=True)
class Moved:
    """An occurrence that takes place at another time, perhaps under another subject."""

    original: date
    start: datetime
    """Local time, without a zone."""
    subject: str | None = None


@dataclass(frozen=True)
class Series:
    """An appointment every `every` days, weeks or months, `count` times.

    `unit` is "day", "week" or "month". A weekly series takes place on `weekdays` (0 is Monday), a monthly one on the
    day of the month of `first`.
    """

    first: date
    start: time
    minutes: int
    unit: str
    every: int
    count: int
    weekdays: tuple[int, ...] = ()
    deleted: tuple[date, ...] = ()
    moved: tuple[Moved, ...] = ()

    def dates(self) -> list[date]:
        """The days of all occurrences by the rule, exceptions not applied."""
        if self.unit == "day":
            return [self.first + timedelta(days=self.every * n) for n in range(self.count)]
        if self.unit == "month":
            months = [self.first.month - 1 + self.every * n for n in range(self.count)]
            return [self.first.replace(year=self.first.year + m // 12, month=m % 12 + 1) for m in months]
        found: list[date] = []
        monday = self.first - timedelta(days=self.first.weekday())
        while len(found) < self.count:
            days = (monday + timedelta(days=each) for each in self.weekdays)
            found += [day for day in days if day >= self.first]
            monday += timedelta(weeks=self.every)
        return found[: self.count]

    def blob(self) -> bytes:
        """PidLidAppointmentRecur."""
        dates = self.dates()
        frequency, pattern, period, first, specific = self._pattern()
        # A moved occurrence is also listed among the deleted ones: its place in the rule is empty.
        deleted = sorted({*self.deleted, *(each.original for each in self.moved)})
        moved = sorted(self.moved, key=lambda each: each.start)
        out = struct.pack("<HHHHHIII", 0x3004, 0x3004, frequency, pattern, 0, first, period, 0) + specific
        out += struct.pack("<III", 0x00002022, self.count, 1)  # ends after `count` occurrences; weeks begin on Monday
        out += _minutes_list(deleted) + _minutes_list([each.start.date() for each in moved])
        out += struct.pack("<II", _minutes(dates[0]), _minutes(dates[-1]))
        offset = self.start.hour * 60 + self.start.minute
        out += struct.pack("<IIIIH", 0x3006, 0x3009, offset, offset + self.minutes, len(moved))
        out += b"".join(self._exception(each) for each in moved)
        out += struct.pack("<I", 0)  # ReservedBlock1
        out += b"".join(self._extended_exception(each) for each in moved)
        return out + struct.pack("<I", 0)  # ReservedBlock2

    def _pattern(self) -> tuple[int, int, int, int, bytes]:
        """RecurFrequency, PatternType, Period, FirstDateTime and the part that only this pattern has."""
        start = _minutes(self.first)
        if self.unit == "day":
            period = self.every * _DAY
            return 0x200A, 0, period, start % period, b""
        if self.unit == "week":
            monday = _minutes(self.first - timedelta(days=self.first.weekday()))
            bits = sum(1 << (day + 1) % 7 for day in self.weekdays)  # bit 0 is Sunday
            return 0x200B, 1, self.every, monday % (self.every * 7 * _DAY), struct.pack("<I", bits)
        months = (self.first.year - 1601) * 12 + self.first.month - 1
        offset = months % self.every
        first = _minutes(date(1601 + offset // 12, offset % 12 + 1, 1))
        return 0x200C, 2, self.every, first, struct.pack("<I", self.first.day)

    def _exception(self, moved: Moved) -> bytes:
        original = datetime.combine(moved.original, self.start)
        end = moved.start + timedelta(minutes=self.minutes)
        out = struct.pack("<III", _minutes(moved.start), _minutes(end), _minutes(original))
        if moved.subject is None:
            return out + struct.pack("<H", 0)
        raw = moved.subject.encode("cp1252", "replace")
        return out + struct.pack("<HHH", 0x0001, len(raw) + 1, len(raw)) + raw

    def _extended_exception(self, moved: Moved) -> bytes:
        out = struct.pack("<III", 4, 0, 0)  # ChangeHighlight, ReservedBlockEE1
        if moved.subject is None:
            return out
        original = datetime.combine(moved.original, self.start)
        end = moved.start + timedelta(minutes=self.minutes)
        raw = moved.subject.encode("utf-16-le")
        out += struct.pack("<III", _minutes(moved.start), _minutes(end), _minutes(original))
        return out + struct.pack("<H", len(moved.subject)) + raw + struct.pack("<I", 0)


def _minutes(moment: date | datetime) -> int:
    if isinstance(moment, datetime):
        return (moment.date() - _FIRST_DAY).days * _DAY + moment.hour * 60 + moment.minute
    return (moment - _FIRST_DAY).days * _DAY


def _minutes_list(days: list[date]) -> bytes:
    return struct.pack(f"<I{len(days)}I", len(days), *map(_minutes, days))


def _system_time(month: int, weekday: int, week: int, hour: int) -> bytes:
    """SYSTEMTIME of a rule: the `week`-th `weekday` (0 is Sunday, week 5 is the last) of the month."""
    return struct.pack("<8H", 0, month, weekday, week, hour, 0, 0, 0)


_STANDARD, _DAYLIGHT = _system_time(10, 0, 5, 3), _system_time(3, 0, 5, 2)


def zone_struct() -> bytes:
    """PidLidTimeZoneStruct of Central Europe."""
    return struct.pack("<iii", -60, 0, -60) + bytes(2) + _STANDARD + bytes(2) + _DAYLIGHT


def zone_definition() -> bytes:
    """PidLidAppointmentTimeZoneDefinition… of Central Europe, one rule in force since 1601."""
    name = ZONE_NAME.encode("utf-16-le")
    header = struct.pack("<HH", 2, len(ZONE_NAME)) + name + struct.pack("<H", 1)
    # Flags 2: this is the rule that recurrences use.
    rule = struct.pack("<BBHHH", 2, 1, 0x003E, 2, 1601) + bytes(14) + struct.pack("<iii", -60, 0, -60)
    return struct.pack("<BBH", 2, 1, len(header)) + header + rule + _STANDARD + _DAYLIGHT


def global_object_id(unique: bytes) -> bytes:
    """PidLidGlobalObjectId ([MS-OXOCAL] 2.2.1.27) of 16 bytes that no other meeting has."""
    prefix = bytes.fromhex("040000008200E00074C5B7101A82E008")
    return prefix + bytes(20) + struct.pack("<I", len(unique)) + unique


def utc(moment: datetime) -> datetime:
    """A local time of the organisation as an aware one."""
    return moment.replace(tzinfo=ZONE)
