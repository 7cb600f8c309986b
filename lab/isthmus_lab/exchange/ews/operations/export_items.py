"""ExportItems ([MS-OXWSBTRF] 3.1.4.1): each item as its FastTransfer stream."""

from __future__ import annotations

from collections.abc import Iterator

import pybase64

from isthmus_lab.store import Mailbox, Row

from ..call import Call, operation
from ..errors import EwsError
from ..ids import ObjectId, item_change_key
from ..names import Element
from ..soap import Answer


@operation
def export_items(call: Call) -> Answer:
    """The content of every item, or why it cannot be had."""

    def handle(node: Element) -> Iterator[bytes]:
        mailbox, item = call.item(node)
        row, content = _read(mailbox, item.entry)
        yield f'<m:ItemId Id="{ObjectId(mailbox.guid, row.id)}" ChangeKey="{item_change_key(row)}"/><m:Data>'.encode()
        yield pybase64.b64encode(content)
        yield b"</m:Data>"

    return call.answer_each_as_text(call.children("ItemIds"), handle)


def _read(mailbox: Mailbox, entry: bytes) -> tuple[Row, bytes]:
    # Row and content of the same moment: the change key given out must be that of the exported content.
    with mailbox.lock:
        row = mailbox.items.row(entry)
        try:
            return row, mailbox.items.content(entry)
        except ValueError as error:
            raise EwsError("ErrorItemCorrupt", f"The item cannot be exported: {error}") from None
