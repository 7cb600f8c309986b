"""What MoveItem and CopyItem share."""

from __future__ import annotations

from collections.abc import Iterator

from isthmus_lab.store import Delete, Mailbox, Rights, Row

from .call import Call
from .names import Element, flag, m, text
from .shapes import bare
from .soap import Answer


def transfer(call: Call, *, keep: bool) -> Answer:
    """Moves or copies the request's items; new ids are given back unless the client does not want them."""
    wanted = flag(text(call.element, "ReturnNewItemIds"), default=True)

    def handle(node: Element) -> Iterator[Element]:
        there, folder = call.target_folder("ToFolderId", need=Rights.CREATE)
        mailbox, item = call.item(node, Rights.READ_ANY if keep else Rights.READ_ANY | Rights.DELETE_ANY)
        row = carry(mailbox, item.entry, there, folder.id, keep=keep)
        yield m("Items", bare(there.guid, row) if wanted else None)

    return call.answer_each(call.children("ItemIds"), handle, on_error={"Items": ""}, together=True)


def carry(mailbox: Mailbox, item: bytes, there: Mailbox, folder: bytes, *, keep: bool) -> Row:
    """One item into a folder, of another mailbox perhaps; it is gone from its own once it is there."""
    before = mailbox.items.row(item)
    if mailbox is there:
        (row,) = (mailbox.items.copy if keep else mailbox.items.move)([item], folder)
        return row
    row = there.items.upload(folder, mailbox.items.content(item), associated=before.associated)
    if not keep:
        mailbox.items.delete([item], Delete.HARD)
    return row
