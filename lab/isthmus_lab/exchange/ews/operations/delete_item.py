"""DeleteItem: to Deleted Items, to the recoverable items, or for good ([MS-OXWSCORE] 3.1.4.3)."""

from __future__ import annotations

from isthmus_lab.store import Delete, Rights

from ..call import Call, operation
from ..names import Element
from ..soap import Answer


@operation
def delete_item(call: Call) -> Answer:
    """Each item by itself."""
    how = Delete(call.element.get("DeleteType"))

    def handle(node: Element) -> tuple[Element, ...]:
        mailbox, item = call.item(node, Rights.DELETE_ANY)
        mailbox.items.row(item.entry)  # one that is not there is an error, not done already
        mailbox.items.delete([item.entry], how)
        return ()

    return call.answer_each(call.children("ItemIds"), handle, together=True)
