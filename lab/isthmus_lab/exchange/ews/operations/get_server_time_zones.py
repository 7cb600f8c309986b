"""GetServerTimeZones ([MS-OXWSGTZ])."""

from __future__ import annotations

from collections.abc import Iterator

from isthmus_lab.mapi import zones

from ..call import Call, reading
from ..names import Element, flag, m, t
from ..soap import Answer


@reading
def get_server_time_zones(call: Call) -> Answer:
    """The zones that are asked for, or all; with their rules unless only names are wanted."""
    wanted = {each.text for each in call.children("Ids")}
    full = flag(call.element.get("ReturnFullTimeZoneData"), default=True)

    def handle() -> Iterator[Element]:
        found = m("TimeZoneDefinitions")
        found.extend(_definition(name, full) for name in zones.names() if not wanted or name in wanted)
        yield found

    return call.answer(handle)


def _definition(name: str, full: bool) -> Element:
    node = t("TimeZoneDefinition", Id=name, Name=zones.display_name(name))
    if not full:
        return node
    rules = zones.rules(name)
    standard, daylight = (f"trule:Microsoft/Registry/{name}/1-{each}" for each in ("Standard", "Daylight"))
    periods = t("Periods", t("Period", Bias=_duration(rules.standard), Name="Standard", Id=standard))
    group = t("TransitionsGroup", Id="0")
    if rules.to_standard is None or rules.to_daylight is None:
        group.append(t("Transition", t("To", standard, Kind="Period")))
    else:
        periods.append(t("Period", Bias=_duration(rules.daylight), Name="Daylight", Id=daylight))
        group.append(_transition(rules.to_daylight, daylight))
        group.append(_transition(rules.to_standard, standard))
    node.append(periods)
    node.append(t("TransitionsGroups", group))
    node.append(t("Transitions", t("Transition", t("To", "0", Kind="Group"))))
    return node


def _transition(switch: zones.Switch, period: str) -> Element:
    node = t("RecurringDayTransition", t("To", period, Kind="Period"))
    node.append(t("TimeOffset", _duration(switch.hour * 60 + switch.minute)))
    node.append(t("Month", str(switch.month)))
    days = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
    node.append(t("DayOfWeek", days[switch.weekday]))
    node.append(t("Occurrence", str(-1 if switch.nth == 5 else switch.nth)))
    return node


def _duration(minutes: int) -> str:
    sign = "-" if minutes < 0 else ""
    return f"{sign}PT{abs(minutes) // 60}H{abs(minutes) % 60}M"
