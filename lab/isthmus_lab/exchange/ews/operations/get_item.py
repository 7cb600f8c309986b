"""GetItem ([MS-OXWSCORE] 3.1.4.4)."""

from __future__ import annotations

from collections.abc import Iterator

from ..call import Call, operation
from ..names import Element, child, m
from ..shapes import Shape, show
from ..soap import Answer


@operation
def get_item(call: Call) -> Answer:
    """The items in the wanted shape."""
    shape = Shape.parse(child(call.element, "ItemShape"))

    def handle(node: Element) -> Iterator[Element]:
        mailbox, item = call.item(node)
        row = mailbox.items.row(item.entry)
        yield m("Items", show(call.view(mailbox, row, body=shape.body), shape))

    return call.answer_each(call.children("ItemIds"), handle, on_error=("Items",))
