"""Meeting messages: iCalendar parts as properties and back, [MS-OXCICAL], for meetings that take place once.

A part that says nothing we keep as properties (a series, another method, a broken one) stays a file of the message.
"""

import re
from datetime import UTC, date, datetime, timedelta
from email.message import Message
from typing import Any
from uuid import uuid4

from icalendar import Calendar, Component, Event, vCalAddress, vText

from isthmus_lab.mapi import addresses, attachments, tags
from isthmus_lab.mapi.bag import Bag, Properties, filetime, from_filetime
from isthmus_lab.mapi.tags import PropertyKey
from isthmus_lab.mapi.text import crlf, decode_bytes

_CLASSES = {"REQUEST": "IPM.Schedule.Meeting.Request", "CANCEL": "IPM.Schedule.Meeting.Canceled"}
_REPLIES = {
    "ACCEPTED": "IPM.Schedule.Meeting.Resp.Pos",
    "DECLINED": "IPM.Schedule.Meeting.Resp.Neg",
    "TENTATIVE": "IPM.Schedule.Meeting.Resp.Tent",
}
_BUSY = {"FREE": 0, "TENTATIVE": 1, "BUSY": 2, "OOF": 3}
# [MS-OXOCAL] 2.2.1.27: what every global object id begins with, and what marks one made of a foreign UID.
_GLOBAL_ID = bytes.fromhex("040000008200E00074C5B7101A82E008")
_FOREIGN_UID = b"vCal-Uid\1\0\0\0"
_MEETING, _RECEIVED, _CANCELED = 1, 2, 4  # PidLidAppointmentStateFlags


def apply(part: Message, bag: Bag) -> bool:
    """Makes the bag the meeting message that the part describes; False if it cannot, then the bag is unchanged."""
    try:
        text = decode_bytes(attachments.payload(part), attachments.parameter(part, "charset") or "utf-8")
        calendar = Calendar.from_ical(text)
        event = next(iter(calendar.walk("VEVENT")))
        method = (attachments.parameter(part, "method") or str(calendar.get("METHOD", ""))).upper()
        message_class = _class(method, event)
        if message_class is None or "RRULE" in event or "RECURRENCE-ID" in event:
            return False
        found = _properties(event, method)
    except (ValueError, KeyError, StopIteration, AttributeError, TypeError, IndexError, OverflowError):
        return False
    bag[tags.PidTagMessageClass] = message_class
    bag.properties |= found
    if not bag.get(tags.PidTagBody) and not bag.get(tags.PidTagHtml):
        bag[tags.PidTagBody] = crlf(str(event.get("DESCRIPTION", "")))
    if method == "REQUEST":
        bag[tags.PidTagResponseRequested] = True
        _attendees(event, bag)
    return True


def _class(method: str, event: Component) -> str | None:
    if method != "REPLY":
        return _CLASSES.get(method)
    attendees = event.get("ATTENDEE", [])
    attendee = attendees[0] if isinstance(attendees, list) else attendees
    return _REPLIES.get(str(attendee.params.get("PARTSTAT", "")).upper())


def _properties(event: Component, method: str) -> Properties:
    start, all_day = _moment(event.decoded("DTSTART"))
    end = _end(event, start, all_day)
    stamp = _moment(event.decoded("DTSTAMP"))[0] if "DTSTAMP" in event else start
    place = str(event.get("LOCATION", ""))
    sequence = int(event.get("SEQUENCE", 0))
    global_id = global_object_id(str(event.get("UID", "")) or str(uuid4()))
    busy = _BUSY.get(str(event.get("X-MICROSOFT-CDO-BUSYSTATUS", "BUSY")).upper(), 2)
    state = _MEETING | _RECEIVED | (_CANCELED if method == "CANCEL" else 0)
    times: list[tuple[PropertyKey, int]] = [
        (tags.PidLidAppointmentStartWhole, start),
        (tags.PidLidCommonStart, start),
        (tags.PidLidClipStart, start),
        (tags.PidTagStartDate, start),
        (tags.PidLidAppointmentEndWhole, end),
        (tags.PidLidCommonEnd, end),
        (tags.PidLidClipEnd, end),
        (tags.PidTagEndDate, end),
        (tags.PidLidAttendeeCriticalChange if method == "REPLY" else tags.PidLidOwnerCriticalChange, stamp),
    ]
    found: Properties = dict(times)
    found |= {
        tags.PidLidAppointmentDuration: (end - start) // 600_000_000,
        tags.PidLidAppointmentSubType: all_day,
        tags.PidLidAppointmentSequence: sequence,
        tags.PidLidLocation: place,
        tags.PidLidWhere: place,
        tags.PidLidGlobalObjectId: global_id,
        tags.PidLidCleanGlobalObjectId: global_id,
        tags.PidLidAppointmentStateFlags: state,
        tags.PidLidIsRecurring: False,
        tags.PidLidRecurring: False,
        tags.PidTagIconIndex: 0x404 if method == "REQUEST" else 0x406 if method == "CANCEL" else 0x405,
    }
    if method == "REQUEST":
        found |= {
            tags.PidLidBusyStatus: 1,  # shown as tentative until answered
            tags.PidLidIntendedBusyStatus: busy,
            tags.PidLidResponseStatus: 5,
            tags.PidLidMeetingType: 1 if sequence == 0 else 0x10000,
            tags.PidLidFInvited: True,
            tags.PidTagProcessed: False,
        }
    elif method == "CANCEL":
        found |= {tags.PidLidBusyStatus: 0, tags.PidLidIntendedBusyStatus: 0}
    return found


def _end(event: Component, start: int, all_day: bool) -> int:
    if "DTEND" in event:
        return _moment(event.decoded("DTEND"))[0]
    if "DURATION" in event:
        length: timedelta = event.decoded("DURATION")
        return start + int(length.total_seconds()) * 10_000_000
    return start + (864_000_000_000 if all_day else 0)


def _moment(value: Any) -> tuple[int, bool]:
    """A moment as a FILETIME, and whether it is a whole day. A time without a zone is taken as UTC."""
    if isinstance(value, datetime):
        return filetime(value), False
    if isinstance(value, date):
        return filetime(datetime(value.year, value.month, value.day, tzinfo=UTC)), True
    raise ValueError(f"{value!r} is no moment")


def _attendees(event: Component, bag: Bag) -> None:
    """Attendees whom no header names become recipients too: optional ones Cc, rooms Bcc."""
    named = {str(each[tags.PidTagSmtpAddress]).lower() for each in bag.recipients}
    attendees = event.get("ATTENDEE", [])
    for attendee in attendees if isinstance(attendees, list) else [attendees]:
        address = re.sub(r"(?i)^mailto:|\s", "", str(attendee))
        role, kind = attendee.params.get("ROLE", ""), attendee.params.get("CUTYPE", "")
        if address.lower() not in named:
            who = addresses.Address(str(attendee.params.get("CN", address)), address)
            type_ = 3 if kind in ("ROOM", "RESOURCE") else 2 if role == "OPT-PARTICIPANT" else 1
            bag.recipients.append(addresses.recipient(who, type_))


def global_object_id(uid: str) -> bytes:
    """The global object id of an iCalendar UID, [MS-OXCICAL] 2.1.3.1.1.20.26: as it is or packed."""
    try:
        raw = bytes.fromhex(uid)
        if raw.startswith(_GLOBAL_ID):
            return raw
    except ValueError:
        pass
    data = _FOREIGN_UID + uid.encode("utf-8") + b"\0"
    return _GLOBAL_ID + bytes(20) + len(data).to_bytes(4, "little") + data


def uid(global_id: bytes) -> str:
    """The iCalendar UID of a global object id."""
    packed = global_id[40:]
    if packed.startswith(_FOREIGN_UID):
        return packed[len(_FOREIGN_UID) :].rstrip(b"\0").decode("utf-8", "replace")
    return global_id.hex().upper()


# Writing


def calendar_of(bag: Bag) -> tuple[str, str] | None:
    """Method and text of the iCalendar part of a meeting message or an appointment; None for any other item."""
    message_class = str(bag.get(tags.PidTagMessageClass, ""))
    start, end = bag.get(tags.PidLidAppointmentStartWhole), bag.get(tags.PidLidAppointmentEndWhole)
    status = next((status for status, name in _REPLIES.items() if message_class.startswith(name)), None)
    method = next((method for method, name in _CLASSES.items() if message_class.startswith(name)), None)
    if status:
        method = "REPLY"
    elif message_class.startswith("IPM.Appointment"):
        method = "REQUEST" if bag.get(tags.PidLidAppointmentStateFlags, 0) & _MEETING else "PUBLISH"
    if method is None or start is None or end is None:
        return None
    event = Event()
    whole_day = bag.get(tags.PidLidAppointmentSubType, False)
    for name, ticks in (("DTSTART", start), ("DTEND", end)):
        event.add(name, from_filetime(ticks).date() if whole_day else from_filetime(ticks))
    stamp = bag.get(tags.PidLidOwnerCriticalChange) or bag.get(tags.PidTagLastModificationTime) or start
    event.add("DTSTAMP", from_filetime(stamp))
    event.add("UID", uid(bag.get(tags.PidLidGlobalObjectId, b"")) or str(uuid4()))
    event.add("SUMMARY", bag.get(tags.PidTagNormalizedSubject) or bag.get(tags.PidTagSubject, ""))
    event.add("LOCATION", bag.get(tags.PidLidLocation, ""))
    event.add("DESCRIPTION", bag.get(tags.PidTagBody, ""))
    event.add("SEQUENCE", bag.get(tags.PidLidAppointmentSequence, 0))
    event.add("STATUS", "CANCELLED" if method == "CANCEL" else "CONFIRMED")
    busy = bag.get(tags.PidLidIntendedBusyStatus, bag.get(tags.PidLidBusyStatus, 2))
    event.add("X-MICROSOFT-CDO-BUSYSTATUS", next((name for name, value in _BUSY.items() if value == busy), "BUSY"))
    _people(bag, event, method, status)
    calendar = Calendar()
    calendar.add("PRODID", "-//Isthmus//Lab//EN")
    calendar.add("VERSION", "2.0")
    calendar.add("METHOD", method)
    calendar.add_component(event)
    return method, calendar.to_ical().decode("utf-8")


def _people(bag: Bag, event: Event, method: str, status: str | None) -> None:
    sender = addresses.represented_sender_of(bag.properties)
    if status:  # an answer: its sender attends, whom it goes to organises
        organisers = addresses.recipients_of(bag.recipients, 1)[:1]
        attendees = [(sender, 1)] if sender else []
    else:
        organisers = [sender] if sender else []
        attendees = [(who, kind) for kind in (1, 2, 3) for who in addresses.recipients_of(bag.recipients, kind)]
    if method == "PUBLISH":
        return
    for organiser in organisers:
        event.add("ORGANIZER", _cal_address(organiser))
    for who, kind in attendees:
        address = _cal_address(who)
        address.params["ROLE"] = vText("OPT-PARTICIPANT" if kind == 2 else "REQ-PARTICIPANT")
        address.params["PARTSTAT"] = vText(status or "NEEDS-ACTION")
        if kind == 3:
            address.params["CUTYPE"] = vText("RESOURCE")
        if not status:
            address.params["RSVP"] = vText("TRUE")
        event.add("ATTENDEE", address)


def _cal_address(who: addresses.Address) -> vCalAddress:
    address = vCalAddress("mailto:" + re.sub(r"\s", "", who.address))
    address.params["CN"] = vText(re.sub(r"[\x00-\x1f\"]", " ", who.name))
    return address
