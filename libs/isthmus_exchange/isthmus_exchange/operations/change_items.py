"""UpdateItem, MoveItem and DeleteItem ([MS-OXWSCORE] 3.1.4): the changes of items that need no transfer."""

from __future__ import annotations

from collections.abc import Sequence

from ..client import Mailbox
from ..errors import EwsError
from ..model import ItemRef
from ..names import M
from ..shapes import folder_id, item_ids, read_item_ref
from ..soap import Element, attribute, check, response_messages


async def set_read(mailbox: Mailbox, items: Sequence[tuple[str, bool]]) -> list[EwsError | None]:
    """Set the read flag of these items (id, is read); nobody is sent a receipt."""
    changes = "".join(
        f"<t:ItemChange><t:ItemId Id={attribute(identity)}/><t:Updates><t:SetItemField>"
        '<t:FieldURI FieldURI="message:IsRead"/>'
        f"<t:Message><t:IsRead>{str(is_read).lower()}</t:IsRead></t:Message>"
        "</t:SetItemField></t:Updates></t:ItemChange>"
        for identity, is_read in items
    )
    body = (
        f'<m:UpdateItem ConflictResolution="AlwaysOverwrite" MessageDisposition="SaveOnly"{_no_receipts(mailbox)}>'
        f"<m:ItemChanges>{changes}</m:ItemChanges></m:UpdateItem>"
    )
    return [check(message) for message in response_messages(await mailbox.write("UpdateItem", body))]


async def move_items(mailbox: Mailbox, folder: str, items: Sequence[ItemRef]) -> list[ItemRef | EwsError]:
    """Move these items to a folder of the same mailbox; each gets another id."""
    body = (
        f"<m:MoveItem><m:ToFolderId>{folder_id(folder)}</m:ToFolderId>{item_ids(items)}"
        "<m:ReturnNewItemIds>true</m:ReturnNewItemIds></m:MoveItem>"
    )
    return [_moved(message) for message in response_messages(await mailbox.write("MoveItem", body))]


async def delete_items(mailbox: Mailbox, items: Sequence[ItemRef]) -> list[EwsError | None]:
    """Remove these items for good; no meeting is cancelled, nobody is told."""
    body = (
        '<m:DeleteItem DeleteType="HardDelete" SendMeetingCancellations="SendToNone" '
        f'AffectedTaskOccurrences="AllOccurrences"{_no_receipts(mailbox)}>{item_ids(items)}</m:DeleteItem>'
    )
    return [check(message) for message in response_messages(await mailbox.write("DeleteItem", body))]


def _no_receipts(mailbox: Mailbox) -> str:
    return ' SuppressReadReceipts="true"' if mailbox.newer else ""


def _moved(message: Element) -> ItemRef | EwsError:
    error = check(message)
    if error is not None:
        return error
    items = message.find(f"{M}Items")
    if items is None or not len(items):
        return EwsError("ErrorItemNotFound", "the server moved the item and does not say its new id")
    return read_item_ref(items[0])
