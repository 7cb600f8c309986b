"""Changing and deleting calendar items and single occurrences of series."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from isthmus_lab.mapi import exceptions, occurrences, tags
from isthmus_lab.mapi.tags import PropertyKey
from isthmus_lab.store import Delete, Item, Mailbox, Row

from ..scheduling import calendar as calendars
from ..scheduling.states import attends
from . import calendar
from .call import Call
from .errors import EwsError
from .fields import Draft
from .ids import ObjectId, item_change_key
from .meetings import Before, How, call_off, occurrence_in
from .names import Element, t

# Fields that an occurrence shares with its series whatever happens.
_OF_SERIES: Final[frozenset[PropertyKey]] = frozenset(
    (tags.PidLidAppointmentRecur, tags.PidLidRecurring, tags.PidLidGlobalObjectId, tags.PidLidCleanGlobalObjectId)
)


def update(
    call: Call, mailbox: Mailbox, item: ObjectId, found: Item, apply: Callable[[Draft], None], key: bytes | None
) -> Element:
    """Applies the changes to an item or an occurrence of it, tells attendees, and gives its id."""
    how = How.of(call, "SendMeetingInvitationsOrCancellations")
    shown = occurrence_in(found.bag, item.occurrence) if item.occurrence else found.bag
    before, tells = Before(shown), how.sends and not attends(shown)
    draft = call.draft(shown)
    apply(draft)
    if item.occurrence:
        row = _save_occurrence(mailbox, item, found, draft, before if tells else None, key)
    else:
        row = _save(mailbox, found, draft, before if tells else None, key)
    if draft.read is not None:
        row = (mailbox.items.set_read([row.id], draft.read) or [row])[0]
    if tells and (draft.changed or draft.recipients_changed):
        before.tell(call, mailbox, draft.bag, how, draft.now())
    return bare(item, row)


def _save(mailbox: Mailbox, found: Item, draft: Draft, before: Before | None, key: bytes | None) -> Row:
    if not draft.changed and not draft.recipients_changed:
        return found.row
    calendar.complete(draft)
    if before is not None:
        before.note(draft)
    people = draft.bag.recipients if draft.recipients_changed else None
    attached = draft.bag.attachments  # exceptions may have gone with the rule
    return mailbox.items.update(found.row.id, draft.changed, recipients=people, attachments=attached, change_key=key)


def _save_occurrence(
    mailbox: Mailbox, item: ObjectId, found: Item, draft: Draft, before: Before | None, key: bytes | None
) -> Row:
    if _OF_SERIES & draft.changed.keys():
        raise EwsError("ErrorInvalidPropertySet", "The rule of a series is not changed in one of its occurrences.")
    start, end = draft.bag[tags.PidLidAppointmentStartWhole], draft.bag[tags.PidLidAppointmentEndWhole]
    if end < start:
        raise EwsError("ErrorCalendarEndDateIsEarlierThanStartDate", "End is earlier than Start.")
    _stay_in_place(found, item.occurrence, start)
    if not draft.changed and not draft.recipients_changed:
        return found.row
    draft.set(tags.PidLidAppointmentDuration, (end - start) // 600_000_000)
    if before is not None:
        before.note(draft)
    people = draft.bag.recipients if draft.recipients_changed else None
    exceptions.change(found.bag, item.occurrence, draft.changed, people)
    return calendars.save_series(mailbox, found.row, found.bag, key)


def _stay_in_place(found: Item, original: int, start: int) -> None:
    """An occurrence is not moved past its neighbours, nor onto their day ([MS-OXOCAL] 3.1.4.6)."""
    series = list(occurrences.expand(found.bag.get, 0, max(original, start) + _YEAR))
    place = next(at for at, each in enumerate(series) if each.original == original)
    earlier, later = series[:place][-1:], series[place + 1 :][:1]
    if any(start <= each.start for each in earlier) or any(start >= each.start for each in later):
        raise EwsError("ErrorOccurrenceCrossingBoundary", "An occurrence cannot be moved past another one.")


_YEAR: Final = 366 * 864_000_000_000


def delete(call: Call, mailbox: Mailbox, item: ObjectId, found: Item, disposal: Delete, how: How) -> None:
    """Deletes an item, or takes an occurrence out of its series; those concerned hear of it."""
    shown = occurrence_in(found.bag, item.occurrence) if item.occurrence else found.bag
    deleted = mailbox.folders.role("deleteditems").id
    if found.row.folder_id != deleted:
        call_off(call, mailbox, shown, how, call.draft(shown).now())
    remove(mailbox, item, found, disposal)


def remove(mailbox: Mailbox, item: ObjectId, found: Item, disposal: Delete) -> Row | None:
    """Deletes without telling anybody; the row in Deleted Items, or that of the series."""
    if not item.occurrence:
        return mailbox.items.delete([item.entry], disposal)[0]
    exceptions.delete(found.bag, item.occurrence)
    return calendars.save_series(mailbox, found.row, found.bag)


def bare(item: ObjectId, row: Row) -> Element:
    """A CalendarItem with nothing but its id."""
    own = item._replace(entry=row.id)
    return t("CalendarItem", t("ItemId", Id=str(own), ChangeKey=item_change_key(row)))
