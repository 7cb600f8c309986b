"""GetItem ([MS-OXWSCORE] 3.1.4.4): what decides how an item can be brought over by its properties."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import EwsError
from ..names import M, T
from ..shapes import item_ids
from ..soap import Element, check
from ..values import Attached, Outline
from .operation import Operation

LIMIT = 10
"""Items that a request should ask for, at most: the server opens each."""

_KINDS = ("FileAttachment", "ItemAttachment", "ReferenceAttachment")


@dataclass(frozen=True)
class DescribeItems(Operation["list[Outline | EwsError]"]):
    """Answers an outline or an error for each id, in the order asked."""

    ids: tuple[str, ...]
    name = "GetItem"

    def body(self, _newer: bool, /) -> str:
        return (
            "<m:GetItem><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties>"
            '<t:FieldURI FieldURI="item:ItemClass"/><t:FieldURI FieldURI="item:Attachments"/>'
            '<t:FieldURI FieldURI="item:Size"/></t:AdditionalProperties></m:ItemShape>'
            f"<m:ItemIds>{item_ids(self.ids)}</m:ItemIds></m:GetItem>"
        )

    def answer(self, messages: Sequence[Element]) -> list[Outline | EwsError]:
        return [check(message) or _outline(message) for message in messages]


def _outline(message: Element) -> Outline:
    item = message.find(f"{M}Items/*")
    if item is None:
        raise ValueError("the server's answer lacks an item")
    return Outline(
        item.findtext(f"{T}ItemClass") or "",
        int(item.findtext(f"{T}Size") or 0),
        tuple(_attached(each) for each in item.iterfind(f"{T}Attachments/*")),
    )


def _attached(element: Element) -> Attached:
    identity, kind = element.find(f"{T}AttachmentId"), str(element.tag).removeprefix(T)
    if identity is None or kind not in _KINDS:
        raise ValueError(f"the server's {element.tag} is no attachment")
    name, size = element.findtext(f"{T}Name") or "", int(element.findtext(f"{T}Size") or 0)
    return Attached(identity.get("Id", ""), kind, name, size)
