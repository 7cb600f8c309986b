"""GetItem ([MS-OXWSCORE] 3.1.4.4): what people call an item, and whether it is as it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..errors import EwsError
from ..names import M, T
from ..shapes import item_ids, read_item_id
from ..soap import Element, check
from .operation import Operation


class Label(NamedTuple):
    """An item in words, and which state of it was looked at."""

    subject: str
    item_class: str
    change_key: str = ""


@dataclass(frozen=True)
class GetItemLabels(Operation["list[Label | EwsError]"]):
    """At most 10 items a request: the server opens each."""

    ids: tuple[str, ...]
    name = "GetItem"

    def body(self, _newer: bool, /) -> str:
        return (
            "<m:GetItem><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties>"
            '<t:FieldURI FieldURI="item:Subject"/><t:FieldURI FieldURI="item:ItemClass"/>'
            "</t:AdditionalProperties></m:ItemShape>"
            f"<m:ItemIds>{item_ids(self.ids)}</m:ItemIds></m:GetItem>"
        )

    def answer(self, messages: Sequence[Element]) -> list[Label | EwsError]:
        return [check(message) or _label(message) for message in messages]


def _label(message: Element) -> Label:
    item = message.find(f"{M}Items/*")
    if item is None:
        return Label("", "")
    return Label(
        item.findtext(f"{T}Subject") or "",
        item.findtext(f"{T}ItemClass") or "",
        read_item_id(item.find(f"{T}ItemId")).change_key,
    )
