"""VTIMEZONE: Windows' rules of a zone in iCalendar's words, [MS-OXCICAL] 2.1.3.1.1.19."""

import re
from datetime import datetime, timedelta
from typing import Final

from icalendar import Component, Timezone, TimezoneDaylight, TimezoneStandard
from icalendar.prop import vRecur

from isthmus_lab.mapi import zones
from isthmus_lab.mapi.zones import Rules, Switch

_DAYS: Final = ("SU", "MO", "TU", "WE", "TH", "FR", "SA")
_SINCE: Final = datetime(1601, 1, 1)


def component(name: str) -> Component:
    """The VTIMEZONE of a Windows zone."""
    rules = zones.rules(name)
    node = Timezone()
    node.add("TZID", name)
    for part, before, after, switch in (
        (TimezoneStandard(), rules.daylight, rules.standard, rules.to_standard),
        (TimezoneDaylight(), rules.standard, rules.daylight, rules.to_daylight),
    ):
        if switch is None and isinstance(part, TimezoneDaylight):
            continue
        hour, minute = (switch.hour, switch.minute) if switch else (0, 0)
        part.add("DTSTART", _SINCE.replace(hour=hour, minute=minute))
        part.add("TZOFFSETFROM", timedelta(minutes=-before))
        part.add("TZOFFSETTO", timedelta(minutes=-after))
        if switch:
            day = f"{-1 if switch.nth == 5 else switch.nth}{_DAYS[switch.weekday]}"
            part.add("RRULE", vRecur({"FREQ": "YEARLY", "INTERVAL": 1, "BYDAY": day, "BYMONTH": switch.month}))
        node.add_component(part)
    return node


def windows_name(tzid: str, calendar: Component) -> str | None:
    """The Windows zone of a TZID: by its name, else by the rules that the calendar has for it; None for neither."""
    try:
        return zones.windows_name(tzid.strip('"'))
    except LookupError:
        pass
    described = next((each for each in calendar.walk("VTIMEZONE") if str(each.get("TZID", "")) == tzid), None)
    wanted = None if described is None else _rules(described)
    return None if wanted is None else next((name for name in zones.names() if zones.rules(name) == wanted), None)


def only_zone(calendar: Component) -> str | None:
    """The Windows zone of a calendar that has exactly one: the one in which its whole days are meant."""
    found = calendar.walk("VTIMEZONE")
    return windows_name(str(found[0].get("TZID", "")), calendar) if len(found) == 1 else None


def _rules(node: Component) -> Rules | None:
    """The newest rules of a VTIMEZONE; None for one that changes in other ways than Windows' zones do."""
    parts: dict[str, Component] = {}
    for each in node.subcomponents:
        name = str(each.name)
        if name not in parts or each.decoded("DTSTART") > parts[name].decoded("DTSTART"):
            parts[name] = each
    if "STANDARD" not in parts:
        return None
    standard = _minutes(parts["STANDARD"])
    if "DAYLIGHT" not in parts:
        return Rules(standard, standard, None, None)
    switches = _switch(parts["STANDARD"]), _switch(parts["DAYLIGHT"])
    return None if None in switches else Rules(standard, _minutes(parts["DAYLIGHT"]), *switches)


def _minutes(part: Component) -> int:
    offset: timedelta = part.decoded("TZOFFSETTO")
    return -int(offset.total_seconds() // 60)


def _switch(part: Component) -> Switch | None:
    rule, start = part.get("RRULE") or {}, part.decoded("DTSTART")
    days, months = rule.get("BYDAY", []), rule.get("BYMONTH", [])
    day = re.fullmatch(r"([+-]?\d)([A-Z]{2})", str(days[0])) if len(days) == 1 else None
    if day is None or len(months) != 1:
        return None
    nth = 5 if int(day[1]) < 0 else int(day[1])
    return Switch(int(months[0]), nth, _DAYS.index(day[2]), start.hour, start.minute)
