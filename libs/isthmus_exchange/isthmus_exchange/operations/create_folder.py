"""CreateFolder ([MS-OXWSFOLD] 3.1.4.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..folder_permissions import permission_set
from ..shapes import folder_id, read_folder_id
from ..soap import Element, text
from .operation import Operation, only

# These elements give the folder its class; naming the class beside them is ErrorNoFolderClassOverride.
_KINDS = {"IPF.Appointment": "CalendarFolder", "IPF.Contact": "ContactsFolder", "IPF.Task": "TasksFolder"}


@dataclass(frozen=True)
class CreateFolder(Operation[str]):
    """Answers the new folder's id. ErrorFolderExists when the parent has one of that name, whatever its case.

    `closed`: for nobody but its owner, where it would else begin with its parent's access control list.
    """

    parent: str
    display_name: str
    folder_class: str
    closed: bool = False
    name = "CreateFolder"
    writes = True

    def body(self, _newer: bool, /) -> str:
        element = _KINDS.get(self.folder_class, "Folder")
        named = f"<t:DisplayName>{text(self.display_name)}</t:DisplayName>"
        if element == "Folder" and self.folder_class:
            named = f"<t:FolderClass>{text(self.folder_class)}</t:FolderClass>{named}"
        if self.closed:
            named += permission_set(element, [])
        return (
            f"<m:CreateFolder><m:ParentFolderId>{folder_id(self.parent)}</m:ParentFolderId>"
            f"<m:Folders><t:{element}>{named}</t:{element}></m:Folders></m:CreateFolder>"
        )

    def answer(self, messages: Sequence[Element]) -> str:
        return read_folder_id(only(messages))
