"""Free and busy times of one mailbox as an answer gives them: events, merged view, working hours ([MS-OXWSAVAIL])."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Final

from isthmus_lab.mapi import tags, zones
from isthmus_lab.mapi.bag import filetime, from_filetime
from isthmus_lab.store import Mailbox, Rights

from ..directory import Recipient
from ..mail.routing import expand
from ..scheduling import freebusy
from ..scheduling.freebusy import Event, WorkingHours
from . import simple_zones
from .calendar import FREE_BUSY
from .call import Call
from .errors import EwsError
from .fields import array
from .names import Element, child, m, t, text
from .values import BOOLEAN, REQUEST_ZONE, floats, parse_moment

_LARGEST_GROUP: Final = 100
_LONGEST_DAYS: Final = 62
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
DETAILED, FREE_BUSY_ONLY, MERGED_ONLY = "Detailed", "FreeBusy", "MergedOnly"


@dataclass(frozen=True)
class Asked:
    """FreeBusyViewOptions: a time as FILETIMEs, the interval of the merged view, and the views that are wanted."""

    begin: int
    end: int
    minutes: int
    view: str
    zone: tzinfo
    zone_element: Element | None

    @classmethod
    def parse(cls, node: Element, zone_element: Element | None) -> Asked:
        """Raises EwsError."""
        zone = simple_zones.read(zone_element)
        begin, end = window(child(node, "TimeWindow"), zone)
        minutes = int(text(node, "MergedFreeBusyIntervalInMinutes") or 30)
        if not 5 <= minutes <= 1440:
            raise EwsError("ErrorInvalidMergedFreeBusyInterval", "The interval is from 5 to 1440 minutes.")
        view = (text(node, "RequestedView") or "MergedOnly").split()
        if len(view) != 1 or view[0] == "None":
            raise EwsError("ErrorInvalidFreeBusyViewType", "One view can be asked for.")
        return cls(begin, end, minutes, view[0], zone, zone_element)


def window(node: Element | None, zone: tzinfo) -> tuple[int, int]:
    """A Duration element as FILETIMEs. Raises EwsError."""
    written = [text(node, name) or "" for name in ("StartTime", "EndTime")] if node is not None else ["", ""]
    try:
        begin, end = (filetime(moment(each, zone)) for each in written)
    except ValueError as error:
        raise EwsError("ErrorInvalidTimeInterval", str(error)) from None
    if end <= begin:
        raise EwsError("ErrorInvalidTimeInterval", "The time ends before it begins.")
    if end - begin > _LONGEST_DAYS * 864_000_000_000:
        raise EwsError("ErrorTimeIntervalTooBig", f"The time is longer than {_LONGEST_DAYS} days.")
    return begin, end


def moment(written: str, zone: tzinfo) -> datetime:
    """A dateTime of a request: one without an offset is on the clock of the request's zone."""
    found = parse_moment(written)
    return found.astimezone(REQUEST_ZONE.get()).replace(tzinfo=zone) if floats(written) else found


def shown_of(call: Call, mailbox: Mailbox) -> str:
    """How much of the calendar the caller may see. Raises EwsError ErrorNoFreeBusyAccess."""
    rights = call.access(mailbox).on(mailbox.folders.role("calendar"))
    if rights & (Rights.READ_ANY | Rights.FREE_BUSY_DETAILED):
        return DETAILED
    if rights & Rights.FREE_BUSY_SIMPLE:
        return FREE_BUSY_ONLY
    raise EwsError("ErrorNoFreeBusyAccess", "The caller does not have access to free/busy data.")


def view_of(call: Call, person: Recipient, asked: Asked) -> Element:
    """The FreeBusyView of a mailbox or a group. Raises EwsError."""
    if person.is_group:
        views = [_merged_of(each, call, asked) for each in members(call, person)]
        return _view(MERGED_ONLY, freebusy.together(views) if views else "", [], asked, None)
    mailbox = call.services.mailbox(person)
    allowed, found = shown_of(call, mailbox), freebusy.events(mailbox, asked.begin, asked.end)
    wanted, merges = asked.view.removesuffix("Merged"), asked.view.endswith(("Merged", "MergedOnly"))
    kind = FREE_BUSY_ONLY if wanted == DETAILED and allowed != DETAILED else wanted
    sees_private = call.access(mailbox).sees_private
    given = [] if kind == MERGED_ONLY else [_event(each, kind, asked.zone, sees_private) for each in found]
    merged = freebusy.merged(found, asked.begin, asked.end, asked.minutes) if merges else None
    name = kind if kind == MERGED_ONLY or merged is None else f"{kind}Merged"
    return _view(name, merged, given, asked, WorkingHours())


def members(call: Call, group: Recipient) -> list[Recipient]:
    """Everybody in a group with a mailbox here. Raises EwsError ErrorFreeBusyDLLimitReached."""
    found = [call.services.directory.by_address(each) for each in expand(call.services.directory, group)]
    if len(found) > _LARGEST_GROUP:
        raise EwsError("ErrorFreeBusyDLLimitReached", f"The group has more than {_LARGEST_GROUP} members.")
    return [each for each in found if each is not None and each.mailbox is not None]


def _merged_of(person: Recipient, call: Call, asked: Asked) -> str:
    mailbox = call.services.mailbox(person)
    shown_of(call, mailbox)
    return freebusy.merged(freebusy.events(mailbox, asked.begin, asked.end), asked.begin, asked.end, asked.minutes)


def _view(kind: str, merged: str | None, given: list[Element], asked: Asked, hours: WorkingHours | None) -> Element:
    node = m("FreeBusyView", t("FreeBusyViewType", kind))
    if merged is not None:
        node.append(t("MergedFreeBusy", merged))
    if given:
        node.append(array("CalendarEventArray", given))
    if hours is not None and kind != MERGED_ONLY:
        node.append(_hours(hours, asked))
    return node


def _event(event: Event, kind: str, zone: tzinfo, sees_private: bool) -> Element:
    node = t("CalendarEvent")
    for name, when in (("StartTime", event.start), ("EndTime", event.end)):
        node.append(t(name, simple_zones.local(from_filetime(when), zone)))
    node.append(t("BusyType", FREE_BUSY.show(event.status)))
    if kind == DETAILED:
        node.append(_details(event, sees_private))
    return node


def _details(event: Event, sees_private: bool) -> Element:
    bag, node = event.details, t("CalendarEventDetails")
    if sees_private or not event.is_private:
        node.append(t("ID", event.id.hex().upper()))
        node.append(t("Subject", str(bag.get(tags.PidTagSubject, ""))))
        node.append(t("Location", str(bag.get(tags.PidLidLocation, ""))))
    for name, value in (
        ("IsMeeting", freebusy.is_meeting(event)),
        ("IsRecurring", bag.get(tags.PidLidRecurring)),
        ("IsException", bag.get(tags.PidLidIsException)),
        ("IsReminderSet", bag.get(tags.PidLidReminderSet)),
        ("IsPrivate", event.is_private),
    ):
        node.append(t(name, BOOLEAN.show(value)))
    return node


def _hours(hours: WorkingHours, asked: Asked) -> Element:
    days = " ".join(_DAYS[each] for each in sorted(hours.days))
    times = [t("StartTimeInMinutes", str(hours.start)), t("EndTimeInMinutes", str(hours.end))]
    period = array("WorkingPeriod", [t("DayOfWeek", days), *times])
    given = asked.zone_element
    zone = deepcopy(given) if given is not None else simple_zones.build(zones.rules("UTC"))
    return array("WorkingHours", [zone, t("WorkingPeriodArray", period)])
