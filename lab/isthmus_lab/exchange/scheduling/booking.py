"""The resource booking attendant: rooms and equipment answer as Set-CalendarProcessing's defaults say."""

from __future__ import annotations

from typing import Final

from isthmus_lab.mapi import exceptions, globalid, occurrences, tags
from isthmus_lab.mapi.bag import Bag
from isthmus_lab.store import Delete, Mailbox

from . import calendar, freebusy, messages
from .calendar import Entry
from .states import Response, is_cancellation, is_request, organiser

_DAY: Final = 864_000_000_000
_WINDOW: Final = 180 * _DAY  # BookingWindowInDays
_LONGEST: Final = 1440 * freebusy.MINUTE  # MaximumDurationInMinutes
_ACCEPTED: Final = "Your request was accepted."
_CONFLICT: Final = "Your meeting request was declined because there are conflicts."
_TOO_FAR: Final = "Your meeting request was declined because it is beyond the booking window of 180 days."
_TOO_LONG: Final = "Your meeting request was declined because it is longer than 1440 minutes."


def book(mailbox: Mailbox, message: Bag, name: str, now: int) -> Bag | None:
    """Answers a request that the calendar attendant has put into the calendar; the answer is the caller's to send."""
    entry = calendar.find(mailbox, message)
    if entry is None or (entry.occurrence and occurrences.at(entry.bag.get, entry.occurrence) is None):
        return None
    if is_cancellation(message):
        _remove(mailbox, entry)
        return None
    if not is_request(message):
        return None
    refusal = why_not(mailbox, entry, now)
    answer = Response.ACCEPTED if refusal is None else Response.DECLINED
    response = messages.response(message, answer, now)
    response[tags.PidTagBody] = refusal or _ACCEPTED
    if refusal is None:
        calendar.respond(mailbox, entry, answer, name, now)
        _anonymise(mailbox, message)
    else:
        _remove(mailbox, entry)
    return response


def why_not(mailbox: Mailbox, entry: Entry, now: int) -> str | None:
    """What speaks against the meeting; None if nothing does."""
    shown, last = entry.shown, now + _WINDOW
    if shown.get(tags.PidLidRecurring) and not entry.occurrence:
        times = [(each.start, each.end) for each in occurrences.expand(shown.get, now, last + _DAY)]
        if shown.get(tags.PidLidClipEnd, 0) > last:
            return _TOO_FAR
    else:
        times = [(shown[tags.PidLidAppointmentStartWhole], shown[tags.PidLidAppointmentEndWhole])]
    if any(start > last for start, _ in times):
        return _TOO_FAR
    if any(end - start > _LONGEST for start, end in times):
        return _TOO_LONG
    if not times:
        return None
    own = globalid.clean(entry.bag[tags.PidLidGlobalObjectId])
    others = [
        each
        for each in freebusy.events(mailbox, min(times)[0], max(end for _, end in times))
        if each.status != freebusy.FREE and globalid.clean(each.details.get(tags.PidLidGlobalObjectId) or b"") != own
    ]
    taken = any(each.start < end and each.end > start for each in others for start, end in times)
    return _CONFLICT if taken else None


def _anonymise(mailbox: Mailbox, message: Bag) -> None:
    """DeleteSubject, AddOrganizerToSubject, DeleteComments, DeleteAttachments."""
    entry = calendar.find(mailbox, message)
    if entry is None:
        return
    name = str(organiser(message).get(tags.PidTagDisplayName, ""))
    calendar.change(
        mailbox,
        entry,
        {
            tags.PidTagSubject: name,
            tags.PidTagNormalizedSubject: name,
            tags.PidTagSubjectPrefix: "",
            tags.PidTagBody: "",
            tags.PidTagHtml: None,
        },
    )


def _remove(mailbox: Mailbox, entry: Entry) -> None:
    if not entry.occurrence:
        mailbox.items.delete([entry.row.id], Delete.MOVE)
        return
    exceptions.delete(entry.bag, entry.occurrence)
    calendar.save_series(mailbox, entry.row, entry.bag)
