"""What a meeting message changes in a calendar: placeholders of invitations, answers of attendees, cancellations."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Final

from isthmus_lab.mapi import exceptions, globalid, occurrences, tags
from isthmus_lab.mapi.bag import Bag, Properties, Value
from isthmus_lab.mapi.calendaring.kinds import CANCELLED, MEETING, RECEIVED
from isthmus_lab.mapi.tags import PropertyKey
from isthmus_lab.store import Item, Mailbox, Row

from .messages import CANCELED, carried, prefix_subject
from .states import ORGANISER, MeetingType, Response, address, attendees, attends, organiser, organises, significant

_ANSWERS: Final = {"pos": Response.ACCEPTED, "tent": Response.TENTATIVE, "neg": Response.DECLINED}
_BUSY_WHEN: Final = {Response.TENTATIVE: 1, Response.NOT_RESPONDED: 1}


@dataclass(frozen=True)
class Entry:
    """A meeting's place in a calendar: an item, and in a series the occurrence that is meant (a FILETIME, else 0)."""

    row: Row
    bag: Bag
    occurrence: int = 0

    @property
    def shown(self) -> Bag:
        """The item, or the occurrence as an item of its own; the item if the series has no such occurrence."""
        return (exceptions.occurrence_of(self.bag, self.occurrence) if self.occurrence else None) or self.bag


def find(mailbox: Mailbox, message: Bag) -> Entry | None:
    """Where the meeting of a message or another calendar's item stands in the mailbox's own calendar."""
    global_id = message.get(tags.PidLidGlobalObjectId) or message.get(tags.PidLidCleanGlobalObjectId)
    if not global_id:
        return None
    clean = globalid.clean(global_id)
    replaces = message.get(tags.PidLidExceptionReplaceTime) or 0
    # What the id of every copy has in common, for an occurrence as for its series: its end.
    found: list[Item] = []
    for row in mailbox.items.holding(mailbox.folders.role("calendar").id, clean[20:]):
        item = mailbox.items.get(row.id)
        if globalid.clean(item.bag.get(tags.PidLidGlobalObjectId) or b"") == clean:
            found.append(item)
    for item in found:
        if item.bag.get(tags.PidLidRecurring):
            return Entry(item.row, item.bag, replaces)
    alone = [each for each in found if each.bag.get(tags.PidLidGlobalObjectId) == global_id or not replaces]
    return Entry(alone[0].row, alone[0].bag) if alone else None


def invite(mailbox: Mailbox, request: Bag, now: int) -> MeetingType:
    """Puts a request's meeting into the attendee's calendar, or brings it up to date there."""
    entry = find(mailbox, request)
    if entry is None:
        mailbox.items.add(mailbox.folders.role("calendar").id, _placeholder(request, now))
        return MeetingType.NEW
    if organises(entry.bag):  # one's own request, come back by a group
        return MeetingType.NEW
    before = entry.shown
    if is_older(request, before):
        return MeetingType.OUTDATED
    kind = MeetingType.INFORMATIONAL if significant(request) == significant(before) else MeetingType.FULL_UPDATE
    if not entry.occurrence:
        _bring_up_to_date(mailbox, entry, request, kind)
    elif occurrences.at(entry.bag.get, entry.occurrence) is not None:
        properties: dict[PropertyKey, Value | None] = dict.fromkeys(_BODIES)
        properties |= {key: request.get(key) for key in _OF_OCCURRENCES if request.get(key) is not None}
        # What the occurrence has in common with its series is not an exception.
        properties = {key: value for key, value in properties.items() if before.get(key) != value}
        if kind is MeetingType.FULL_UPDATE:
            properties |= {tags.PidLidResponseStatus: int(Response.NOT_RESPONDED), tags.PidLidBusyStatus: 1}
        people = [_as_organiser(organiser(request)), *copy.deepcopy(attendees(request))]
        change(mailbox, entry, properties, people)
    return kind


def cancel(mailbox: Mailbox, message: Bag) -> None:
    """Marks the meeting as cancelled in the attendee's calendar; it stays there until its owner removes it."""
    entry = find(mailbox, message)
    if entry is None or not attends(entry.bag) or is_older(message, entry.shown):
        return
    if entry.occurrence and occurrences.at(entry.bag.get, entry.occurrence) is None:
        return
    shown = Bag(dict(entry.shown.properties))
    prefix_subject(shown, CANCELED)
    change(
        mailbox,
        entry,
        {
            **{key: shown[key] for key in (tags.PidTagSubject, tags.PidTagNormalizedSubject, tags.PidTagSubjectPrefix)},
            tags.PidLidAppointmentStateFlags: MEETING | RECEIVED | CANCELLED,
            tags.PidLidBusyStatus: 0,
            tags.PidLidAppointmentSequence: message.get(tags.PidLidAppointmentSequence, 0),
            tags.PidLidReminderSet: False,
        },
    )


def answered(mailbox: Mailbox, message: Bag) -> None:
    """Notes an attendee's answer in the organiser's calendar ([MS-OXOCAL] 3.1.4.8.4)."""
    entry = find(mailbox, message)
    if entry is None or not organises(entry.bag):
        return
    if entry.occurrence and occurrences.at(entry.bag.get, entry.occurrence) is None:
        return
    # An answer to an earlier time says nothing about the present one.
    if message.get(tags.PidLidAppointmentSequence, 0) < entry.shown.get(tags.PidLidAppointmentSequence, 0):
        return
    kind = str(message[tags.PidTagMessageClass]).lower().rpartition(".")[2]
    status, when = _ANSWERS.get(kind, Response.NONE), message.get(tags.PidLidAttendeeCriticalChange, 0)
    people = copy.deepcopy(entry.shown.recipients)
    who = organiser(message)  # in whose name the answer is
    row = next((each for each in people if address(each) == address(who)), None)
    if row is None:  # somebody to whom an attendee gave the request
        row = who | {tags.PidTagRecipientType: tags.RECIPIENT_CC}
        people.append(row)
    if row.get(tags.PidTagRecipientTrackStatusTime, 0) > when:
        return
    row |= {tags.PidTagRecipientTrackStatus: int(status), tags.PidTagRecipientTrackStatusTime: when}
    changes: dict[PropertyKey, Value | None] = {}
    if message.get(tags.PidLidAppointmentCounterProposal):
        row |= {
            tags.PidTagRecipientProposed: True,
            tags.PidTagRecipientProposedStartTime: message[tags.PidLidAppointmentProposedStartWhole],
            tags.PidTagRecipientProposedEndTime: message[tags.PidLidAppointmentProposedEndWhole],
        }
        changes[tags.PidLidAppointmentCounterProposal] = True
    change(mailbox, entry, changes, people)


def respond(mailbox: Mailbox, entry: Entry, answer: Response, name: str, now: int) -> Row:
    """Notes the owner's answer in their own calendar: the time is taken as the organiser meant it."""
    shown = entry.shown
    busy = _BUSY_WHEN.get(answer, shown.get(tags.PidLidIntendedBusyStatus, 2))
    changes: dict[PropertyKey, Value | None] = {
        tags.PidLidResponseStatus: int(answer),
        tags.PidLidBusyStatus: busy,
        tags.PidLidAppointmentReplyTime: now,
        tags.PidLidAppointmentReplyName: name,
    }
    return change(mailbox, entry, changes)


def change(
    mailbox: Mailbox,
    entry: Entry,
    properties: dict[PropertyKey, Value | None],
    recipients: list[Properties] | None = None,
) -> Row:
    """Sets properties (and recipients) of an entry: of the item, or of the occurrence that is meant."""
    if not entry.occurrence:
        return mailbox.items.update(entry.row.id, properties, recipients=recipients)
    exceptions.change(entry.bag, entry.occurrence, properties, recipients)
    return save_series(mailbox, entry.row, entry.bag)


def save_series(mailbox: Mailbox, row: Row, bag: Bag) -> Row:
    """Saves a series whose exceptions changed."""
    recurrence: dict[PropertyKey, Value | None] = {tags.PidLidAppointmentRecur: bag.get(tags.PidLidAppointmentRecur)}
    return mailbox.items.update(row.id, recurrence, attachments=bag.attachments)


# What an update of one occurrence may change in it.
_OF_OCCURRENCES: Final[tuple[PropertyKey, ...]] = (
    tags.PidTagSubject,
    tags.PidTagNormalizedSubject,
    tags.PidTagBody,
    tags.PidTagHtml,
    tags.PidLidLocation,
    tags.PidLidAppointmentStartWhole,
    tags.PidLidAppointmentEndWhole,
    tags.PidLidAppointmentDuration,
    tags.PidLidAppointmentSubType,
    tags.PidLidAppointmentSequence,
    tags.PidLidIntendedBusyStatus,
    tags.PidLidOwnerCriticalChange,
    tags.PidLidAppointmentStateFlags,
)
# An update says the whole text anew, in whatever form.
_BODIES: Final[tuple[PropertyKey, ...]] = (tags.PidTagBody, tags.PidTagHtml, tags.PidTagRtfCompressed)
# What an update does not take from the attendee: their answer, how they are shown meanwhile.
_ATTENDEES: Final[frozenset[PropertyKey]] = frozenset(
    (
        tags.PidLidResponseStatus,
        tags.PidLidBusyStatus,
        tags.PidLidMeetingType,
        tags.PidTagProcessed,
        tags.PidTagIconIndex,
    )
)


def _placeholder(request: Bag, now: int) -> Bag:
    bag = carried(request)
    alone = bool(request.get(tags.PidLidExceptionReplaceTime))  # invited to one occurrence of a series
    bag.set(
        {
            tags.PidTagMessageClass: "IPM.Appointment",
            tags.PidTagMessageFlags: tags.MSGFLAG_READ,
            tags.PidTagCreationTime: now,
            tags.PidTagIconIndex: 0x403 if bag.get(tags.PidLidRecurring) else 0x402,
            tags.PidLidAppointmentStateFlags: MEETING | RECEIVED,
            tags.PidLidResponseStatus: int(Response.NOT_RESPONDED),
            tags.PidLidBusyStatus: 1 if bag.get(tags.PidLidIntendedBusyStatus, 2) else 0,
            tags.PidLidFInvited: True,
            tags.PidLidSideEffects: 0x171,
            tags.PidLidReminderSet: not bag.get(tags.PidLidAppointmentSubType, False),
            tags.PidLidReminderDelta: 15,
            tags.PidLidReminderTime: bag[tags.PidLidAppointmentStartWhole],
            tags.PidLidReminderSignalTime: bag[tags.PidLidAppointmentStartWhole] - 15 * 600_000_000,
            tags.PidLidMeetingType: None,
            tags.PidLidIsException: None if not alone else True,
        }
    )
    bag.recipients = [_as_organiser(organiser(request)), *bag.recipients]
    return bag


def _bring_up_to_date(mailbox: Mailbox, entry: Entry, request: Bag, kind: MeetingType) -> None:
    came = carried(request)
    changes: dict[PropertyKey, Value | None] = dict.fromkeys(_BODIES)
    changes |= {key: value for key, value in came.properties.items() if key not in _ATTENDEES}
    changes |= {tags.PidTagMessageClass: "IPM.Appointment", tags.PidLidAppointmentStateFlags: MEETING | RECEIVED}
    if not came.get(tags.PidLidRecurring):
        changes |= {tags.PidLidAppointmentRecur: None, tags.PidLidRecurring: False}
    if kind is MeetingType.FULL_UPDATE:
        busy = 1 if came.get(tags.PidLidIntendedBusyStatus, 2) else 0
        changes |= {tags.PidLidResponseStatus: int(Response.NOT_RESPONDED), tags.PidLidBusyStatus: busy}
    people = [_as_organiser(organiser(request)), *came.recipients]
    mailbox.items.update(entry.row.id, changes, recipients=people, attachments=came.attachments)


def _as_organiser(who: Properties) -> Properties:
    return who | {tags.PidTagRecipientFlags: 1 | ORGANISER, tags.PidTagRecipientTrackStatus: int(Response.NONE)}


def is_older(message: Bag, entry: Bag) -> bool:
    """Whether the calendar knows a later state of the meeting than the message does ([MS-OXOCAL] 3.1.4.7.5)."""
    came, known = (each.get(tags.PidLidAppointmentSequence, 0) for each in (message, entry))
    if came != known:
        return bool(came < known)
    stamps = [each.get(tags.PidLidOwnerCriticalChange, 0) for each in (message, entry)]
    return bool(stamps[0] < stamps[1])
