"""MoveFolder ([MS-OXWSFOLD] 3.1.4.7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..shapes import folder_id, read_folder_id
from ..soap import Element
from .operation import Operation, only


@dataclass(frozen=True)
class MoveFolder(Operation[str]):
    """Answers the folder's id. ErrorFolderExists when the new parent has one of that name."""

    folder: str
    parent: str
    name = "MoveFolder"
    writes = True

    def body(self, _newer: bool, /) -> str:
        return (
            f"<m:MoveFolder><m:ToFolderId>{folder_id(self.parent)}</m:ToFolderId>"
            f"<m:FolderIds>{folder_id(self.folder)}</m:FolderIds></m:MoveFolder>"
        )

    def answer(self, messages: Sequence[Element]) -> str:
        return read_folder_id(only(messages))
