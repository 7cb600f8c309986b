"""CreateItem ([MS-OXWSCORE] 3.1.4.2): items from properties; nothing is sent. Not idempotent: look before again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import EwsError
from ..shapes import folder_id, new_item_ids
from ..soap import Element
from ..values import ItemId, Properties
from .operation import Operation


@dataclass(frozen=True)
class CreateItems(Operation["list[ItemId | EwsError]"]):
    """Answers the id or an error for each item, in the order sent."""

    folder: str
    items: tuple[Properties, ...]
    name = "CreateItem"
    writes = True
    content = True

    def body(self, _newer: bool, /) -> str:
        pieces = [
            '<m:CreateItem MessageDisposition="SaveOnly" SendMeetingInvitations="SendToNone"><m:SavedItemFolderId>',
            folder_id(self.folder),
            "</m:SavedItemFolderId><m:Items>",
        ]
        for item in self.items:
            pieces += f"<t:{item.element}>", item.content, f"</t:{item.element}>"
        pieces.append("</m:Items></m:CreateItem>")
        return "".join(pieces)

    def answer(self, messages: Sequence[Element]) -> list[ItemId | EwsError]:
        return new_item_ids(messages)
