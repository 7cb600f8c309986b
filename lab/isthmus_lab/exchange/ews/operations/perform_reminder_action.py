"""PerformReminderAction: reminders are put off or dismissed (Exchange 2013 and later)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from isthmus_lab.mapi import exceptions, occurrences, tags
from isthmus_lab.mapi.bag import Bag, Value
from isthmus_lab.mapi.tags import PropertyKey
from isthmus_lab.store import Item, Rights, Row

from .. import current
from ..call import Call, operation
from ..errors import EwsError
from ..ids import item_change_key
from ..names import Element, child, m, t, text
from ..soap import Answer
from ..values import parse_time

_MINUTE: Final = 600_000_000
_FORTNIGHT: Final = 14 * 864_000_000_000


@operation
def perform_reminder_action(call: Call) -> Answer:
    """Each action by itself; the items' new change keys. An error is a fault, as an answer has to name an item."""
    done = [_perform(call, action) for action in call.children("ReminderItemActions")]
    updated = m("UpdatedItemIds")
    updated.extend(done)
    return call.single("PerformReminderActionResponse", lambda: [updated])


def _perform(call: Call, action: Element) -> Element:
    named = child(action, "ItemId")
    assert named is not None  # the schema demands it
    mailbox, item = call.item(named, Rights.EDIT_ANY, occurrences=True)

    def prepare(found: Item) -> Callable[[], Row]:
        changes = _changes(action, found.bag, item.occurrence)
        return lambda: mailbox.items.update(item.entry, changes)

    row = current.change(mailbox, item.entry, prepare)
    return t("ItemId", Id=str(item), ChangeKey=item_change_key(row))


def _changes(action: Element, bag: Bag, original: int) -> dict[PropertyKey, Value | None]:
    """A series reminds of its next occurrence: its signal time says of which, or when ([MS-OXORMDR] 3.1.4)."""
    if text(action, "ActionType") == "Snooze":
        written = text(action, "NewReminderTime")
        try:
            return {tags.PidLidReminderSignalTime: parse_time(written or "")}
        except ValueError as error:
            raise EwsError("ErrorInvalidRequest", f"NewReminderTime: {error}") from None
    if not original:
        return {tags.PidLidReminderSet: False}
    shown = exceptions.occurrence_of(bag, original)
    if shown is None:
        raise EwsError("ErrorItemNotFound")
    start = shown[tags.PidLidAppointmentStartWhole]
    minutes = bag.get(tags.PidLidReminderDelta) or 0
    following = (each.start for each in occurrences.expand(bag.get, start + 1, start + 400 * _FORTNIGHT))
    later = next((each for each in following if each > start), None)
    if later is None:
        return {tags.PidLidReminderSet: False}
    return {tags.PidLidReminderSignalTime: later - minutes * _MINUTE}
