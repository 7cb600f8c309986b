"""A VEVENT as properties of an appointment or a message about it, [MS-OXCICAL] 2.1.3.1.1.20."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import uuid4

from icalendar import Component

from isthmus_lab.mapi import addresses, exceptions, globalid, occurrences, tags, zones
from isthmus_lab.mapi.bag import Bag, Properties, filetime
from isthmus_lab.mapi.calendaring import vtimezone
from isthmus_lab.mapi.calendaring.kinds import BUSY, CANCELLED, MEETING, RECEIVED
from isthmus_lab.mapi.calendaring.rules import series_from
from isthmus_lab.mapi.series import End
from isthmus_lab.mapi.tags import PropertyKey

ANSWERS: Final = ("REPLY", "COUNTER")
_ICONS: Final = {"REQUEST": 0x404, "CANCEL": 0x406}
# What an exception has of its own; all else is its series'.
_OF_EXCEPTIONS: Final[tuple[PropertyKey, ...]] = (
    tags.PidLidAppointmentStartWhole,
    tags.PidLidAppointmentEndWhole,
    tags.PidLidAppointmentDuration,
    tags.PidLidAppointmentSubType,
    tags.PidLidAppointmentSequence,
    tags.PidLidIntendedBusyStatus,
    tags.PidLidBusyStatus,
    tags.PidLidLocation,
)


class Times(NamedTuple):
    """When an event takes place, as FILETIMEs, whether on whole days, and the Windows name of its zone."""

    start: int
    end: int
    all_day: bool
    zone: str | None


# --- times ----------------------------------------------------------------------------------------------------------


def times_of(event: Component, calendar: Component) -> Times:
    tzid = str(event["DTSTART"].params.get("TZID", ""))
    all_day = not isinstance(event.decoded("DTSTART"), datetime)
    name = vtimezone.windows_name(tzid, calendar) if tzid else None
    if all_day:
        name = vtimezone.only_zone(calendar) or "UTC"
    start = _moment(event.decoded("DTSTART"), name)
    if "DTEND" in event:
        end = _moment(event.decoded("DTEND"), name)
    elif "DURATION" in event:
        length: timedelta = event.decoded("DURATION")
        end = start + int(length.total_seconds()) * 10_000_000
    else:
        end = start + (864_000_000_000 if all_day else 0)
    return Times(start, end, all_day, name)


def _moment(value: Any, zone: str | None) -> int:
    """A moment as a FILETIME: a whole day begins at midnight in the zone, a time without any zone is taken as UTC."""
    if isinstance(value, datetime):
        return filetime(value)
    if isinstance(value, date):
        return occurrences.ticks(datetime(value.year, value.month, value.day), zones.zone(zone or "UTC"))
    raise ValueError(f"{value!r} is no moment")


# --- properties -----------------------------------------------------------------------------------------------------


def properties_of(event: Component, method: str, times: Times) -> Properties:
    start, end = times.start, times.end
    stamp = _moment(event.decoded("DTSTAMP"), None) if "DTSTAMP" in event else start
    found: Properties = {}
    if method == "COUNTER":
        found |= {
            tags.PidLidAppointmentCounterProposal: True,
            tags.PidLidAppointmentProposedStartWhole: start,
            tags.PidLidAppointmentProposedEndWhole: end,
        }
        original = {name: event.get(f"X-MS-OLK-ORIGINAL{name}") for name in ("START", "END")}
        start, end = (_plain_time(original[name], then) for name, then in (("START", start), ("END", end)))
    place = str(event.get("LOCATION", ""))
    sequence = int(event.get("SEQUENCE", 0))
    global_id = globalid.of_uid(str(event.get("UID", "")) or str(uuid4()))
    state = MEETING | RECEIVED | (CANCELLED if method == "CANCEL" else 0)
    for keys, value in (((*_STARTS, tags.PidLidClipStart), start), ((*_ENDS, tags.PidLidClipEnd), end)):
        found |= dict.fromkeys(keys, value)
    found |= {
        tags.PidLidAttendeeCriticalChange if method in ANSWERS else tags.PidLidOwnerCriticalChange: stamp,
        tags.PidLidAppointmentDuration: (end - start) // 600_000_000,
        tags.PidLidAppointmentSubType: times.all_day,
        tags.PidLidAppointmentSequence: sequence,
        tags.PidLidLocation: place,
        tags.PidLidWhere: place,
        tags.PidLidGlobalObjectId: global_id,
        tags.PidLidCleanGlobalObjectId: globalid.clean(global_id),
        tags.PidLidAppointmentStateFlags: state,
        tags.PidLidIsRecurring: False,
        tags.PidLidRecurring: False,
        tags.PidTagIconIndex: _ICONS.get(method, 0x405),
    }
    if times.zone is not None:
        definition = zones.definition(times.zone)
        found[tags.PidLidAppointmentTimeZoneDefinitionStartDisplay] = definition
        found[tags.PidLidAppointmentTimeZoneDefinitionEndDisplay] = definition
    if method == "REQUEST":
        found |= _of_request(event, sequence)
    elif method == "CANCEL":
        found |= {tags.PidLidBusyStatus: 0, tags.PidLidIntendedBusyStatus: 0, tags.PidTagProcessed: False}
    return found


_STARTS: Final = (tags.PidLidAppointmentStartWhole, tags.PidLidCommonStart, tags.PidTagStartDate)
_ENDS: Final = (tags.PidLidAppointmentEndWhole, tags.PidLidCommonEnd, tags.PidTagEndDate)


def _plain_time(value: Any, default: int) -> int:
    """A time in a property whose type iCalendar does not fix."""
    text = str(value.to_ical().decode() if hasattr(value, "to_ical") else value or "")
    found = re.fullmatch(r"(\d{8}T\d{6})(Z?)", text)
    return filetime(datetime.strptime(found[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)) if found else default


def _of_request(event: Component, sequence: int) -> Properties:
    busy = BUSY.get(str(event.get("X-MICROSOFT-CDO-BUSYSTATUS", "BUSY")).upper(), 2)
    intended = BUSY.get(str(event.get("X-MICROSOFT-CDO-INTENDEDSTATUS", "")).upper(), busy)
    return {
        tags.PidLidBusyStatus: 1,  # shown as tentative until answered
        tags.PidLidIntendedBusyStatus: intended,
        tags.PidLidResponseStatus: 5,
        tags.PidLidMeetingType: 1 if sequence == 0 else 0x10000,
        tags.PidLidFInvited: True,
        tags.PidTagProcessed: False,
        tags.PidLidAppointmentNotAllowPropose: str(event.get("X-MICROSOFT-DISALLOW-COUNTER", "")).upper() == "TRUE",
    }


# --- series ---------------------------------------------------------------------------------------------------------


def set_series(event: Component, bag: Bag, times: Times) -> None:
    zone = zones.zone(times.zone or "UTC")
    minutes = (times.end - times.start) // 600_000_000
    rule: Any = event["RRULE"]  # icalendar's types do not tell that it is a mapping
    series = series_from(rule, occurrences.local(times.start, zone), minutes, zone)
    gone = event.get("EXDATE", [])
    dates = [each.dt for listed in (gone if isinstance(gone, list) else [gone]) for each in listed.dts]
    days = {_local(each, zone.key) for each in dates}
    series = replace(series, deleted=tuple(sorted(days)))
    definition = zones.definition(times.zone or "UTC")
    bag.properties |= {
        tags.PidLidRecurring: True,
        tags.PidLidIsRecurring: True,
        tags.PidLidAppointmentRecur: series.pack(),
        tags.PidLidRecurrenceType: series.frequency - 0x2009,
        tags.PidLidAppointmentTimeZoneDefinitionRecur: definition,
        tags.PidLidTimeZoneStruct: zones.structure(times.zone or "UTC"),
        tags.PidLidTimeZoneDescription: zones.display_name(times.zone or "UTC"),
        tags.PidLidClipStart: filetime(datetime(series.first.year, series.first.month, series.first.day)),
        tags.PidLidClipEnd: (
            occurrences.FOR_EVER
            if series.end is End.NEVER
            else filetime(datetime(series.last.year, series.last.month, series.last.day))
        ),
    }


def _local(value: Any, zone: str) -> date:
    if isinstance(value, datetime):
        return occurrences.local(filetime(value), zones.zone(zone)).date()
    assert isinstance(value, date)
    return value


def _original(event: Component, times: Times) -> int:
    return _moment(event.decoded("RECURRENCE-ID"), times.zone)


def set_occurrence(event: Component, bag: Bag, times: Times) -> None:
    """The message is about one occurrence of a series that is elsewhere."""
    original = _original(event, times)
    day = occurrences.local(original, zones.zone(times.zone or "UTC")).date()
    bag.properties |= {
        tags.PidLidIsException: True,
        tags.PidLidIsRecurring: True,
        tags.PidLidExceptionReplaceTime: original,
        tags.PidLidGlobalObjectId: globalid.of_day(bag[tags.PidLidGlobalObjectId], day),
    }


def add_exception(event: Component, bag: Bag, calendar: Component, method: str) -> None:
    times = times_of(event, calendar)
    found = properties_of(event, method, times)
    own: Properties = {key: found[key] for key in _OF_EXCEPTIONS if key in found}
    subject = str(event.get("SUMMARY", ""))
    if subject != bag.get(tags.PidTagNormalizedSubject):
        own |= {tags.PidTagSubject: subject, tags.PidTagNormalizedSubject: subject}
    for key in (tags.PidLidLocation, tags.PidLidAppointmentSubType, tags.PidLidBusyStatus):
        if own.get(key) == bag.get(key):
            own.pop(key, None)
    exceptions.change(bag, _original(event, times), own)


# --- people ---------------------------------------------------------------------------------------------------------


def address_of(value: Any) -> str:
    return re.sub(r"(?i)^mailto:|\s", "", str(value))


def set_organiser(event: Component, bag: Bag) -> None:
    organiser = event.get("ORGANIZER")
    if organiser is not None and "@" in address_of(organiser):
        who = addresses.Address(str(organiser.params.get("CN", "")) or address_of(organiser), address_of(organiser))
        bag.properties |= addresses.represented_sender(who)


def add_attendees(event: Component, bag: Bag) -> None:
    """Attendees whom no header names become recipients too: optional ones Cc, rooms Bcc."""
    named = {str(each[tags.PidTagSmtpAddress]).lower() for each in bag.recipients}
    attendees = event.get("ATTENDEE", [])
    for attendee in attendees if isinstance(attendees, list) else [attendees]:
        address = address_of(attendee)
        role, kind = attendee.params.get("ROLE", ""), attendee.params.get("CUTYPE", "")
        if address.lower() not in named:
            who = addresses.Address(str(attendee.params.get("CN", address)), address)
            type_ = 3 if kind in ("ROOM", "RESOURCE") else 2 if role == "OPT-PARTICIPANT" else 1
            bag.recipients.append(addresses.recipient(who, type_))
