"""The messages about a meeting, each made of a calendar item or of the message it answers."""

from __future__ import annotations

import copy
from typing import Final

from isthmus_lab.mapi import tags
from isthmus_lab.mapi.bag import Bag, Properties
from isthmus_lab.mapi.calendaring.kinds import CANCELLATION_CLASS, CANCELLED, MEETING, RECEIVED, REQUEST_CLASS
from isthmus_lab.mapi.tags import PropertyKey

from .states import Response, attendees, organiser

_CLASSES: Final = {
    Response.ACCEPTED: ("IPM.Schedule.Meeting.Resp.Pos", "Accepted: "),
    Response.TENTATIVE: ("IPM.Schedule.Meeting.Resp.Tent", "Tentative: "),
    Response.DECLINED: ("IPM.Schedule.Meeting.Resp.Neg", "Declined: "),
}
CANCELED: Final = "Canceled: "
# What belongs to one copy of an item and goes into no other.
_OWN: Final[frozenset[PropertyKey]] = frozenset(
    (
        tags.PidTagSearchKey,
        tags.PidTagMessageFlags,
        tags.PidTagCreationTime,
        tags.PidTagLastModificationTime,
        tags.PidTagLastModifierName,
        tags.PidTagInternetMessageId,
        tags.PidTagTransportMessageHeaders,
        tags.PidTagClientSubmitTime,
        tags.PidTagMessageDeliveryTime,
        tags.PidTagConversationIndex,
        tags.PidTagReceivedByName,
        tags.PidTagReceivedByAddressType,
        tags.PidTagReceivedByEmailAddress,
        tags.PidTagReceivedBySmtpAddress,
        tags.PidTagReceivedRepresentingName,
        tags.PidTagReceivedRepresentingAddressType,
        tags.PidTagReceivedRepresentingEmailAddress,
        tags.PidTagReceivedRepresentingSmtpAddress,
        tags.PidLidReminderSet,
        tags.PidLidReminderDelta,
        tags.PidLidReminderTime,
        tags.PidLidReminderSignalTime,
        tags.PidNameKeywords,
        tags.PidTagProcessed,
        tags.PidLidSideEffects,
    )
)
# What a response tells of the meeting it answers.
_IDENTIFYING: Final[tuple[PropertyKey, ...]] = (
    tags.PidLidGlobalObjectId,
    tags.PidLidCleanGlobalObjectId,
    tags.PidLidAppointmentStartWhole,
    tags.PidLidAppointmentEndWhole,
    tags.PidLidCommonStart,
    tags.PidLidCommonEnd,
    tags.PidTagStartDate,
    tags.PidTagEndDate,
    tags.PidLidAppointmentDuration,
    tags.PidLidAppointmentSubType,
    tags.PidLidAppointmentSequence,
    tags.PidLidLocation,
    tags.PidLidWhere,
    tags.PidLidExceptionReplaceTime,
    tags.PidLidIsException,
    tags.PidLidIsRecurring,
    tags.PidLidAppointmentTimeZoneDefinitionStartDisplay,
    tags.PidLidAppointmentTimeZoneDefinitionEndDisplay,
    tags.PidLidAppointmentTimeZoneDefinitionRecur,
    tags.PidTagSensitivity,
)


def request(meeting: Bag, now: int, to: list[Properties] | None = None) -> Bag:
    """The request or update for all attendees, or for some of them ([MS-OXOCAL] 2.2.6)."""
    bag = carried(meeting)
    bag.recipients = _rows(attendees(meeting) if to is None else to)
    busy = meeting.get(tags.PidLidBusyStatus, 2)
    bag.properties |= {
        tags.PidTagMessageClass: REQUEST_CLASS,
        tags.PidTagResponseRequested: meeting.get(tags.PidTagResponseRequested, True),
        tags.PidTagIconIndex: 0x404,
        tags.PidLidIntendedBusyStatus: busy,
        tags.PidLidBusyStatus: 1 if busy else 0,
        tags.PidLidAppointmentStateFlags: MEETING | RECEIVED,
        tags.PidLidOwnerCriticalChange: now,
        tags.PidLidIsRecurring: bool(meeting.get(tags.PidLidRecurring)),
    }
    return bag


def cancellation(meeting: Bag, now: int, to: list[Properties] | None = None) -> Bag:
    """What tells attendees that the meeting does not take place, or not with them ([MS-OXOCAL] 2.2.8)."""
    bag = carried(meeting)
    bag.recipients = _rows(attendees(meeting) if to is None else to)
    bag.properties |= {
        tags.PidTagMessageClass: CANCELLATION_CLASS,
        tags.PidTagResponseRequested: False,
        tags.PidTagIconIndex: 0x406,
        tags.PidTagImportance: 2,
        tags.PidLidIntendedBusyStatus: 0,
        tags.PidLidBusyStatus: 0,
        tags.PidLidAppointmentStateFlags: MEETING | RECEIVED | CANCELLED,
        tags.PidLidAppointmentSequence: meeting.get(tags.PidLidAppointmentSequence, 0) + 1,
        tags.PidLidOwnerCriticalChange: now,
    }
    prefix_subject(bag, CANCELED)
    return bag


def response(meeting: Bag, answer: Response, now: int) -> Bag:
    """The answer to the organiser of a request or of an attendee's calendar item ([MS-OXOCAL] 2.2.7)."""
    message_class, prefix = _CLASSES[answer]
    subject = meeting.get(tags.PidTagNormalizedSubject) or meeting.get(tags.PidTagSubject, "")
    to = organiser(meeting)
    bag = Bag({key: meeting[key] for key in _IDENTIFYING if meeting.get(key) is not None}, [to])
    bag.properties |= {
        tags.PidTagMessageClass: message_class,
        tags.PidTagNormalizedSubject: subject,
        tags.PidTagConversationTopic: meeting.get(tags.PidTagConversationTopic, subject),
        tags.PidTagIconIndex: {3: 0x405, 2: 0x407, 4: 0x408}[answer],
        tags.PidTagBody: "",
        tags.PidTagDisplayTo: to.get(tags.PidTagDisplayName, ""),
        tags.PidLidAppointmentStateFlags: MEETING | RECEIVED,
        tags.PidLidAttendeeCriticalChange: now,
        tags.PidLidBusyStatus: 2 if answer is Response.ACCEPTED else 1 if answer is Response.TENTATIVE else 0,
        tags.PidLidResponseStatus: int(answer),
    }
    prefix_subject(bag, prefix)
    return bag


def carried(meeting: Bag) -> Bag:
    """What one item about a meeting hands on to another: everything but what is of one copy."""
    properties = {key: value for key, value in meeting.properties.items() if key not in _OWN}
    return copy.deepcopy(Bag(properties, meeting.recipients, meeting.attachments))


def prefix_subject(bag: Bag, prefix: str) -> None:
    """Puts a word before the subject, once."""
    rest = bag.get(tags.PidTagNormalizedSubject) or bag.get(tags.PidTagSubject, "")
    rest = rest.removeprefix(prefix)
    bag.properties |= {
        tags.PidTagSubjectPrefix: prefix,
        tags.PidTagNormalizedSubject: rest,
        tags.PidTagSubject: prefix + rest,
    }


def _rows(people: list[Properties]) -> list[Properties]:
    """Recipients as they go out: nobody learns what the others answered."""
    tracked = (tags.PidTagRecipientTrackStatus, tags.PidTagRecipientTrackStatusTime, tags.PidTagRecipientFlags)
    return [{key: value for key, value in each.items() if key not in tracked} for each in people]
