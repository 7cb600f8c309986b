"""An iCalendar part as the properties of a meeting message.

A part that says nothing we keep as properties (another method, a rule that no series can follow, a broken one) stays a
file of the message.
"""

from email.message import Message
from typing import Final

from icalendar import Calendar, Component

from isthmus_lab.mapi import attachments, tags
from isthmus_lab.mapi.bag import Bag
from isthmus_lab.mapi.calendaring.events import (
    ANSWERS,
    add_attendees,
    add_exception,
    properties_of,
    set_occurrence,
    set_organiser,
    set_series,
    times_of,
)
from isthmus_lab.mapi.calendaring.kinds import CANCELLATION_CLASS, REQUEST_CLASS, RESPONSE_CLASSES
from isthmus_lab.mapi.text import crlf, decode_bytes

_CLASSES: Final = {"REQUEST": REQUEST_CLASS, "CANCEL": CANCELLATION_CLASS}
# What a calendar that is not one makes icalendar or its readers raise.
BROKEN: Final = (ValueError, KeyError, StopIteration, AttributeError, TypeError, IndexError, OverflowError)


def apply(part: Message, bag: Bag) -> bool:
    """Makes the bag the meeting message that the part describes; False if it cannot, then the bag is unchanged."""
    draft = Bag(dict(bag.properties), [dict(each) for each in bag.recipients], list(bag.attachments))
    try:
        text = decode_bytes(attachments.payload(part), attachments.parameter(part, "charset") or "utf-8")
        calendar = Calendar.from_ical(text)
        method = (attachments.parameter(part, "method") or str(calendar.get("METHOD", ""))).upper()
        if not _fill(draft, calendar, method):
            return False
    except BROKEN:
        return False
    bag.properties, bag.recipients, bag.attachments = draft.properties, draft.recipients, draft.attachments
    return True


def _fill(bag: Bag, calendar: Component, method: str) -> bool:
    events = calendar.walk("VEVENT")
    whole = [each for each in events if "RECURRENCE-ID" not in each]
    event = (whole or events)[0]
    message_class = _class(method, event)
    # More than one occurrence without their series would be several messages.
    if message_class is None or len(whole) > 1 or (not whole and len(events) > 1):
        return False
    times = times_of(event, calendar)
    bag[tags.PidTagMessageClass] = message_class
    bag.properties |= properties_of(event, method, times)
    if not bag.get(tags.PidTagBody) and not bag.get(tags.PidTagHtml):
        bag[tags.PidTagBody] = crlf(str(event.get("DESCRIPTION", event.get("COMMENT", ""))))
    if method not in ANSWERS:
        set_organiser(event, bag)
        bag[tags.PidTagResponseRequested] = method == "REQUEST"
    if method == "REQUEST":
        add_attendees(event, bag)
    if "RECURRENCE-ID" in event:
        set_occurrence(event, bag, times)
    elif "RRULE" in event:
        set_series(event, bag, times)
        for other in events:
            if "RECURRENCE-ID" in other:
                add_exception(other, bag, calendar, method)
    return True


def _class(method: str, event: Component) -> str | None:
    if method not in ANSWERS:
        return _CLASSES.get(method)
    attendees = event.get("ATTENDEE", [])
    attendee = attendees[0] if isinstance(attendees, list) else attendees
    status = str(attendee.params.get("PARTSTAT", "")).upper()
    return RESPONSE_CLASSES.get("TENTATIVE" if method == "COUNTER" and status != "DECLINED" else status)
