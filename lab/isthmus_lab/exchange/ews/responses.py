"""Response objects about meetings: AcceptItem, TentativelyAcceptItem, DeclineItem, CancelCalendarItem, RemoveItem.

They are created as items are ([MS-OXWSMTGS] 3.1.4.2): what comes of it are the changed calendar item, the answer that
went out and the message that was answered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from isthmus_lab.mapi import occurrences, tags
from isthmus_lab.mapi.bag import Bag, Properties
from isthmus_lab.store import Delete, Item, Mailbox, Row

from ..scheduling import calendar as calendars
from ..scheduling import messages
from ..scheduling.calendar import Entry
from ..scheduling.states import Response, attends, is_cancellation, is_cancelled, is_request, organises
from . import appointments, bodies, current
from .call import Call
from .errors import EwsError
from .ids import ObjectId
from .meetings import Dispatch, How, call_off, dispatch, occurrence_in
from .names import Element, child, local, t
from .principals import calendar_of, may_change
from .shapes import bare
from .values import TIME

_ANSWERS: Final = {
    "AcceptItem": (Response.ACCEPTED, "Accept"),
    "TentativelyAcceptItem": (Response.TENTATIVE, "Tentative"),
    "DeclineItem": (Response.DECLINED, "Decline"),
}


@dataclass(frozen=True)
class _Asked:
    """A response object and the item it refers to."""

    call: Call
    node: Element
    mailbox: Mailbox
    item: ObjectId
    found: Item
    disposition: str

    @property
    def keeps(self) -> bool:
        return self.disposition == "SendAndSaveCopy"

    @property
    def sends(self) -> bool:
        return self.disposition != "SaveOnly"

    @property
    def calendar(self) -> Mailbox:
        """The mailbox with the calendar that the item is about."""
        return calendar_of(self.call, self.mailbox, self.found.bag)

    @property
    def shown(self) -> Bag:
        """The item, or the occurrence of it that is meant."""
        return occurrence_in(self.found.bag, self.item.occurrence) if self.item.occurrence else self.found.bag


def respond(call: Call, node: Element, disposition: str | None) -> Iterator[Element]:
    """Does what a response object says; what it made and changed."""
    reference = child(node, "ReferenceItemId")
    if reference is None:
        raise EwsError("ErrorInvalidRequest", "ReferenceItemId is missing.")
    mailbox, item = call.item(t("ItemId", Id=reference.get("Id", "")), occurrences=True)
    found = mailbox.items.get(item.entry)
    yield from HANDLERS[local(node)](_Asked(call, node, mailbox, item, found, disposition or "SaveOnly"))


def _answer(asked: _Asked) -> Iterator[Element]:
    call, mailbox = asked.call, asked.calendar
    answer, name = _ANSWERS[local(asked.node)]
    may_change(call, mailbox)
    entry = _entry_to_answer(asked)
    requested = is_request(asked.found.bag)

    def prepare(found: Item) -> Callable[[], tuple[Row, Row | None, Dispatch | None]]:
        place = Entry(found.row, found.bag, entry.occurrence)
        _refuse_answer(place, name)
        now = call.draft(found.bag).now()
        message: Dispatch | None = None
        if asked.sends:
            said = messages.response(place.shown, answer, now)
            said.properties |= _body(asked, "Body") | _proposal(asked.node)
            message = dispatch(call, mailbox, said, keep=asked.keeps)

        def commit() -> tuple[Row, Row | None, Dispatch | None]:
            read = asked.mailbox.items.delete([asked.found.row.id], Delete.MOVE)[0] if at_once else None
            row = calendars.respond(mailbox, place, answer, call.caller.name, now)
            if answer is Response.DECLINED:
                declined = ObjectId(mailbox.guid, entry.row.id, occurrence=entry.occurrence)
                row = appointments.remove(mailbox, declined, mailbox.items.get(row.id), Delete.MOVE) or row
            if message is not None:
                message.send()
            return row, read, message

        return commit

    # The request goes with the answer, unless it is in the mailbox of a delegate, which must not be waited for.
    at_once = requested and asked.mailbox is mailbox
    row, read, message = current.change(mailbox, entry.row.id, prepare)
    if message is not None:
        sent = message.keep()
        if sent is not None:
            yield bare(call.mailbox().guid, sent)
    yield appointments.bare(ObjectId(mailbox.guid, entry.row.id, occurrence=entry.occurrence), row)
    if requested and not at_once:
        read = asked.mailbox.items.delete([asked.found.row.id], Delete.MOVE)[0]
    if read is not None:
        yield bare(asked.mailbox.guid, read)


def _entry_to_answer(asked: _Asked) -> Entry:
    """The calendar item that is answered; for a request whose place its owner has deleted, a new one."""
    mailbox, shown = asked.calendar, asked.shown
    if is_request(shown):
        with mailbox.transaction():
            entry = calendars.find(mailbox, shown)
            if entry is None:
                calendars.invite(mailbox, shown, shown.get(tags.PidTagMessageDeliveryTime, 0))
                entry = calendars.find(mailbox, shown)
        if entry is None:
            raise _no_occurrence()
        if calendars.is_older(shown, entry.shown):
            raise EwsError("ErrorCalendarMeetingRequestIsOutOfDate", "The calendar has a later version of the meeting.")
    elif attends(shown) or organises(shown):
        entry = Entry(asked.found.row, asked.found.bag, asked.item.occurrence)
    else:
        name = _ANSWERS[local(asked.node)][1]
        raise EwsError(f"ErrorInvalidItemForOperation{name if name == 'Tentative' else name + 'Item'}")
    return entry


def _no_occurrence() -> EwsError:
    return EwsError("ErrorCalendarOccurrenceIsDeletedFromRecurrence", "The calendar has no such occurrence.")


def _refuse_answer(place: Entry, name: str) -> None:
    shown = place.shown
    if place.occurrence and occurrences.at(place.bag.get, place.occurrence) is None:
        raise _no_occurrence()
    if organises(shown):
        raise EwsError(f"ErrorCalendarIsOrganizerFor{name}", "The organizer does not answer their own meeting.")
    if is_cancelled(shown):
        raise EwsError(f"ErrorCalendarIsCancelledFor{name}", "The meeting was cancelled.")


def _cancel(asked: _Asked) -> Iterator[Element]:
    call, mailbox, item = asked.call, asked.mailbox, asked.item
    may_change(call, mailbox)
    how = How(asked.sends, False, asked.keeps)

    def prepare(found: Item) -> Callable[[], Dispatch | None]:
        shown = occurrence_in(found.bag, item.occurrence) if item.occurrence else found.bag
        if not organises(shown):
            raise EwsError("ErrorCalendarIsNotOrganizer", "Only the organizer cancels a meeting.")
        told = call_off(call, mailbox, shown, how, call.draft(shown).now(), _body(asked, "NewBodyContent"))

        def commit() -> Dispatch | None:
            appointments.remove(mailbox, item, found, Delete.MOVE)
            if told is not None:
                told.send()
            return told

        return commit

    told = current.change(mailbox, item.entry, prepare)
    sent = None if told is None else told.keep()
    if sent is not None:
        yield bare(call.mailbox().guid, sent)


def _remove(asked: _Asked) -> Iterator[Element]:
    """Takes a cancelled meeting out of the calendar, and the message that said so out of the Inbox."""
    mailbox, item, found = asked.calendar, asked.item, asked.found
    may_change(asked.call, mailbox)
    if is_cancellation(found.bag):
        entry = calendars.find(mailbox, found.bag)
        message = asked.mailbox.items.delete([found.row.id], Delete.MOVE)[0]
        if message is not None:
            yield bare(asked.mailbox.guid, message)
        if entry is None or not attends(entry.bag):
            return
        item, found = ObjectId(mailbox.guid, entry.row.id, occurrence=entry.occurrence), Item(entry.row, entry.bag)
        if item.occurrence and occurrences.at(found.bag.get, item.occurrence) is None:
            return
    elif not attends(found.bag):
        raise EwsError("ErrorInvalidItemForOperationRemoveItem")

    def prepare(present: Item) -> Callable[[], Row]:
        return lambda: appointments.remove(mailbox, item, present, Delete.MOVE) or present.row

    yield appointments.bare(item, current.change(mailbox, item.entry, prepare))


def _body(asked: _Asked, name: str) -> Properties:
    written = child(asked.node, name)
    if written is None:
        return {}
    draft = asked.call.draft(Bag())
    bodies.store(draft, written)
    return draft.bag.properties


def _proposal(node: Element) -> Properties:
    """ProposedStart and ProposedEnd: another time that suits the attendee ([MS-OXOCAL] 2.2.7.3)."""
    start, end = child(node, "ProposedStart"), child(node, "ProposedEnd")
    if start is None or end is None:
        return {}
    return {
        tags.PidLidAppointmentCounterProposal: True,
        tags.PidLidAppointmentProposedStartWhole: TIME.parse(start.text or ""),
        tags.PidLidAppointmentProposedEndWhole: TIME.parse(end.text or ""),
    }


Handler = Callable[[_Asked], Iterator[Element]]
HANDLERS: Final[dict[str, Handler]] = {
    **dict.fromkeys(_ANSWERS, _answer),
    "CancelCalendarItem": _cancel,
    "RemoveItem": _remove,
}
