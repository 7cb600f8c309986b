"""Search folders ([MS-OXWSFOLD] 2.2.4.17): read, made and changed. FindFolders finds them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..errors import EwsError
from ..names import M, T
from ..shapes import distinguished, folder_id, plain, read_folder, read_folder_id
from ..soap import Element, check, child, text
from ..values import SearchFolder
from .operation import Operation, only

LIMIT = 50
"""Search folders that a request should ask for, at most."""

_PARENT_ENTRY_ID = 0x0E09


@dataclass(frozen=True)
class GetSearchFolders(Operation["list[SearchFolder | EwsError]"]):
    """Answers what each looks for, or an error, in the order asked."""

    folders: tuple[str, ...]
    name = "GetFolder"

    def body(self, _newer: bool, /) -> str:
        fields = (
            f'<t:FieldURI FieldURI="folder:{each}"/>' for each in ("ParentFolderId", "DisplayName", "SearchParameters")
        )
        return (
            "<m:GetFolder><m:FolderShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties>"
            f"{''.join(fields)}"
            "</t:AdditionalProperties></m:FolderShape>"
            f"<m:FolderIds>{''.join(folder_id(each) for each in self.folders)}</m:FolderIds></m:GetFolder>"
        )

    def answer(self, messages: Sequence[Element], /) -> list[SearchFolder | EwsError]:
        return [check(message) or _read(child(message, f"{M}Folders")[0]) for message in messages]


@dataclass(frozen=True)
class CreateSearchFolder(Operation[str]):
    """Answers the new folder's id. ErrorFolderExists when the parent has one of that name, whatever its case.

    `parent`: a folder's id; None is the folder in which mail programs look for them.
    """

    parent: str | None
    display_name: str
    parameters: str
    name = "CreateFolder"
    writes = True

    def body(self, _newer: bool, /) -> str:
        parent = distinguished("searchfolders") if self.parent is None else folder_id(self.parent)
        return (
            f"<m:CreateFolder><m:ParentFolderId>{parent}</m:ParentFolderId><m:Folders><t:SearchFolder>"
            f"<t:DisplayName>{text(self.display_name)}</t:DisplayName>{self.parameters}"
            "</t:SearchFolder></m:Folders></m:CreateFolder>"
        )

    def answer(self, messages: Sequence[Element], /) -> str:
        return read_folder_id(only(messages))


@dataclass(frozen=True)
class SetSearch(Operation[None]):
    """Gives a search folder something else to look for. Can be made twice without harm."""

    folder: str
    parameters: str
    name = "UpdateFolder"
    writes = True

    def body(self, _newer: bool, /) -> str:
        return (
            f"<m:UpdateFolder><m:FolderChanges><t:FolderChange>{folder_id(self.folder)}<t:Updates>"
            '<t:SetFolderField><t:FieldURI FieldURI="folder:SearchParameters"/>'
            f"<t:SearchFolder>{self.parameters}</t:SearchFolder></t:SetFolderField>"
            "</t:Updates></t:FolderChange></m:FolderChanges></m:UpdateFolder>"
        )

    def answer(self, messages: Sequence[Element], /) -> None:
        only(messages)


def _read(node: Element) -> SearchFolder:
    folder, parameters = read_folder(node), node.find(f"{T}SearchParameters")
    if parameters is None:
        return SearchFolder(folder.id, folder.parent, folder.name, "", ())
    folders = tuple(each.get("Id", "") for each in parameters.iterfind(f"{T}BaseFolderIds/{T}FolderId"))
    entries = tuple(dict.fromkeys(_entries(parameters)))
    return SearchFolder(folder.id, folder.parent, folder.name, plain(parameters), folders, entries)


def _entries(parameters: Element) -> Iterator[str]:
    """The entry ids with which a restriction compares that of an item's folder."""
    for path in parameters.iter(f"{T}ExtendedFieldURI"):
        if int(path.get("PropertyTag") or "0", 0) == _PARENT_ENTRY_ID:
            comparison = path.getparent()
            assert comparison is not None
            yield from (each.get("Value", "") for each in comparison.iter(f"{T}Constant"))
