"""MimeContent: an item in its native form ([MS-OXWSCORE]).

That is iCalendar for a calendar item, a vCard for a contact, and MIME for all others.
"""

from __future__ import annotations

from isthmus_lab.mapi import tags
from isthmus_lab.mapi.bag import Bag
from isthmus_lab.mapi.calendaring import appointment, calendar_of, is_calendar
from isthmus_lab.mapi.calendaring.kinds import MEETING, RECEIVED
from isthmus_lab.mapi.mime import bag_from_mime, mime_from_bag
from isthmus_lab.mapi.vcard import contact, is_vcard, vcard_of

from ..mail.authoring import represented
from .call import Call
from .errors import EwsError
from .kinds import CALENDAR, CONTACT, Kind
from .names import Element
from .values import parse_base64


def written(kind: Kind, bag: Bag) -> bytes:
    """The item's content."""
    if kind is CONTACT:
        return vcard_of(bag)
    calendar = calendar_of(bag) if kind is CALENDAR else None
    return mime_from_bag(bag) if calendar is None else calendar[1].encode()


def parsed(call: Call, node: Element) -> Bag:
    """The item of a MimeContent element. Raises EwsError ErrorMimeContentInvalidBase64String."""
    try:
        content = parse_base64(node.text or "")
        if is_vcard(content):
            return contact(content)
        return _from_calendar(call, content) if is_calendar(content) else bag_from_mime(content)
    except ValueError as error:
        raise EwsError("ErrorMimeContentInvalidBase64String", str(error)) from None


def _from_calendar(call: Call, content: bytes) -> Bag:
    """A calendar file's appointment; people of the own organisation become X500 recipients."""
    bag = appointment(content)
    for each in bag.recipients:
        each.update(call.resolve(each[tags.PidTagSmtpAddress]) or {})
    address = bag.get(tags.PidTagSentRepresentingSmtpAddress)
    if address:
        organiser = call.services.directory.by_address(address)
        if organiser is not None:
            bag.properties |= represented(organiser)
        if f"smtp:{address.lower()}" not in call.caller.addresses:
            bag[tags.PidLidAppointmentStateFlags] = MEETING | RECEIVED
    return bag
