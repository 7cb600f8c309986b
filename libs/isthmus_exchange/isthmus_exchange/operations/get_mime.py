"""GetItem ([MS-OXWSCORE] 3.1.4.4): an item as an Internet message."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from ..names import M, T
from ..shapes import item_ids
from ..soap import Element
from .operation import Operation, only


@dataclass(frozen=True)
class GetMime(Operation[bytes]):
    """RFC 5322 for mail, iCalendar or vCard for some others. Raises EwsError for what has no such form."""

    id: str
    name = "GetItem"

    def body(self, _newer: bool, /) -> str:
        return (
            "<m:GetItem><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:IncludeMimeContent>true</t:IncludeMimeContent>"
            f"</m:ItemShape><m:ItemIds>{item_ids((self.id,))}</m:ItemIds></m:GetItem>"
        )

    def answer(self, messages: Sequence[Element]) -> bytes:
        return base64.b64decode(only(messages).findtext(f"{M}Items/*/{T}MimeContent") or "")
