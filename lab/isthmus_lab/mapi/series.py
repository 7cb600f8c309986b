"""The recurrence blob of an appointment ([MS-OXOCAL] 2.2.1.44.1 RecurrencePattern, .5 AppointmentRecurrencePattern).

Days and times are local to the series' time zone; in the blob they are minutes since 1601.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from enum import IntEnum
from itertools import takewhile
from typing import Any, Final

from dateutil import rrule

_FIRST_DAY: Final = date(1601, 1, 1)
_DAY: Final = 1440
_MINUTE: Final = timedelta(minutes=1)
_NO_END: Final = date(4500, 8, 31)
_LONGEST: Final = 999
"""Occurrences that an endless series is counted for."""


class Frequency(IntEnum):
    DAILY = 0x200A
    WEEKLY = 0x200B
    MONTHLY = 0x200C
    YEARLY = 0x200D


class End(IntEnum):
    DATE = 0x2021
    COUNT = 0x2022
    NEVER = 0x2023


_DAY_PATTERN, _WEEK, _MONTH, _MONTH_NTH = 0, 1, 2, 3


@dataclass(frozen=True)
class Instance:
    """One occurrence in local time; ``original`` is when the rule has it, the others are given where they differ.

    ``reminder`` counts minutes, ``busy`` is a PidLidBusyStatus, ``meeting`` a PidLidAppointmentStateFlags.
    """

    start: datetime
    end: datetime
    original: datetime
    subject: str | None = None
    location: str | None = None
    meeting: int | None = None
    reminder: int | None = None
    reminds: bool | None = None
    busy: int | None = None
    attached: bool | None = None
    all_day: bool | None = None
    colour: int | None = None


@dataclass(frozen=True)
class Series:
    """``every`` counts days, weeks or months (12 for a yearly series).

    ``weekdays`` has bit 0 for Sunday; with ``nth`` (1 to 4, 5: last) they are days of the month's nth week, else
    ``day`` is the day of the month. ``start`` and ``length`` are minutes: from midnight, and of one occurrence.
    """

    frequency: Frequency
    every: int
    first: date
    weekdays: int = 0
    day: int = 0
    nth: int = 0
    end: End = End.NEVER
    count: int = 0
    last: date = _NO_END
    first_weekday: int = 0
    start: int = 0
    length: int = 30
    deleted: tuple[date, ...] = ()
    exceptions: tuple[Instance, ...] = ()

    # --- what the rule means ----------------------------------------------------------------------------------------

    def days(self) -> Iterator[date]:
        """The days of the rule, exceptions and deletions not applied; without end if the series has none."""
        monday_first = [weekday for weekday in range(7) if self.weekdays >> (weekday + 1) % 7 & 1]
        start = datetime.combine(self.first, time())
        count = self.count if self.end is End.COUNT else None
        until = datetime.combine(self.last, time()) if self.end is End.DATE else None
        if self.frequency is Frequency.DAILY:
            rule = rrule.rrule(rrule.DAILY, start, self.every, count=count, until=until)
        elif self.frequency is Frequency.WEEKLY:
            begin = (self.first_weekday - 1) % 7
            rule = rrule.rrule(rrule.WEEKLY, start, self.every, begin, count, until, byweekday=monday_first)
        elif self.nth:
            place = -1 if self.nth == 5 else self.nth
            rule = rrule.rrule(
                rrule.MONTHLY, start, self.every, count=count, until=until, byweekday=monday_first, bysetpos=place
            )
        else:
            # Day 31 is the last day of a shorter month.
            days = range(min(self.day, 28), self.day + 1)
            rule = rrule.rrule(
                rrule.MONTHLY, start, self.every, count=count, until=until, bymonthday=list(days), bysetpos=-1
            )
        return (each.date() for each in rule)

    def occurrences(self, before: datetime) -> Iterator[Instance]:
        """What takes place before a moment: plain occurrences and changed ones, each with the time it replaces."""
        changed = {each.original.date(): each for each in self.exceptions}
        gone = set(self.deleted)
        for day in takewhile(lambda each: each <= before.date(), self.days()):
            start = datetime.combine(day, time()) + timedelta(minutes=self.start)
            if day in changed:
                yield changed[day]
            elif day not in gone:
                yield Instance(start, start + timedelta(minutes=self.length), start)

    def normalised(self) -> Series:
        """The series with its first day on the rule, and its last day and count as they follow from each other."""
        days = self.days()
        first = next(days, self.first)
        moved = replace(self, first=first)
        if self.end is End.NEVER:
            return replace(moved, last=_NO_END, count=10)  # the number Outlook writes there
        counted = [day for _, day in zip(range(_LONGEST), moved.days(), strict=False)]
        return replace(moved, last=counted[-1] if counted else first, count=len(counted))

    def changed(self, instance: Instance) -> Series:
        """The series in which one occurrence differs from the rule; it may have differed, or been gone, before."""
        day = instance.original.date()
        others = (each for each in self.exceptions if each.original.date() != day)
        exceptions = tuple(sorted((*others, instance), key=lambda each: each.start))
        return replace(self, deleted=tuple(each for each in self.deleted if each != day), exceptions=exceptions)

    def without(self, day: date) -> Series:
        """The series in which nothing takes place instead of the rule's occurrence of that day."""
        kept = tuple(each for each in self.exceptions if each.original.date() != day)
        return replace(self, deleted=tuple(sorted({*self.deleted, day})), exceptions=kept)

    # --- the blob ---------------------------------------------------------------------------------------------------

    def pack(self) -> bytes:
        """PidLidAppointmentRecur."""
        first = _minutes(self.first)
        if self.frequency is Frequency.DAILY:
            pattern, period, specific = _DAY_PATTERN, self.every * _DAY, b""
            offset = first % period
        elif self.frequency is Frequency.WEEKLY:
            pattern, period, specific = _WEEK, self.every, struct.pack("<I", self.weekdays)
            week = self.first - timedelta(days=(self.first.isoweekday() - self.first_weekday) % 7)
            offset = _minutes(week) % (period * 7 * _DAY)
        else:
            period = self.every
            pattern = _MONTH_NTH if self.nth else _MONTH
            specific = struct.pack("<II", self.weekdays, self.nth) if self.nth else struct.pack("<I", self.day)
            months = ((self.first.year - 1601) * 12 + self.first.month - 1) % period
            offset = _minutes(date(1601 + months // 12, months % 12 + 1, 1))
        out = struct.pack("<HHHHHIII", 0x3004, 0x3004, self.frequency, pattern, 0, offset, period, 0) + specific
        out += struct.pack("<III", self.end, self.count, self.first_weekday)
        # A changed occurrence is among the deleted ones too: its place in the rule is empty.
        changed = sorted(self.exceptions, key=lambda each: each.start)
        out += _days(sorted({*self.deleted, *(each.original.date() for each in changed)}))
        out += _days([each.start.date() for each in changed])
        out += struct.pack("<II", _minutes(self.first), _minutes(self.last))
        out += struct.pack("<IIIIH", 0x3006, 0x3009, self.start, self.start + self.length, len(changed))
        out += b"".join(map(_exception, changed)) + struct.pack("<I", 0)
        return out + b"".join(map(_extended, changed)) + struct.pack("<I", 0)

    @classmethod
    def parse(cls, blob: bytes) -> Series:
        """Reads a blob. ValueError for one that is cut off or not a recurrence."""
        try:
            return _Reader(blob).series()
        except (struct.error, OverflowError) as error:
            raise ValueError(f"not a recurrence pattern: {error}") from None


class _Reader:
    def __init__(self, blob: bytes) -> None:
        self._blob = blob
        self._at = 0

    def _take(self, layout: str) -> tuple[int, ...]:
        values = struct.unpack_from("<" + layout, self._blob, self._at)
        self._at += struct.calcsize("<" + layout)
        return values

    def _skip_block(self) -> None:
        (size,) = self._take("I")
        self._at += size

    def _text(self) -> str:
        _, length = self._take("HH")
        raw = self._blob[self._at : self._at + length]
        self._at += length
        return raw.decode("cp1252", "replace")

    def series(self) -> Series:
        _, _, frequency, pattern, _, _, period, _ = self._take("HHHHHIII")
        weekdays = day = nth = 0
        if pattern == _WEEK:
            (weekdays,) = self._take("I")
        elif pattern == _MONTH_NTH:
            weekdays, nth = self._take("II")
        elif pattern != _DAY_PATTERN:
            (day,) = self._take("I")
        end, count, first_weekday = self._take("III")
        deleted = [_day(each) for each in self._take(f"{self._take('I')[0]}I")]
        self._take(f"{self._take('I')[0]}I")  # the days of exceptions stand in them too
        first, last = self._take("II")
        _, _, start, finish, exceptions = self._take("IIIIH")
        changed = tuple(self._exception() for _ in range(exceptions))
        changed = self._extended(changed) if exceptions else changed
        replaced = {each.original.date() for each in changed}
        return Series(
            Frequency(frequency),
            period // _DAY if frequency == Frequency.DAILY else period,
            _day(first),
            weekdays,
            day,
            nth,
            End(end) if end in (End.DATE, End.COUNT) else End.NEVER,
            count,
            _day(last) if end in (End.DATE, End.COUNT) else _NO_END,
            first_weekday,
            start,
            finish - start,
            tuple(each for each in deleted if each not in replaced),
            changed,
        )

    def _exception(self) -> Instance:
        start, end, original, flags = self._take("IIIH")
        found: dict[str, Any] = {}
        for flag, name in _OVERRIDES.items():
            if flags & flag:
                found[name] = self._text() if name in _TEXTS else self._take("I")[0]
        for name in _FLAGS & found.keys():
            found[name] = bool(found[name])
        return Instance(_moment(start), _moment(end), _moment(original), **found)

    def _extended(self, changed: tuple[Instance, ...]) -> tuple[Instance, ...]:
        """The texts of exceptions once more, in UTF-16: letters that the code page does not have are right there."""
        try:
            self._skip_block()
            return tuple(map(self._with_texts, changed))
        except struct.error:  # writers other than Outlook leave these blocks out
            return changed

    def _with_texts(self, instance: Instance) -> Instance:
        self._skip_block()
        self._skip_block()
        given = [name for name in _TEXTS if getattr(instance, name) is not None]
        if not given:
            return instance
        self._take("III")
        found: dict[str, Any] = {}
        for name in given:
            (letters,) = self._take("H")
            found[name] = self._blob[self._at : self._at + 2 * letters].decode("utf-16-le", "replace")
            self._at += 2 * letters
        self._skip_block()
        return replace(instance, **found)


# OverrideFlags of an ExceptionInfo, [MS-OXOCAL] 2.2.1.44.2, in the order of what they announce.
_OVERRIDES: Final = {
    0x0001: "subject",
    0x0002: "meeting",
    0x0004: "reminder",
    0x0008: "reminds",
    0x0010: "location",
    0x0020: "busy",
    0x0040: "attached",
    0x0080: "all_day",
    0x0100: "colour",
}
_TEXTS: Final = ("subject", "location")
_FLAGS: Final = frozenset(("reminds", "attached", "all_day"))


def _exception(instance: Instance) -> bytes:
    """An ExceptionInfo."""
    flags, values = 0, b""
    for flag, name in _OVERRIDES.items():
        value = getattr(instance, name)
        if value is None:
            continue
        flags |= flag
        if isinstance(value, str):
            raw = value.encode("cp1252", "replace")
            values += struct.pack("<HH", len(raw) + 1, len(raw)) + raw
        else:
            values += struct.pack("<I", value & 0xFFFFFFFF)
    return _times(instance) + struct.pack("<H", flags) + values


def _extended(instance: Instance) -> bytes:
    """An ExtendedException, [MS-OXOCAL] 2.2.1.44.4."""
    out = struct.pack("<III", 4, 0, 0)  # ChangeHighlight, ReservedBlockEE1
    texts = [text for name in _TEXTS if (text := getattr(instance, name)) is not None]
    if not texts:
        return out
    out += _times(instance)
    for text in texts:
        raw = text.encode("utf-16-le", "replace")
        out += struct.pack("<H", len(raw) // 2) + raw
    return out + struct.pack("<I", 0)


def _times(instance: Instance) -> bytes:
    moments = (instance.start, instance.end, instance.original)
    return struct.pack("<III", *((each - datetime.combine(_FIRST_DAY, time())) // _MINUTE for each in moments))


def _days(days: list[date]) -> bytes:
    return struct.pack(f"<I{len(days)}I", len(days), *map(_minutes, days))


def _minutes(day: date) -> int:
    return (day - _FIRST_DAY).days * _DAY


def _day(minutes: int) -> date:
    return _FIRST_DAY + timedelta(minutes=minutes)


def _moment(minutes: int) -> datetime:
    return datetime.combine(_FIRST_DAY, time()) + timedelta(minutes=minutes)
