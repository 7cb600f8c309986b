"""What attendees hear of an organiser's calendar item: requests, updates, cancellations ([MS-OXWSMTGS] 3.1.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from isthmus_lab.mapi import exceptions, occurrences, tags
from isthmus_lab.mapi.bag import Bag, Properties
from isthmus_lab.store import Mailbox, Row

from ..mail.authoring import represented
from ..scheduling import messages
from ..scheduling.states import REPRESENTED, Response, address, attendees, attends, is_cancelled, organises, significant
from .call import Call
from .errors import EwsError
from .fields import Draft
from .principals import owner_of
from .sending import Send, ready

_TO_ALL: Final = ("SendOnlyToAll", "SendToAllAndSaveCopy")
_TO_CHANGED: Final = ("SendOnlyToChanged", "SendToChangedAndSaveCopy")


class How(NamedTuple):
    """SendMeetingInvitations…, SendMeetingCancellations: who hears of it, and whether Sent Items keeps a copy."""

    sends: bool
    only_changed: bool
    keeps: bool

    @classmethod
    def of(cls, call: Call, attribute: str) -> How:
        """What a request says; calendar items are not handled without it."""
        written = call.element.get(attribute)
        if written is None:
            raise EwsError(f"Error{attribute}Required", f"{attribute} is required for calendar items.")
        return cls(written in _TO_ALL + _TO_CHANGED, written in _TO_CHANGED, written.endswith("SaveCopy"))


def organise(call: Call, mailbox: Mailbox, draft: Draft) -> None:
    """Makes the mailbox's owner the organiser of a new item, unless it says who is."""
    if not any(draft.bag.get(key) for key, _ in REPRESENTED):
        for key, value in represented(owner_of(call, mailbox)).items():
            draft.set(key, value)


def invite(call: Call, mailbox: Mailbox, draft: Draft, how: How) -> Dispatch | None:
    """The request for all attendees; notes in the new item that it was sent ([MS-OXOCAL] 3.1.4.7.1)."""
    if not how.sends or not attendees(draft.bag) or not organises(draft.bag):
        return None
    draft.set(tags.PidLidFInvited, True)
    draft.set(tags.PidLidOwnerCriticalChange, draft.now())
    return dispatch(call, mailbox, messages.request(draft.bag, draft.now()), keep=how.keeps)


class Dispatch(NamedTuple):
    """A message about a calendar, ready to go: ``send`` it with the change that it tells of, ``keep`` it afterwards.

    The copy goes into the caller's mailbox, which may be another: who holds one must not wait for another.
    """

    send: Send
    keep: Callable[[], Row | None]
    """Puts the copy into the caller's Sent Items, if one is wanted."""


def dispatch(call: Call, mailbox: Mailbox, message: Bag, *, keep: bool) -> Dispatch:
    """Makes a message about the mailbox's calendar ready."""
    draft = call.draft(message)
    organise(call, mailbox, draft)
    send = ready(call, draft)

    def copy() -> Row | None:
        own = call.mailbox()
        return own.items.add(own.folders.role("sentitems").id, draft.bag) if keep else None

    return Dispatch(send, copy)


class Before:
    """A meeting as it was before a change: what attendees have to hear afterwards follows from both."""

    def __init__(self, bag: Bag) -> None:
        self._significant = significant(bag)
        self._people = {address(each): each for each in attendees(bag)}

    def note(self, draft: Draft) -> None:
        """Before the changed item is saved: a new number for a new time, nobody has answered it yet."""
        bag = draft.bag
        if not attendees(bag) and not self._people:
            return
        if significant(bag) != self._significant:
            draft.set(tags.PidLidAppointmentSequence, bag.get(tags.PidLidAppointmentSequence, 0) + 1)
            for each in attendees(bag):
                each.pop(tags.PidTagRecipientTrackStatusTime, None)
                each[tags.PidTagRecipientTrackStatus] = int(Response.NONE)
            draft.recipients_changed = True
        draft.set(tags.PidLidFInvited, True)
        draft.set(tags.PidLidOwnerCriticalChange, draft.now())

    def told(self, call: Call, mailbox: Mailbox, bag: Bag, how: How, now: int) -> Iterator[Dispatch]:
        """Requests for those who attend now, and cancellations for those who no longer do."""
        people = attendees(bag)
        if how.only_changed:
            people = [each for each in people if address(each) not in self._people]
        if people:
            yield dispatch(call, mailbox, messages.request(bag, now, people), keep=how.keeps)
        present = {address(each) for each in attendees(bag)}
        removed = [each for where, each in self._people.items() if where not in present]
        if removed:
            yield dispatch(call, mailbox, messages.cancellation(bag, now, removed), keep=how.keeps)


def call_off(
    call: Call, mailbox: Mailbox, bag: Bag, how: How, now: int, body: Properties | None = None
) -> Dispatch | None:
    """What others hear when an item goes: attendees a cancellation, the organiser that the owner will not come."""
    if not how.sends:
        return None
    if organises(bag) and attendees(bag) and bag.get(tags.PidLidFInvited):
        message = messages.cancellation(bag, now)
    elif attends(bag) and bag.get(tags.PidLidResponseStatus) != Response.DECLINED and not is_cancelled(bag):
        message = messages.response(bag, Response.DECLINED, now)
    else:
        return None
    message.properties |= body or {}
    return dispatch(call, mailbox, message, keep=how.keeps)


def occurrence_in(bag: Bag, original: int) -> Bag:
    """An occurrence of a series. Raises EwsError for one that is not there."""
    found = exceptions.occurrence_of(bag, original)
    if found is not None:
        return found
    if occurrences.series_of(bag.get) is None:
        raise EwsError("ErrorItemNotFound")
    raise EwsError("ErrorCalendarOccurrenceIsDeletedFromRecurrence", "The series has no such occurrence.")
