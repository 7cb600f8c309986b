"""What calendar items and meeting messages say about a meeting, and questions to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from enum import IntEnum
from typing import Any, Final

from isthmus_lab.mapi import occurrences, tags
from isthmus_lab.mapi.bag import Bag, Properties
from isthmus_lab.mapi.calendaring.kinds import CANCELLATION_CLASS, CANCELLED, MEETING, RECEIVED, REQUEST_CLASS
from isthmus_lab.mapi.tags import PropertyKey

RESPONSE_CLASS: Final = "IPM.Schedule.Meeting.Resp"
ORGANISER: Final = 2
"""PidTagRecipientFlags: this row of the recipient table is the organiser ([MS-OXOCAL] 2.2.4.10.1)."""


class Response(IntEnum):
    """PidLidResponseStatus and PidTagRecipientTrackStatus ([MS-OXOCAL] 2.2.1.11)."""

    NONE = 0
    ORGANISED = 1
    TENTATIVE = 2
    ACCEPTED = 3
    DECLINED = 4
    NOT_RESPONDED = 5


class MeetingType(IntEnum):
    """PidLidMeetingType ([MS-OXOCAL] 2.2.6.5)."""

    NEW = 0x00000001
    FULL_UPDATE = 0x00010000
    INFORMATIONAL = 0x00020000
    OUTDATED = 0x00080000
    PRINCIPAL_COPY = 0x00100000


# Who a meeting is from: the organiser, in whatever name the message was sent.
REPRESENTED: Final[tuple[tuple[PropertyKey, PropertyKey], ...]] = (
    (tags.PidTagSentRepresentingName, tags.PidTagDisplayName),
    (tags.PidTagSentRepresentingAddressType, tags.PidTagAddressType),
    (tags.PidTagSentRepresentingEmailAddress, tags.PidTagEmailAddress),
    (tags.PidTagSentRepresentingSmtpAddress, tags.PidTagSmtpAddress),
)


def is_class(bag: Bag, message_class: str) -> bool:
    """Whether the item is of this message class or one below it."""
    return str(bag.get(tags.PidTagMessageClass, "")).lower().startswith(message_class.lower())


def is_request(bag: Bag) -> bool:
    return is_class(bag, REQUEST_CLASS)


def is_response(bag: Bag) -> bool:
    return is_class(bag, RESPONSE_CLASS)


def is_cancellation(bag: Bag) -> bool:
    return is_class(bag, CANCELLATION_CLASS)


def has_state(get: Callable[[PropertyKey], Any], mask: int) -> bool:
    """Whether PidLidAppointmentStateFlags has this bit."""
    return bool((get(tags.PidLidAppointmentStateFlags) or 0) & mask)


def organises(bag: Bag) -> bool:
    """Whether the calendar item is the organiser's own of a meeting."""
    return has_state(bag.get, MEETING) and not has_state(bag.get, RECEIVED)


def attends(bag: Bag) -> bool:
    """Whether the calendar item is an attendee's copy."""
    return has_state(bag.get, RECEIVED)


def is_cancelled(bag: Bag) -> bool:
    return has_state(bag.get, CANCELLED)


def attendees(bag: Bag) -> list[Properties]:
    """The rows of the recipient table that are not the organiser's."""
    return [each for each in bag.recipients if not each.get(tags.PidTagRecipientFlags, 0) & ORGANISER]


def address(recipient: Properties) -> str:
    """By what a recipient is recognised."""
    return str(recipient.get(tags.PidTagSmtpAddress) or recipient.get(tags.PidTagEmailAddress) or "").lower()


def organiser(bag: Bag) -> Properties:
    """The organiser as a row of a recipient table."""
    found: Properties = {key: bag[source] for source, key in REPRESENTED if bag.get(source)}
    return found | {tags.PidTagRecipientType: tags.RECIPIENT_TO, tags.PidTagObjectType: 6, tags.PidTagDisplayType: 0}


def significant(bag: Bag) -> tuple[Any, ...]:
    """What two versions of a meeting have in common if attendees need not decide anew ([MS-OXOCAL] 3.1.5.4).

    That single occurrences of a series were changed is told of each by itself.
    """
    series = occurrences.series_of(bag.get)
    rule = None if series is None else replace(series, deleted=(), exceptions=())
    return bag.get(tags.PidLidAppointmentStartWhole), bag.get(tags.PidLidAppointmentEndWhole), rule
