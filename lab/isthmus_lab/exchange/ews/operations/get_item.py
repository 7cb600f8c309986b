"""GetItem ([MS-OXWSCORE] 3.1.4.4)."""

from __future__ import annotations

from collections.abc import Iterator

from isthmus_lab.mapi import occurrences

from ..call import Call, reading
from ..errors import EwsError
from ..names import Element, child, m
from ..shapes import Shape, show
from ..soap import Answer


@reading
def get_item(call: Call) -> Answer:
    """The items in the wanted shape."""
    shape = Shape.parse(child(call.element, "ItemShape"))

    def handle(node: Element) -> Iterator[Element]:
        mailbox, item = call.item(node, occurrences=True)
        row, occurrence = mailbox.items.row(item.entry), None
        if item.occurrence:
            occurrence = occurrences.at(call.view(mailbox, row).value, item.occurrence)
            if occurrence is None:
                raise EwsError("ErrorCalendarOccurrenceIsDeletedFromRecurrence", "The series has no such occurrence.")
        yield m("Items", show(call.view(mailbox, row, body=shape.body, occurrence=occurrence), shape))

    return call.answer_each(call.children("ItemIds"), handle, on_error={"Items": ""})
