"""DeleteItem ([MS-OXWSCORE] 3.1.4.3): nobody is told, no meeting is cancelled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import EwsError, OlderServerError
from ..shapes import item_ids
from ..soap import Element, check
from ..values import Disposal
from .operation import Operation


@dataclass(frozen=True)
class DeleteItems(Operation["list[EwsError | None]"]):
    """Answers None or an error for each item, in the order asked.

    `hushed`: SuppressReceipts came before, or whoever sent these items may hear of it; without it, a server before
    Exchange 2013 is not asked (OlderServerError).
    """

    ids: tuple[str, ...]
    disposal: Disposal = Disposal.HARD_DELETE
    hushed: bool = True
    name = "DeleteItem"
    writes = True

    def body(self, newer: bool, /) -> str:
        if not (newer or self.hushed):
            raise OlderServerError
        no_receipts = ' SuppressReadReceipts="true"' if newer else ""
        return (
            f'<m:DeleteItem DeleteType="{self.disposal.value}" SendMeetingCancellations="SendToNone"'
            f' AffectedTaskOccurrences="AllOccurrences"{no_receipts}>'
            f"<m:ItemIds>{item_ids(self.ids)}</m:ItemIds></m:DeleteItem>"
        )

    def answer(self, messages: Sequence[Element]) -> list[EwsError | None]:
        return [check(message) for message in messages]
