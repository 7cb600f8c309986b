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
from isthmus_lab.store import Delete, Item, Mailbox

from ..scheduling import calendar as calendars
from ..scheduling import messages
from ..scheduling.calendar import Entry
from ..scheduling.states import Response, attends, is_cancellation, is_cancelled, is_request, organises
from . import appointments, bodies
from .call import Call
from .errors import EwsError
from .ids import ObjectId
from .meetings import How, call_off, dispatch, occurrence_in
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
    entry = _entry_to_answer(asked, name)
    now = call.draft(entry.bag).now()
    if asked.sends:
        message = messages.response(entry.shown, answer, now)
        message.properties |= _body(asked, "Body") | _proposal(asked.node)
        sent = dispatch(call, mailbox, message, keep=asked.keeps)
        if sent is not None:
            yield _sent(call, sent)
    place = ObjectId(mailbox.guid, entry.row.id, occurrence=entry.occurrence)
    row = calendars.respond(mailbox, entry, answer, call.caller.name, now)
    if answer is Response.DECLINED:
        row = appointments.remove(mailbox, place, mailbox.items.get(row.id), Delete.MOVE) or row
    yield appointments.bare(place, row)
    if is_request(asked.found.bag):
        read = asked.mailbox.items.delete([asked.found.row.id], Delete.MOVE)[0]
        if read is not None:
            yield bare(asked.mailbox.guid, read)


def _entry_to_answer(asked: _Asked, name: str) -> Entry:
    """The calendar item that is answered; for a request whose place its owner has deleted, a new one."""
    mailbox, shown = asked.calendar, asked.shown
    if is_request(shown):
        entry = calendars.find(mailbox, shown)
        if entry is None:
            calendars.invite(mailbox, shown, shown.get(tags.PidTagMessageDeliveryTime, 0))
            entry = calendars.find(mailbox, shown)
        elif calendars.is_older(shown, entry.shown):
            raise EwsError("ErrorCalendarMeetingRequestIsOutOfDate", "The calendar has a later version of the meeting.")
        if entry is None or (entry.occurrence and occurrences.at(entry.bag.get, entry.occurrence) is None):
            raise EwsError("ErrorCalendarOccurrenceIsDeletedFromRecurrence", "The calendar has no such occurrence.")
    elif attends(shown) or organises(shown):
        entry = Entry(asked.found.row, asked.found.bag, asked.item.occurrence)
    else:
        raise EwsError(f"ErrorInvalidItemForOperation{name if name == 'Tentative' else name + 'Item'}")
    if organises(entry.shown):
        raise EwsError(f"ErrorCalendarIsOrganizerFor{name}", "The organizer does not answer their own meeting.")
    if is_cancelled(entry.shown):
        raise EwsError(f"ErrorCalendarIsCancelledFor{name}", "The meeting was cancelled.")
    return entry


def _cancel(asked: _Asked) -> Iterator[Element]:
    shown, mailbox = asked.shown, asked.mailbox
    may_change(asked.call, mailbox)
    if not organises(shown):
        raise EwsError("ErrorCalendarIsNotOrganizer", "Only the organizer cancels a meeting.")
    how = How(asked.sends, False, asked.keeps)
    now = asked.call.draft(shown).now()
    sent = call_off(asked.call, mailbox, shown, how, now, _body(asked, "NewBodyContent"))
    appointments.remove(mailbox, asked.item, asked.found, Delete.MOVE)
    if sent is not None:
        yield _sent(asked.call, sent)


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
    row = appointments.remove(mailbox, item, found, Delete.MOVE)
    yield appointments.bare(item, row or found.row)


def _sent(call: Call, copy: bytes) -> Element:
    own = call.mailbox()
    return bare(own.guid, own.items.row(copy))


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
