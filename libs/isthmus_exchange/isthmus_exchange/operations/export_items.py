"""ExportItems ([MS-OXWSBTRF] 3.1.4.1): each item as an opaque stream of everything in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import EwsError
from ..names import M
from ..shapes import item_ids
from ..soap import Done, Element, Large, check
from ..values import Exported
from .operation import SMALL_BYTES, Operation

_ITEM_ID, _DATA = f"{M}ItemId", f"{M}Data"

LIMIT = 100
"""Items that a request should ask for, at most."""


@dataclass(frozen=True)
class ExportItems(Operation["list[Exported | EwsError]"]):
    """Answers a stream or an error for each id, in the order asked. `size`: bytes of all of them, about; None: who
    knows.
    """

    ids: tuple[str, ...]
    size: int | None = None
    name = "ExportItems"

    @property
    def content(self) -> bool:
        return self.size is None or self.size > SMALL_BYTES

    def body(self, _newer: bool, /) -> str:
        return f"<m:ExportItems><m:ItemIds>{item_ids(self.ids)}</m:ItemIds></m:ExportItems>"

    def answer(self, messages: Sequence[Element]) -> list[Exported | EwsError]:
        return self.answer_with(messages, Large())

    def answer_with(self, messages: Sequence[Element], large: Large) -> list[Exported | EwsError]:
        return [
            Exported(asked, message.data, message.change_key)
            if isinstance(message, Done)
            else check(message) or _exported(asked, message, large)
            for asked, message in zip(self.ids, large.messages(messages), strict=True)
        ]


def _exported(asked: str, message: Element, large: Large) -> Exported:
    told = next(message.iterchildren(_ITEM_ID), None)
    data = large.text(next(message.iterchildren(_DATA), None))
    return Exported(asked, data, "" if told is None else told.get("ChangeKey", ""))
