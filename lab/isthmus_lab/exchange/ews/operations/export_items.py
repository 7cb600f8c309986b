"""ExportItems ([MS-OXWSBTRF] 3.1.4.1): each item as its FastTransfer stream.

The streams are large and need no escaping, so the answer is put together from bytes.
"""

from __future__ import annotations

import binascii

from lxml import etree

from isthmus_lab.store import Mailbox, Row

from ..call import Call, operation
from ..errors import EwsError
from ..ids import ObjectId, item_change_key
from ..names import MESSAGES, TYPES, Element, m
from ..soap import Answer

_HEAD = f'<m:ExportItemsResponse xmlns:m="{MESSAGES}" xmlns:t="{TYPES}"><m:ResponseMessages>'.encode()
_TAIL = b"</m:ResponseMessages></m:ExportItemsResponse>"


@operation
def export_items(call: Call) -> Answer:
    """The content of every item, or why it cannot be had."""
    pieces = [_HEAD]
    for node in call.children("ItemIds"):
        found: list[bytes] = []

        def handle(node: Element = node, found: list[bytes] = found) -> list[Element]:
            mailbox, item = call.item(node)
            row, content = _read(mailbox, item.entry)
            found.append(content)
            return [m("ItemId", Id=str(ObjectId(mailbox.guid, row.id)), ChangeKey=item_change_key(row)), m("Data")]

        message = etree.tostring(call.message("ExportItems", handle), encoding="utf-8")
        if not found:
            pieces.append(message)
            continue
        before, _, after = message.partition(b"<m:Data/>")
        pieces += (before, b"<m:Data>", binascii.b2a_base64(found[0], newline=False), b"</m:Data>", after)
    pieces.append(_TAIL)
    return pieces


def _read(mailbox: Mailbox, entry: bytes) -> tuple[Row, bytes]:
    # Row and content of the same moment: the change key given out must be that of the exported content.
    with mailbox.transaction():
        row = mailbox.items.row(entry)
        try:
            return row, mailbox.items.content(entry)
        except ValueError as error:
            raise EwsError("ErrorItemCorrupt", f"The item cannot be exported: {error}") from None
