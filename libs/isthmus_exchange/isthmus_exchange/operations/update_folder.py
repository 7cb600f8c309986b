"""UpdateFolder ([MS-OXWSFOLD] 3.1.4.8): a new name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..shapes import folder_id, read_folder_id
from ..soap import Element, text
from .operation import Operation, only


@dataclass(frozen=True)
class RenameFolder(Operation[str]):
    """Answers the folder's id. ErrorFolderExists when its parent has another one of that name."""

    folder: str
    display_name: str
    name = "UpdateFolder"
    writes = True

    def body(self, _newer: bool, /) -> str:
        return (
            f"<m:UpdateFolder><m:FolderChanges><t:FolderChange>{folder_id(self.folder)}<t:Updates>"
            '<t:SetFolderField><t:FieldURI FieldURI="folder:DisplayName"/>'
            f"<t:Folder><t:DisplayName>{text(self.display_name)}</t:DisplayName></t:Folder></t:SetFolderField>"
            "</t:Updates></t:FolderChange></m:FolderChanges></m:UpdateFolder>"
        )

    def answer(self, messages: Sequence[Element]) -> str:
        return read_folder_id(only(messages))
