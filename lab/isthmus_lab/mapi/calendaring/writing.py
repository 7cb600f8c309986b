"""A meeting message or an appointment as an iCalendar part."""

import re
from datetime import date, datetime, timedelta
from typing import Final
from uuid import uuid4

from icalendar import Alarm, Calendar, Event, vCalAddress, vDDDTypes, vText
from icalendar.prop import vRecur

from isthmus_lab.mapi import addresses, exceptions, globalid, occurrences, tags, zones
from isthmus_lab.mapi.bag import Bag, Properties, from_filetime
from isthmus_lab.mapi.calendaring import vtimezone
from isthmus_lab.mapi.calendaring.kinds import BUSY, CANCELLATION_CLASS, MEETING, REQUEST_CLASS, RESPONSE_CLASSES
from isthmus_lab.mapi.calendaring.rules import rule_of

_METHODS: Final = {REQUEST_CLASS: "REQUEST", CANCELLATION_CLASS: "CANCEL"}


def calendar_of(bag: Bag) -> tuple[str, str] | None:
    """Method and text of the iCalendar part of a meeting message or an appointment; None for any other item."""
    message_class = str(bag.get(tags.PidTagMessageClass, ""))
    status = next((status for status, name in RESPONSE_CLASSES.items() if message_class.startswith(name)), None)
    method = next((method for name, method in _METHODS.items() if message_class.startswith(name)), None)
    if status:
        method = "COUNTER" if bag.get(tags.PidLidAppointmentCounterProposal) else "REPLY"
    elif message_class.startswith("IPM.Appointment"):
        method = "REQUEST" if bag.get(tags.PidLidAppointmentStateFlags, 0) & MEETING else "PUBLISH"
    if method is None or bag.get(tags.PidLidAppointmentStartWhole) is None:
        return None
    if bag.get(tags.PidLidAppointmentEndWhole) is None:
        return None
    calendar = Calendar()
    calendar.add("METHOD", method)
    calendar.add("PRODID", "-//Isthmus//Lab//EN")
    calendar.add("VERSION", "2.0")
    zone = _zone_name(bag)
    if zone is not None:
        calendar.add_component(vtimezone.component(zone))
    calendar.add_component(_event(bag, method, status, zone))
    if method in ("REQUEST", "PUBLISH"):
        for _, exception in exceptions.exceptions_of(bag):
            calendar.add_component(_event(exception, method, status, zone))
    return method, calendar.to_ical().decode("utf-8")


def _zone_name(bag: Bag) -> str | None:
    """The Windows name of the zone in which the times are written; None: in UTC."""
    raw = bag.get(tags.PidLidAppointmentTimeZoneDefinitionStartDisplay) or bag.get(
        tags.PidLidAppointmentTimeZoneDefinitionRecur
    )
    try:
        return zones.windows_name(zones.key_name(raw) or "") if raw else None
    except LookupError:
        return None


def _event(bag: Bag, method: str, status: str | None, zone: str | None) -> Event:
    event = Event()
    whole_day = bool(bag.get(tags.PidLidAppointmentSubType, False))

    def add(name: str, ticks: int) -> None:
        _add_time(event, name, ticks, zone, whole_day=whole_day)

    counter = method == "COUNTER"
    start, end = bag[tags.PidLidAppointmentStartWhole], bag[tags.PidLidAppointmentEndWhole]
    add("DTSTART", bag.get(tags.PidLidAppointmentProposedStartWhole, start) if counter else start)
    add("DTEND", bag.get(tags.PidLidAppointmentProposedEndWhole, end) if counter else end)
    if counter:
        add("X-MS-OLK-ORIGINALSTART", start)
        add("X-MS-OLK-ORIGINALEND", end)
    original = bag.get(tags.PidLidExceptionReplaceTime)
    if original:
        add("RECURRENCE-ID", original)
    changed = bag.get(tags.PidLidAttendeeCriticalChange) if status else bag.get(tags.PidLidOwnerCriticalChange)
    event.add("DTSTAMP", from_filetime(changed or bag.get(tags.PidTagLastModificationTime) or start))
    event.add("UID", globalid.uid_of(bag.get(tags.PidLidGlobalObjectId, b"")) or str(uuid4()))
    event.add("SUMMARY", bag.get(tags.PidTagNormalizedSubject) or bag.get(tags.PidTagSubject, ""))
    event.add("LOCATION", bag.get(tags.PidLidLocation, ""))
    event.add("COMMENT" if status else "DESCRIPTION", bag.get(tags.PidTagBody, ""))
    event.add("SEQUENCE", bag.get(tags.PidLidAppointmentSequence, 0))
    event.add("STATUS", "CANCELLED" if method == "CANCEL" else "CONFIRMED")
    event.add("TRANSP", "TRANSPARENT" if bag.get(tags.PidLidBusyStatus, 2) == 0 else "OPAQUE")
    event.add("CLASS", {2: "PRIVATE", 3: "CONFIDENTIAL"}.get(bag.get(tags.PidTagSensitivity, 0), "PUBLIC"))
    _add_status(event, bag, method)
    _add_rule(event, bag, zone, whole_day=whole_day)
    _add_people(event, bag, method, status)
    if bag.get(tags.PidNameKeywords):
        event.add("CATEGORIES", bag[tags.PidNameKeywords])
    if str(bag.get(tags.PidTagMessageClass, "")).startswith("IPM.Appointment") and bag.get(tags.PidLidReminderSet):
        event.add_component(_alarm(bag.get(tags.PidLidReminderDelta, 15)))
    return event


def _alarm(minutes: int) -> Alarm:
    alarm = Alarm()
    alarm.add("ACTION", "DISPLAY")
    alarm.add("DESCRIPTION", "REMINDER")
    alarm.add("TRIGGER", timedelta(minutes=-minutes))
    return alarm


def _add_time(event: Event, name: str, ticks: int, zone: str | None, *, whole_day: bool) -> None:
    """A time as Exchange writes it: in the appointment's own zone, by its Windows name."""
    value = _written(ticks, zone, whole_day=whole_day)
    node = vDDDTypes(value)
    if isinstance(value, datetime) and zone is not None:
        node.params["TZID"] = vText(zone)
    event[name] = node


def _written(ticks: int, zone: str | None, *, whole_day: bool) -> datetime | date:
    if whole_day:
        return occurrences.local(ticks, zones.zone(zone or "UTC")).date()
    return from_filetime(ticks) if zone is None else occurrences.local(ticks, zones.zone(zone))


def _add_status(event: Event, bag: Bag, method: str) -> None:
    names = {number: name for name, number in BUSY.items()}
    busy = bag.get(tags.PidLidBusyStatus, 2)
    intended = bag.get(tags.PidLidIntendedBusyStatus, busy)
    event.add("X-MICROSOFT-CDO-BUSYSTATUS", names.get(busy, "BUSY"))
    event.add("X-MICROSOFT-CDO-INTENDEDSTATUS", names.get(0 if method == "CANCEL" else intended, "BUSY"))
    event.add("X-MICROSOFT-CDO-APPT-SEQUENCE", str(bag.get(tags.PidLidAppointmentSequence, 0)))
    event.add("X-MICROSOFT-CDO-ALLDAYEVENT", "TRUE" if bag.get(tags.PidLidAppointmentSubType) else "FALSE")
    event.add("X-MICROSOFT-CDO-IMPORTANCE", str(bag.get(tags.PidTagImportance, 1)))
    if bag.get(tags.PidLidAppointmentNotAllowPropose):
        event.add("X-MICROSOFT-DISALLOW-COUNTER", "TRUE")


def _add_rule(event: Event, bag: Bag, zone: str | None, *, whole_day: bool) -> None:
    series = occurrences.series_of(bag.get)
    if series is None:
        return
    where = zones.of(bag.get)
    last = occurrences.start_on(series, series.last, where)
    until: datetime | date = _written(last, zone, whole_day=True) if whole_day else from_filetime(last)
    event.add("RRULE", vRecur(rule_of(series, until)))
    for day in series.deleted:
        if whole_day:
            event.add("EXDATE", [day], parameters={"VALUE": "DATE"})
            continue
        value = _written(occurrences.start_on(series, day, where), zone, whole_day=False)
        event.add("EXDATE", [value], parameters={"TZID": zone} if zone else {})


def _add_people(event: Event, bag: Bag, method: str, status: str | None) -> None:
    sender, answers = addresses.represented_sender_of(bag.properties), dict[str, int]()
    if status:  # an answer: its sender attends, whom it goes to organises
        organisers = addresses.recipients_of(bag.recipients, 1)[:1]
        attendees = [(sender, 1)] if sender else []
    else:
        organisers = [sender] if sender else []
        people = [each for each in bag.recipients if not each.get(tags.PidTagRecipientFlags, 0) & 2]
        answers = {_key(each): each.get(tags.PidTagRecipientTrackStatus, 0) for each in people}
        attendees = [(who, kind) for kind in (1, 2, 3) for who in addresses.recipients_of(people, kind)]
    if method == "PUBLISH":
        return
    for organiser in organisers:
        event.add("ORGANIZER", _cal_address(organiser))
    for who, kind in attendees:
        address = _cal_address(who)
        address.params["ROLE"] = vText(_ROLES[kind])
        address.params["PARTSTAT"] = vText(status or _ANSWERS.get(answers.get(who.address.lower(), 0), "NEEDS-ACTION"))
        if kind == tags.RECIPIENT_BCC:
            address.params["CUTYPE"] = vText("RESOURCE")
        if not status:
            address.params["RSVP"] = vText("TRUE" if bag.get(tags.PidTagResponseRequested, True) else "FALSE")
        event.add("ATTENDEE", address)


def _key(recipient: Properties) -> str:
    return str(recipient.get(tags.PidTagSmtpAddress) or recipient.get(tags.PidTagEmailAddress) or "").lower()


_ANSWERS: Final = {2: "TENTATIVE", 3: "ACCEPTED", 4: "DECLINED"}
_ROLES: Final = {1: "REQ-PARTICIPANT", 2: "OPT-PARTICIPANT", 3: "NON-PARTICIPANT"}


def _cal_address(who: addresses.Address) -> vCalAddress:
    address = vCalAddress("mailto:" + re.sub(r"\s", "", who.address))
    address.params["CN"] = vText(re.sub(r"[\x00-\x1f\"]", " ", who.name))
    return address
