"""A calendar file as an appointment: what CalDAV and import programs give, [MS-OXCICAL] 2.1.3."""

from typing import Any, Final

from icalendar import Calendar, Component

from isthmus_lab.mapi import addresses, tags
from isthmus_lab.mapi.bag import Bag, Properties
from isthmus_lab.mapi.calendaring.events import (
    add_exception,
    address_of,
    properties_of,
    set_occurrence,
    set_organiser,
    set_series,
    times_of,
)
from isthmus_lab.mapi.calendaring.kinds import BUSY, MEETING
from isthmus_lab.mapi.calendaring.reading import BROKEN
from isthmus_lab.mapi.text import crlf, decode_bytes

_STATUSES: Final = {"TENTATIVE": 2, "ACCEPTED": 3, "DECLINED": 4}
_SENSITIVITIES: Final = {"PRIVATE": 2, "CONFIDENTIAL": 3}


def is_calendar(content: bytes) -> bool:
    """Whether this is a calendar file and no message."""
    return content.lstrip(b"\xef\xbb\xbf \t\r\n")[:15].upper() == b"BEGIN:VCALENDAR"


def appointment(content: bytes) -> Bag:
    """The appointment of a calendar file, whatever its method. Raises ValueError."""
    try:
        return _appointment(Calendar.from_ical(decode_bytes(content)))
    except BROKEN as error:
        raise ValueError(f"not a calendar with an appointment: {error}") from None


def _appointment(calendar: Component) -> Bag:
    events = calendar.walk("VEVENT")
    whole = [each for each in events if "RECURRENCE-ID" not in each]
    event = (whole or events)[0]
    times = times_of(event, calendar)
    subject = str(event.get("SUMMARY", ""))
    bag = Bag(
        {
            **properties_of(event, "PUBLISH", times),
            tags.PidTagMessageClass: "IPM.Appointment",
            tags.PidTagSubject: subject,
            tags.PidTagNormalizedSubject: subject,
            tags.PidTagConversationTopic: subject,
            tags.PidTagBody: crlf(str(event.get("DESCRIPTION", ""))),
            tags.PidTagNativeBody: 1,
            tags.PidTagSensitivity: _SENSITIVITIES.get(str(event.get("CLASS", "")).upper(), 0),
            tags.PidLidBusyStatus: _busy(event),
            **_reminder(event),
        }
    )
    words = event.get("CATEGORIES", [])
    categories = [str(word) for each in (words if isinstance(words, list) else [words]) for word in each.cats]
    if categories:
        bag[tags.PidNameKeywords] = [*categories]
    set_organiser(event, bag)
    _add_attendees(event, bag)
    bag[tags.PidLidAppointmentStateFlags] = MEETING if bag.recipients else 0
    if "RECURRENCE-ID" in event:
        set_occurrence(event, bag, times)
    elif "RRULE" in event:
        set_series(event, bag, times)
        for other in events:
            if "RECURRENCE-ID" in other:
                add_exception(other, bag, calendar, "PUBLISH")
    return bag


def _busy(event: Component) -> int:
    written = event.get("X-MICROSOFT-CDO-INTENDEDSTATUS", event.get("X-MICROSOFT-CDO-BUSYSTATUS"))
    if written is not None and str(written).upper() in BUSY:
        return BUSY[str(written).upper()]
    return 0 if str(event.get("TRANSP", "")).upper() == "TRANSPARENT" else 2


def _reminder(event: Component) -> Properties:
    alarm = next((each for each in event.walk("VALARM") if "TRIGGER" in each), None)
    if alarm is None:
        return {tags.PidLidReminderSet: False}
    before: Any = alarm.decoded("TRIGGER")
    seconds = -before.total_seconds() if hasattr(before, "total_seconds") else 900
    return {tags.PidLidReminderSet: True, tags.PidLidReminderDelta: max(0, int(seconds // 60))}


def _add_attendees(event: Component, bag: Bag) -> None:
    """The attendees and what they answered; the organiser among them is no attendee."""
    organiser = address_of(event.get("ORGANIZER", "")).lower()
    attendees = event.get("ATTENDEE", [])
    for each in attendees if isinstance(attendees, list) else [attendees]:
        address = address_of(each)
        if "@" not in address or address.lower() == organiser:
            continue
        role, kind = str(each.params.get("ROLE", "")).upper(), str(each.params.get("CUTYPE", "")).upper()
        number = 3 if kind in ("ROOM", "RESOURCE") else 2 if role == "OPT-PARTICIPANT" else 1
        row = addresses.recipient(addresses.Address(str(each.params.get("CN", "")) or address, address), number)
        row[tags.PidTagRecipientTrackStatus] = _STATUSES.get(str(each.params.get("PARTSTAT", "")).upper(), 0)
        bag.recipients.append(row)
