"""UploadItems ([MS-OXWSBTRF] 3.1.4.2): exported streams become items. Not idempotent: look before sending again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..body import Body, Piece
from ..errors import EwsError
from ..names import M
from ..shapes import item_ids, read_item_id
from ..soap import Done, Element, Large, attribute, check
from ..values import ItemId, Upload
from .operation import SMALL_BYTES, Operation

_ITEM_ID = f"{M}ItemId"


@dataclass(frozen=True)
class UploadItems(Operation["list[ItemId | EwsError]"]):
    """Answers the id or an error for each item, in the order sent."""

    items: tuple[Upload, ...]
    name = "UploadItems"
    writes = True

    @property
    def content(self) -> bool:
        return sum(len(item.data) for item in self.items) > SMALL_BYTES

    def body(self, newer: bool, /) -> str:
        return bytes(Body(*self.pieces(newer))).decode()

    def pieces(self, _newer: bool, /) -> list[Piece]:
        places = {folder: attribute(folder) for folder in {item.folder for item in self.items}}
        pieces: list[Piece] = []
        before = "<m:UploadItems><m:Items>"
        for item in self.items:
            action = "CreateNew" if item.over is None else "Update"
            over = "" if item.over is None else item_ids([item.over])
            associated = ' IsAssociated="true"' if item.associated else ""
            # The base64 is the server's own and needs no escaping.
            pieces += (
                f'{before}<t:Item CreateAction="{action}"{associated}><t:ParentFolderId Id={places[item.folder]}/>'
                f"{over}<t:Data>",
                item.data,
            )
            before = "</t:Data></t:Item>"
        pieces.append(f"{before}</m:Items></m:UploadItems>")
        return pieces

    def answer(self, messages: Sequence[Element]) -> list[ItemId | EwsError]:
        return self.answer_with(messages, Large())

    def answer_with(self, messages: Sequence[Element], large: Large) -> list[ItemId | EwsError]:
        return [
            ItemId(message.id, message.change_key)
            if isinstance(message, Done)
            else check(message) or read_item_id(next(message.iterchildren(_ITEM_ID), None))
            for message in large.messages(messages)
        ]
