"""UpdateItem ([MS-OXWSCORE] 3.1.4.9): the read flag; no receipt goes out for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import EwsError, OlderServerError
from ..shapes import new_item_ids
from ..soap import Element, attribute
from ..values import ItemId
from .operation import Operation


@dataclass(frozen=True)
class SetReadFlags(Operation["list[ItemId | EwsError]"]):
    """`flags` are pairs of item id and whether it is read. Answers the id with its new change key, or an error.

    `hushed`: SuppressReceipts came before; without it, a server before Exchange 2013 is not asked to make anything read
    (OlderServerError).
    """

    flags: tuple[tuple[str, bool], ...]
    hushed: bool = False
    name = "UpdateItem"
    writes = True

    def body(self, newer: bool, /) -> str:
        if not (newer or self.hushed) and any(read for _, read in self.flags):
            raise OlderServerError
        no_receipts = ' SuppressReadReceipts="true"' if newer else ""
        changes = "".join(
            f"<t:ItemChange><t:ItemId Id={attribute(item)}/><t:Updates><t:SetItemField>"
            '<t:FieldURI FieldURI="message:IsRead"/>'
            f"<t:Message><t:IsRead>{'true' if read else 'false'}</t:IsRead></t:Message>"
            "</t:SetItemField></t:Updates></t:ItemChange>"
            for item, read in self.flags
        )
        return (
            '<m:UpdateItem ConflictResolution="AlwaysOverwrite" MessageDisposition="SaveOnly"'
            f' SendMeetingInvitationsOrCancellations="SendToNone"{no_receipts}>'
            f"<m:ItemChanges>{changes}</m:ItemChanges></m:UpdateItem>"
        )

    def answer(self, messages: Sequence[Element]) -> list[ItemId | EwsError]:
        return new_item_ids(messages)
