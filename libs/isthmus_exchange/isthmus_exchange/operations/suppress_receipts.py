"""CreateItem of a SuppressReadReceipt ([MS-OXWSCORE] 3.1.4.2; "SuppressReadReceipt" in the reference of Exchange 2010).

Before Exchange 2013 it is the only way to make a message read without its sender being told. It takes the wish for a
receipt from the message; so none is sent when that is deleted unread, either ([MS-OXOMSG] 2.2.1.29).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import EwsError
from ..soap import Element, attribute, check
from ..values import ItemId
from .operation import Operation

_NONE_TO_COME = frozenset({"ErrorReadReceiptNotPending", "ErrorInvalidReferenceItem"})
"""Nobody asked for a receipt, it has gone out, or the item is none that has receipts."""


@dataclass(frozen=True)
class SuppressReceipts(Operation["list[EwsError | None]"]):
    """Answers for each item, in the order asked, None when no receipt will go out for it, or why one may. It may be
    asked again at any time, so that a lost answer leaves nothing in doubt.
    """

    items: tuple[ItemId, ...]
    name = "CreateItem"

    def body(self, _newer: bool, /) -> str:
        items = "".join(
            f"<t:SuppressReadReceipt><t:ReferenceItemId Id={attribute(item)}"
            f"{f' ChangeKey={attribute(change_key)}' if change_key else ''}/></t:SuppressReadReceipt>"
            for item, change_key in self.items
        )
        return f'<m:CreateItem MessageDisposition="SaveOnly"><m:Items>{items}</m:Items></m:CreateItem>'

    def answer(self, messages: Sequence[Element]) -> list[EwsError | None]:
        errors = map(check, messages)
        return [None if error is not None and error.code in _NONE_TO_COME else error for error in errors]
