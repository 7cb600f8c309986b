"""UploadItems ([MS-OXWSBTRF] 3.1.4.2): items from FastTransfer streams, each with a result of its own."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, partial

import pybase64

from isthmus_lab.store import Mailbox, NotFoundError, Rights, Row

from ..call import Call, operation
from ..errors import EwsError
from ..ids import ObjectId, item_change_key, read_change_key
from ..names import Element, child, flag
from ..soap import Answer


@operation
def upload_items(call: Call) -> Answer:
    """Creates items, or replaces the content of existing ones."""
    items = call.children("Items")
    folder_named = cache(partial(call.folder_named, need=Rights.CREATE))

    def handle(node: Element) -> Iterator[bytes]:
        data, parent = child(node, "Data"), child(node, "ParentFolderId")
        assert data is not None and parent is not None
        content = _content(call, data)
        mailbox, folder = folder_named(parent.get("Id", ""))
        try:
            row = _upload(call, node, mailbox, folder.id, content)
        except ValueError as error:
            raise EwsError("ErrorCorruptData", f"The item's stream cannot be read: {error}") from None
        yield f'<m:ItemId Id="{ObjectId(mailbox.guid, row.id)}" ChangeKey="{item_change_key(row)}"/>'.encode()

    # All of them are committed at once; what fails of one is undone alone.
    with call.one_commit():
        return call.answer_each_as_text(items, handle)


def _content(call: Call, data: Element) -> bytes:
    content = call.request.contents.get(data)
    if content is None:  # what is not plain base64 is still in the document
        try:
            content = pybase64.b64decode("".join((data.text or "").split()), validate=True)
        except ValueError as error:
            raise EwsError("ErrorCorruptData", f"Data is no base64: {error}") from None
    if not content:
        raise EwsError("ErrorCorruptData", "Data is empty.")
    return content


def _upload(call: Call, node: Element, mailbox: Mailbox, folder: bytes, content: bytes) -> Row:
    action, associated, target = node.get("CreateAction"), flag(node.get("IsAssociated")), child(node, "ItemId")
    if action == "CreateNew":
        if target is not None:
            raise EwsError("ErrorInvalidRequest", "CreateNew takes no ItemId.")
        return mailbox.items.upload(folder, content, associated=associated)
    if target is None:
        raise EwsError("ErrorInvalidRequest", f"{action} needs an ItemId.")
    there, item = call.item(target, Rights.EDIT_ANY)
    with mailbox.transaction():
        try:
            if there is not mailbox:
                raise NotFoundError("the item is in another mailbox")
            row = mailbox.items.row(item.entry)
            if row.folder_id != folder:
                raise NotFoundError("the item is in another folder")
        except NotFoundError:
            if action == "Update":
                raise
            return mailbox.items.upload(folder, content, associated=associated)
        key = target.get("ChangeKey")
        if key and read_change_key(key) != row.change_key:
            raise EwsError("ErrorIrresolvableConflict")
        return mailbox.items.upload_over(item.entry, content)
