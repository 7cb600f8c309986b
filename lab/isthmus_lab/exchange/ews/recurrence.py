"""Series in EWS: the Recurrence element, first and last occurrence, exceptions ([MS-OXWSMTGS] 2.2.4)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from isthmus_lab.mapi import exceptions, tags, zones
from isthmus_lab.mapi.bag import filetime, from_filetime
from isthmus_lab.mapi.occurrences import FOR_EVER, Occurrence, absolute, expand, series_of, start_on
from isthmus_lab.mapi.series import End, Frequency, Series

from .errors import EwsError
from .fields import Draft, View, array
from .ids import ObjectId
from .names import Element, elements, local, t, text

_DAYS: Final = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_WEEKS: Final = ("First", "Second", "Third", "Fourth", "Last")
_SETS: Final = {0x7F: "Day", 0x3E: "Weekday", 0x41: "WeekendDay"}
_TYPES: Final = {Frequency.DAILY: 1, Frequency.WEEKLY: 2, Frequency.MONTHLY: 3, Frequency.YEARLY: 4}


# --- shown --------------------------------------------------------------------------------------------------------


def build(view: View) -> Element | None:
    """The Recurrence element."""
    series = series_of(view.value)
    if series is None:
        return None
    node = t("Recurrence", _pattern(series))
    zone = zones.of(view.value)
    start = t("StartDate", _day(series.first, zone))
    if series.end is End.NEVER:
        node.append(t("NoEndRecurrence", start))
    elif series.end is End.DATE:
        node.append(array("EndDateRecurrence", [start, t("EndDate", _day(series.last, zone))]))
    else:
        node.append(array("NumberedRecurrence", [start, t("NumberOfOccurrences", str(series.count))]))
    return node


def _pattern(series: Series) -> Element:
    interval = t("Interval", str(series.every))
    if series.frequency is Frequency.DAILY:
        return t("DailyRecurrence", interval)
    if series.frequency is Frequency.WEEKLY:
        names = " ".join(name for bit, name in enumerate(_DAYS) if series.weekdays >> bit & 1)
        parts = [interval, t("DaysOfWeek", names), t("FirstDayOfWeek", _DAYS[series.first_weekday % 7])]
        return array("WeeklyRecurrence", parts)
    if series.nth:
        names = _SETS.get(series.weekdays) or _DAYS[(series.weekdays & -series.weekdays).bit_length() - 1]
        when = [t("DaysOfWeek", names), t("DayOfWeekIndex", _WEEKS[min(series.nth, 5) - 1])]
        kind = "Relative"
    else:
        when, kind = [t("DayOfMonth", str(series.day))], "Absolute"
    if series.frequency is Frequency.YEARLY:
        return array(f"{kind}YearlyRecurrence", [*when, t("Month", _MONTHS[series.first.month - 1])])
    return array(f"{kind}MonthlyRecurrence", [interval, *when])


def first(view: View) -> Element | None:
    """The FirstOccurrence element."""
    series = series_of(view.value)
    if series is None:
        return None
    found = next(series.occurrences(datetime.max), None)
    return None if found is None else _info("FirstOccurrence", view, absolute(series, found, zones.of(view.value)))


def last(view: View) -> Element | None:
    """The LastOccurrence element; a series without end has none."""
    series = series_of(view.value)
    if series is None or series.end is End.NEVER:
        return None
    found = list(series.occurrences(datetime.max))
    return _info("LastOccurrence", view, absolute(series, found[-1], zones.of(view.value))) if found else None


def modified(view: View) -> Element | None:
    """The ModifiedOccurrences element."""
    series = series_of(view.value)
    if series is None or not series.exceptions:
        return None
    zone = zones.of(view.value)
    changed = [_info("Occurrence", view, absolute(series, each, zone)) for each in series.exceptions]
    return array("ModifiedOccurrences", changed)


def deleted(view: View) -> Element | None:
    """The DeletedOccurrences element."""
    series = series_of(view.value)
    if series is None or not series.deleted:
        return None
    zone = zones.of(view.value)
    starts = [start_on(series, day, zone) for day in series.deleted]
    return array("DeletedOccurrences", [t("DeletedOccurrence", t("Start", _shown(each))) for each in starts])


def _info(name: str, view: View, found: Occurrence) -> Element:
    own = ObjectId.parse(view.id)._replace(occurrence=found.original)
    times = [t("Start", _shown(found.start)), t("End", _shown(found.end)), t("OriginalStart", _shown(found.original))]
    return array(name, [t("ItemId", Id=str(own)), *times])


# --- stored -------------------------------------------------------------------------------------------------------


def store(draft: Draft, node: Element) -> None:
    """Makes a series of an appointment from a Recurrence element; its times come from :func:`complete`."""
    pattern, range_ = elements(node)
    try:
        series = _read_range(_read_pattern(pattern), range_)
    except (ValueError, IndexError, OverflowError) as error:
        raise EwsError("ErrorCalendarInvalidRecurrence", f"The recurrence cannot be read: {error}") from None
    draft.set(tags.PidLidRecurring, True)
    draft.set(tags.PidLidAppointmentRecur, series.normalised().pack())


def clear(draft: Draft) -> None:
    """Makes a single appointment of a series."""
    exceptions.forget(draft.bag)
    draft.set(tags.PidLidRecurring, False)
    for key in (
        tags.PidLidAppointmentRecur,
        tags.PidLidRecurrenceType,
        tags.PidLidAppointmentTimeZoneDefinitionRecur,
        tags.PidLidClipStart,
        tags.PidLidClipEnd,
    ):
        draft.set(key, None)


def complete(draft: Draft) -> None:
    """Brings series and times together when one of them changed ([MS-OXOCAL] 2.2.1.14, .15, .44)."""
    causes = {
        tags.PidLidAppointmentRecur,
        tags.PidLidAppointmentStartWhole,
        tags.PidLidAppointmentEndWhole,
        tags.PidLidAppointmentTimeZoneDefinitionStartDisplay,
    }
    bag = draft.bag
    start, end = bag[tags.PidLidAppointmentStartWhole], bag[tags.PidLidAppointmentEndWhole]
    if not bag.get(tags.PidLidRecurring):
        draft.set(tags.PidLidClipStart, start)
        draft.set(tags.PidLidClipEnd, end)
        return
    if not causes & draft.changed.keys():
        return
    zone = zones.of(bag.get)
    exceptions.forget(bag)  # another rule, other occurrences
    local_start = from_filetime(start).astimezone(zone)
    series = replace(
        Series.parse(bag[tags.PidLidAppointmentRecur]),
        start=local_start.hour * 60 + local_start.minute,
        length=(end - start) // 600_000_000,
    )
    draft.set(tags.PidLidAppointmentRecur, series.pack())
    draft.set(tags.PidLidRecurrenceType, _TYPES[series.frequency])
    first_one = next(expand(bag.get, 0, FOR_EVER), None)
    if first_one is None:
        raise EwsError("ErrorRecurrenceHasNoOccurrence", "The series has no occurrence.")
    draft.set(tags.PidLidAppointmentStartWhole, first_one.start)
    draft.set(tags.PidLidAppointmentEndWhole, first_one.end)
    draft.set(tags.PidLidClipStart, filetime(datetime.combine(series.first, datetime.min.time(), UTC)))
    if series.end is End.NEVER:
        draft.set(tags.PidLidClipEnd, FOR_EVER)
    else:
        draft.set(tags.PidLidClipEnd, filetime(datetime.combine(series.last, datetime.min.time(), UTC)))
    shown = bag.get(tags.PidLidAppointmentTimeZoneDefinitionStartDisplay)
    if shown:
        draft.set(tags.PidLidAppointmentTimeZoneDefinitionRecur, shown)
        name = zones.key_name(shown)
        if name:
            draft.set(tags.PidLidTimeZoneStruct, zones.structure(name))
            draft.set(tags.PidLidTimeZoneDescription, zones.display_name(name))


def _read_pattern(node: Element) -> Series:
    every = _within(text(node, "Interval") or "1", 999 if local(node) == "DailyRecurrence" else 99)
    names = (text(node, "DaysOfWeek") or "").split()
    bits = sum(_BITS[name] for name in names)
    week = text(node, "DayOfWeekIndex")
    nth = _WEEKS.index(week) + 1 if week else 0
    day = _within(text(node, "DayOfMonth") or "1", 31) if local(node).startswith("Absolute") else 0
    today = date.min
    match local(node):
        case "DailyRecurrence":
            return Series(Frequency.DAILY, every, today)
        case "WeeklyRecurrence":
            begin = _DAYS.index(text(node, "FirstDayOfWeek") or "Sunday")
            return Series(Frequency.WEEKLY, every, today, weekdays=bits, first_weekday=begin)
        case "AbsoluteMonthlyRecurrence" | "RelativeMonthlyRecurrence":
            return Series(Frequency.MONTHLY, every, today, weekdays=bits, day=day, nth=nth)
        case "AbsoluteYearlyRecurrence" | "RelativeYearlyRecurrence":
            month = _MONTHS.index(text(node, "Month") or "") + 1
            return Series(Frequency.YEARLY, 12, date(1, month, 1), weekdays=bits, day=day, nth=nth)
    raise ValueError(f"{local(node)} is not supported")


_BITS: Final = {name: 1 << bit for bit, name in enumerate(_DAYS)} | {name: bits for bits, name in _SETS.items()}


def _read_range(series: Series, node: Element) -> Series:
    begin = _date(text(node, "StartDate"))
    if series.frequency is Frequency.YEARLY:
        month = series.first.month
        begin = begin if begin.month == month else date(begin.year + (begin.month > month), month, 1)
    series = replace(series, first=begin)
    match local(node):
        case "EndDateRecurrence":
            return replace(series, end=End.DATE, last=_date(text(node, "EndDate")))
        case "NumberedRecurrence":
            return replace(series, end=End.COUNT, count=_within(text(node, "NumberOfOccurrences") or "", 999))
    return series


def _within(written: str, most: int) -> int:
    """A number from 1 on ([MS-OXWSCDATA] 2.2.4, the patterns and ranges of recurrences)."""
    if not 1 <= int(written) <= most:
        raise ValueError(f"{written} is not from 1 to {most}")
    return int(written)


def _date(written: str | None) -> date:
    return date.fromisoformat((written or "")[:10])


# --- time ---------------------------------------------------------------------------------------------------------


def _day(day: date, zone: ZoneInfo) -> str:
    """A day with the zone's offset on it, as Exchange writes days of series."""
    offset = datetime.combine(day, datetime.min.time(), zone).isoformat()[19:]
    return f"{day.isoformat()}{'Z' if offset == '+00:00' else offset}"


def _shown(ticks: int) -> str:
    return from_filetime(ticks).strftime("%Y-%m-%dT%H:%M:%SZ")
