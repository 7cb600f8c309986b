"""OccurrenceItemId and RecurringMasterItemId: an occurrence by its number, a series by its occurrence."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from isthmus_lab.mapi import occurrences, zones

from .errors import EwsError
from .ids import ObjectId
from .names import Element, local

if TYPE_CHECKING:
    from .call import Call

KINDS = ("OccurrenceItemId", "RecurringMasterItemId")


def read(call: Call, node: Element) -> ObjectId:
    """The id that such an element stands for. Raises EwsError."""
    if local(node) == "RecurringMasterItemId":
        named = ObjectId.parse(node.get("OccurrenceId", ""))
        if not named.occurrence:
            raise EwsError("ErrorCalendarCannotUseIdForOccurrenceId", "The id is not that of an occurrence.")
        return named._replace(occurrence=0)
    named = ObjectId.parse(node.get("RecurringMasterId", ""))
    bag = call.mailbox(named.mailbox).items.get(named.entry).bag
    series = occurrences.series_of(bag.get)
    if series is None or named.occurrence:
        raise EwsError("ErrorCalendarCannotUseIdForRecurringMasterId", "The id is not that of a series.")
    number = int(node.get("InstanceIndex", "0"))
    # Deleted occurrences keep their numbers.
    day = next(islice(series.days(), number - 1, None), None) if number > 0 else None
    if day is None:
        raise EwsError("ErrorCalendarOccurrenceIndexIsOutOfRecurrenceRange", "The series has no such occurrence.")
    if day in series.deleted:
        raise EwsError("ErrorCalendarOccurrenceIsDeletedFromRecurrence", "The occurrence was deleted.")
    return named._replace(occurrence=occurrences.start_on(series, day, zones.of(bag.get)))
