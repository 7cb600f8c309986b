"""What MoveItem and CopyItem share."""

from __future__ import annotations

from collections.abc import Iterator

from isthmus_lab.store import Rights

from .call import Call
from .errors import EwsError
from .names import Element, flag, m, text
from .shapes import bare
from .soap import Answer


def transfer(call: Call, *, keep: bool) -> Answer:
    """Moves or copies the request's items; new ids are given back unless the client does not want them."""
    wanted = flag(text(call.element, "ReturnNewItemIds"), default=True)

    def handle(node: Element) -> Iterator[Element]:
        there, folder = call.target_folder("ToFolderId", need=Rights.CREATE)
        mailbox, item = call.item(node, Rights.READ_ANY if keep else Rights.READ_ANY | Rights.DELETE_ANY)
        if mailbox is not there:
            raise EwsError("ErrorCrossMailboxMoveCopy", "The items and the folder are in different mailboxes.")
        mailbox.items.row(item.entry)
        rows = (mailbox.items.copy if keep else mailbox.items.move)([item.entry], folder.id)
        items = m("Items")
        if wanted:
            items.extend(bare(mailbox.guid, row) for row in rows)
        yield items

    return call.answer_each(call.children("ItemIds"), handle, on_error={"Items": ""}, together=True)
