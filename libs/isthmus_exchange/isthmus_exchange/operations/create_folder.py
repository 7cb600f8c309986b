"""CreateFolder ([MS-OXWSFOLD] 3.1.4.2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..errors import EwsError
from ..folder_permissions import permission_set
from ..shapes import folder_id, read_folder_id
from ..soap import Element, check, text
from ..values import NewFolder
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
        return _body(self.parent, [NewFolder(self.display_name, self.folder_class)], closed=self.closed)

    def answer(self, messages: Sequence[Element]) -> str:
        return read_folder_id(only(messages))


@dataclass(frozen=True)
class CreateFolders(Operation["list[str | EwsError]"]):
    """The same for several folders below one parent: the id or an error for each, in the order sent."""

    parent: str
    folders: tuple[NewFolder, ...]
    closed: bool = False
    name = "CreateFolder"
    writes = True

    def body(self, _newer: bool, /) -> str:
        return _body(self.parent, self.folders, closed=self.closed)

    def answer(self, messages: Sequence[Element]) -> list[str | EwsError]:
        return [check(message) or read_folder_id(message) for _, message in zip(self.folders, messages, strict=True)]


def _body(parent: str, folders: Iterable[NewFolder], *, closed: bool) -> str:
    elements = "".join(_element(each, closed=closed) for each in folders)
    return (
        f"<m:CreateFolder><m:ParentFolderId>{folder_id(parent)}</m:ParentFolderId>"
        f"<m:Folders>{elements}</m:Folders></m:CreateFolder>"
    )


def _element(folder: NewFolder, *, closed: bool) -> str:
    element = _KINDS.get(folder.folder_class, "Folder")
    named = f"<t:DisplayName>{text(folder.display_name)}</t:DisplayName>"
    if element == "Folder" and folder.folder_class:
        named = f"<t:FolderClass>{text(folder.folder_class)}</t:FolderClass>{named}"
    if closed:
        named += permission_set(element, [])
    return f"<t:{element}>{named}</t:{element}>"
