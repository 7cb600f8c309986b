"""DeleteFolder ([MS-OXWSFOLD] 3.1.4.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..shapes import folder_id
from ..soap import Element
from ..values import Disposal
from .operation import Operation, only


@dataclass(frozen=True)
class DeleteFolder(Operation[None]):
    """With everything in it and below it."""

    folder: str
    disposal: Disposal = Disposal.HARD_DELETE
    name = "DeleteFolder"
    writes = True

    def body(self, _newer: bool, /) -> str:
        return (
            f'<m:DeleteFolder DeleteType="{self.disposal.value}">'
            f"<m:FolderIds>{folder_id(self.folder)}</m:FolderIds></m:DeleteFolder>"
        )

    def answer(self, messages: Sequence[Element]) -> None:
        only(messages)
