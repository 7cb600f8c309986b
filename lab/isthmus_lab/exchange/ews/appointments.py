"""Changing and deleting calendar items and single occurrences of series."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from isthmus_lab.mapi import exceptions, occurrences, tags
from isthmus_lab.mapi.tags import PropertyKey
from isthmus_lab.store import Delete, Item, Mailbox, Row

from ..scheduling import calendar as calendars
from ..scheduling.states import attends
from . import calendar, current
from .call import Call
from .errors import EwsError
from .fields import Draft
from .ids import ObjectId, item_change_key
from .meetings import Before, Dispatch, How, call_off, occurrence_in
from .names import Element, t

# Fields that an occurrence shares with its series whatever happens.
_OF_SERIES: Final[frozenset[PropertyKey]] = frozenset(
    (tags.PidLidAppointmentRecur, tags.PidLidRecurring, tags.PidLidGlobalObjectId, tags.PidLidCleanGlobalObjectId)
)


def update(
    call: Call, mailbox: Mailbox, item: ObjectId, found: Item, apply: Callable[[Draft], None]
) -> tuple[Callable[[], Element], list[Dispatch]]:
    """What changes an item or an occurrence of it and gives its id, and what attendees hear of it."""
    how = How.of(call, "SendMeetingInvitationsOrCancellations")
    shown = occurrence_in(found.bag, item.occurrence) if item.occurrence else found.bag
    before, tells = Before(shown), how.sends and not attends(shown)
    draft = call.draft(shown)
    apply(draft)
    changed = bool(draft.changed or draft.recipients_changed)
    told: list[Dispatch] = []
    save: Callable[[], Row] | None = None
    if changed:
        if item.occurrence:
            _complete_occurrence(found, item.occurrence, draft)
        else:
            calendar.complete(draft)
        if tells:
            before.note(draft)
            told = list(before.told(call, mailbox, draft.bag, how, draft.now()))
        save = (_of_occurrence if item.occurrence else _whole)(mailbox, item, found, draft)

    def commit() -> Element:
        row = found.row if save is None else save()
        if draft.read is not None:
            row = (mailbox.items.set_read([row.id], draft.read) or [row])[0]
        for each in told:
            each.send()
        return bare(item, row)

    return commit, told


def _whole(mailbox: Mailbox, item: ObjectId, _: Item, draft: Draft) -> Callable[[], Row]:
    people = draft.bag.recipients if draft.recipients_changed else None
    attached = draft.bag.attachments  # exceptions may have gone with the rule
    return partial(mailbox.items.update, item.entry, draft.changed, recipients=people, attachments=attached)


def _of_occurrence(mailbox: Mailbox, item: ObjectId, found: Item, draft: Draft) -> Callable[[], Row]:
    people = draft.bag.recipients if draft.recipients_changed else None
    exceptions.change(found.bag, item.occurrence, draft.changed, people)
    return partial(calendars.save_series, mailbox, found.row, found.bag)


def _complete_occurrence(found: Item, original: int, draft: Draft) -> None:
    if _OF_SERIES & draft.changed.keys():
        raise EwsError("ErrorInvalidPropertySet", "The rule of a series is not changed in one of its occurrences.")
    start, end = draft.bag[tags.PidLidAppointmentStartWhole], draft.bag[tags.PidLidAppointmentEndWhole]
    calendar.refuse_span(start, end)
    _stay_in_place(found, original, start)
    draft.set(tags.PidLidAppointmentDuration, (end - start) // 600_000_000)


def _stay_in_place(found: Item, original: int, start: int) -> None:
    """An occurrence is not moved past its neighbours, nor onto their day ([MS-OXOCAL] 3.1.4.6)."""
    series = list(occurrences.expand(found.bag.get, 0, max(original, start) + _YEAR))
    place = next(at for at, each in enumerate(series) if each.original == original)
    earlier, later = series[:place][-1:], series[place + 1 :][:1]
    if any(start <= each.start for each in earlier) or any(start >= each.start for each in later):
        raise EwsError("ErrorOccurrenceCrossingBoundary", "An occurrence cannot be moved past another one.")


_YEAR: Final = 366 * 864_000_000_000


def delete(call: Call, mailbox: Mailbox, item: ObjectId, disposal: Delete, how: How) -> None:
    """Deletes an item, or takes an occurrence out of its series; those concerned hear of it."""
    deleted = mailbox.folders.role("deleteditems").id

    def prepare(found: Item) -> Callable[[], Dispatch | None]:
        shown = occurrence_in(found.bag, item.occurrence) if item.occurrence else found.bag
        now = call.draft(shown).now()
        told = None if found.row.folder_id == deleted else call_off(call, mailbox, shown, how, now)

        def commit() -> Dispatch | None:
            remove(mailbox, item, found, disposal)
            if told is not None:
                told.send()
            return told

        return commit

    told = current.change(mailbox, item.entry, prepare)
    if told is not None:
        told.keep()


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
