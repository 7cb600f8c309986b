"""MoveItem ([MS-OXWSCORE] 3.1.4.7): the items get new ids and keep their search keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import EwsError
from ..shapes import folder_id, item_ids, new_item_ids
from ..soap import Element
from ..values import ItemId
from .operation import Operation


@dataclass(frozen=True)
class MoveItems(Operation["list[ItemId | EwsError]"]):
    """Answers the new id or an error for each item, in the order asked."""

    ids: tuple[str, ...]
    folder: str
    name = "MoveItem"
    writes = True

    def body(self, _newer: bool, /) -> str:
        return (
            f"<m:MoveItem><m:ToFolderId>{folder_id(self.folder)}</m:ToFolderId>"
            f"<m:ItemIds>{item_ids(self.ids)}</m:ItemIds>"
            "<m:ReturnNewItemIds>true</m:ReturnNewItemIds></m:MoveItem>"
        )

    def answer(self, messages: Sequence[Element]) -> list[ItemId | EwsError]:
        return new_item_ids(messages)
