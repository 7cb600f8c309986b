"""DeleteItem: to Deleted Items, to the recoverable items, or for good ([MS-OXWSCORE] 3.1.4.3)."""

from __future__ import annotations

from isthmus_lab.store import Delete, Rights

from .. import appointments
from ..call import Call, operation
from ..errors import EwsError
from ..kinds import CALENDAR, TASK, kind_of
from ..meetings import How
from ..names import Element
from ..soap import Answer


@operation
def delete_item(call: Call) -> Answer:
    """Each item by itself."""
    how = Delete(call.element.get("DeleteType"))

    def handle(node: Element) -> tuple[Element, ...]:
        mailbox, item = call.item(node, Rights.DELETE_ANY, occurrences=True)
        if mailbox.public and how is Delete.MOVE:
            raise EwsError("ErrorCannotDeleteObject", "An item of a public folder has no Deleted Items to be moved to.")
        row = mailbox.items.row(item.entry)  # one that is not there is an error, not done already
        kind = kind_of(row.item_class)
        if kind is CALENDAR:
            told = How.of(call, "SendMeetingCancellations")
            if told.sends or item.occurrence:
                appointments.delete(call, mailbox, item, how, told)
                return ()
        if kind is TASK and call.element.get("AffectedTaskOccurrences") is None:
            raise EwsError("ErrorAffectedTaskOccurrencesRequired", "AffectedTaskOccurrences is required for tasks.")
        mailbox.items.delete([item.entry], how)
        return ()

    silent = call.element.get("SendMeetingCancellations") in (None, "SendToNone")
    return call.answer_each(call.children("ItemIds"), handle, together=silent)
