"""The time zone of availability requests: offsets and two rules, but no name ([MS-OXWSAVAIL] SerializableTimeZone)."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Final

from dateutil import tz
from dateutil.relativedelta import relativedelta, weekday

from isthmus_lab.mapi import zones

from .errors import EwsError
from .names import Element, child, t, text

_DAYS: Final = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")


def read(node: Element | None) -> tzinfo:
    """The zone of a TimeZone element; UTC without one."""
    if node is None:
        return tz.UTC
    bias = int(text(node, "Bias") or 0)
    standard, daylight = child(node, "StandardTime"), child(node, "DaylightTime")
    if standard is None or daylight is None or int(text(daylight, "Month") or 0) == 0:
        return tz.tzoffset(None, -60 * bias)
    offsets = [-60 * (bias + int(text(each, "Bias") or 0)) for each in (standard, daylight)]
    if offsets[0] == offsets[1]:
        return tz.tzoffset(None, offsets[0])
    # dateutil counts both switches in standard time: what the clock shows there when summer ends is an hour less.
    shift = relativedelta(seconds=offsets[1] - offsets[0])
    return tz.tzrange("standard", offsets[0], "daylight", offsets[1], _switch(daylight), _switch(standard) - shift)


def _switch(node: Element) -> relativedelta:
    try:
        hour, minute = (int(each) for each in (text(node, "Time") or "").split(":")[:2])
        nth, month = int(text(node, "DayOrder") or 0), int(text(node, "Month") or 0)
        name = (_DAYS.index(text(node, "DayOfWeek") or "") - 1) % 7
    except ValueError:
        raise EwsError("ErrorTimeZone", "A rule of the time zone cannot be read.") from None
    if nth == 5:
        return relativedelta(hours=hour, minutes=minute, day=31, month=month, weekday=weekday(name)(-1))
    return relativedelta(hours=hour, minutes=minute, day=1, month=month, weekday=weekday(name)(nth))


def build(rules: zones.Rules) -> Element:
    """A TimeZone element."""
    node = t("TimeZone", t("Bias", str(rules.standard)))
    for name, bias, switch in (
        ("StandardTime", 0, rules.to_standard),
        ("DaylightTime", rules.daylight - rules.standard, rules.to_daylight),
    ):
        part = t(name, t("Bias", str(bias)))
        part.append(t("Time", f"{switch.hour:02}:{switch.minute:02}:00" if switch else "00:00:00"))
        part.append(t("DayOrder", str(switch.nth if switch else 0)))
        part.append(t("Month", str(switch.month if switch else 0)))
        part.append(t("DayOfWeek", _DAYS[switch.weekday if switch else 0]))
        node.append(part)
    return node


def local(moment: datetime, zone: tzinfo) -> str:
    """A moment on the clock of the zone, as answers about availability give it: without an offset."""
    return moment.astimezone(zone).strftime("%Y-%m-%dT%H:%M:%S")
