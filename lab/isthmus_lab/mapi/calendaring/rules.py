"""RRULE and EXDATE as a series and back, [MS-OXCICAL] 2.1.3.2.2."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from isthmus_lab.mapi.series import End, Frequency, Series

_DAYS: Final = ("SU", "MO", "TU", "WE", "TH", "FR", "SA")
_WORKDAYS: Final = 0x3E
_LAST: Final = 5
_DAY = re.compile(r"([+-]?\d+)?([A-Z]{2})")
# Parts of a rule that a recurrence blob has no place for.
_FOREIGN: Final = frozenset(("BYHOUR", "BYMINUTE", "BYSECOND", "BYYEARDAY", "BYWEEKNO"))


def series_from(rule: Mapping[str, Any], start: datetime, minutes: int, zone: ZoneInfo) -> Series:
    """The series of a rule whose first occurrence begins at a local time. ValueError for what no series can be."""
    parts = {name.upper(): [str(each) for each in _listed(value)] for name, value in rule.items()}
    if _FOREIGN & parts.keys():
        raise ValueError(f"a series has no {sorted(_FOREIGN & parts.keys())}")
    every = int(parts.get("INTERVAL", ["1"])[0])
    days = [_DAY.fullmatch(each) for each in parts.get("BYDAY", [])]
    bits = sum(1 << _DAYS.index(found[2]) for found in days if found)
    positions = {int(found[1]) for found in days if found and found[1]} | {int(e) for e in parts.get("BYSETPOS", [])}
    if len(positions) > 1 or not positions <= {1, 2, 3, 4, -1}:
        raise ValueError(f"a series has no days at {positions}")
    nth = next(((_LAST if each == -1 else each) for each in positions), 0)
    day = int(parts.get("BYMONTHDAY", ["0"])[-1])
    if len(parts.get("BYMONTH", [])) > 1 or day < -1 or (len(parts.get("BYMONTHDAY", [])) > 1):
        raise ValueError("a series has one day in one month")
    day = 31 if day == -1 else day or start.day
    series = Series(
        Frequency.DAILY, every, start.date(), start=start.hour * 60 + start.minute, length=minutes, first_weekday=1
    )
    match parts.get("FREQ", [""])[0]:
        case "DAILY" if not bits:
            pass
        case "DAILY" if every == 1:
            series = replace(series, frequency=Frequency.WEEKLY, weekdays=bits)
        case "WEEKLY":
            begin = _DAYS.index(parts.get("WKST", ["MO"])[0])
            bits = bits or 1 << start.isoweekday() % 7
            series = replace(series, frequency=Frequency.WEEKLY, weekdays=bits, first_weekday=begin)
        case "MONTHLY" | "YEARLY" as frequency:
            monthly = frequency == "MONTHLY"
            if bits and not nth:
                raise ValueError("a series does not take place on all such days of a month")
            if not monthly and int(parts.get("BYMONTH", [str(start.month)])[0]) != start.month:
                raise ValueError("a yearly series begins in its month")
            series = replace(
                series,
                frequency=Frequency.MONTHLY if monthly else Frequency.YEARLY,
                every=every if monthly else 12 * every,
                weekdays=bits,
                nth=nth,
                day=0 if nth else day,
            )
        case _:
            raise ValueError(f"{dict(rule)} is no rule of a series")
    if "COUNT" in parts:
        series = replace(series, end=End.COUNT, count=int(parts["COUNT"][0]))
    elif "UNTIL" in rule or "until" in rule:
        until = _listed(rule.get("UNTIL", rule.get("until")))[0]
        series = replace(series, end=End.DATE, last=_local_day(until, zone))
    return series.normalised()


def rule_of(series: Series, until: datetime | date) -> dict[str, Any]:
    """The parts of an RRULE; ``until`` is when the last occurrence begins, as DTSTART is written."""
    rule: dict[str, Any] = {}
    days = [name for bit, name in enumerate(_DAYS) if series.weekdays >> bit & 1]
    if series.frequency is Frequency.DAILY:
        rule["FREQ"] = "DAILY"
    elif series.frequency is Frequency.WEEKLY:
        rule |= {"FREQ": "WEEKLY", "BYDAY": days, "WKST": _DAYS[series.first_weekday % 7]}
    else:
        yearly = series.frequency is Frequency.YEARLY
        rule["FREQ"] = "YEARLY" if yearly else "MONTHLY"
        if series.nth:
            rule |= {"BYDAY": days, "BYSETPOS": -1 if series.nth == _LAST else series.nth}
        else:
            rule["BYMONTHDAY"] = -1 if series.day == 31 else series.day
        if yearly:
            rule["BYMONTH"] = series.first.month
    rule["INTERVAL"] = series.every // 12 if series.frequency is Frequency.YEARLY else series.every
    if series.end is End.COUNT:
        rule["COUNT"] = series.count
    elif series.end is End.DATE:
        rule["UNTIL"] = until
    return rule


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _local_day(until: Any, zone: ZoneInfo) -> date:
    if isinstance(until, datetime):
        return until.astimezone(zone).date() if until.tzinfo else until.date()
    if isinstance(until, date):
        return until
    raise ValueError(f"{until!r} is no end of a series")
