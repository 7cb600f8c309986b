"""FindFolder ([MS-OXWSSRCH] 3.1.4.1): the whole tree below the visible root."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..names import M, T
from ..shapes import FOLDER_SHAPE, read_folder
from ..soap import Element
from ..values import Folder
from .operation import Operation, only

PAGE = 1000


class FolderPage(NamedTuple):
    folders: list[Folder]
    last: bool
    next: int


@dataclass(frozen=True)
class FindFolders(Operation[FolderPage]):
    """Every folder at any depth, page by page."""

    offset: int = 0
    name = "FindFolder"

    def body(self, _newer: bool, /) -> str:
        return (
            f'<m:FindFolder Traversal="Deep">{FOLDER_SHAPE}'
            f'<m:IndexedPageFolderView MaxEntriesReturned="{PAGE}" Offset="{self.offset}" BasePoint="Beginning"/>'
            '<m:ParentFolderIds><t:DistinguishedFolderId Id="msgfolderroot"/></m:ParentFolderIds></m:FindFolder>'
        )

    def answer(self, messages: Sequence[Element]) -> FolderPage:
        root = only(messages).find(f"{M}RootFolder")
        if root is None:
            return FolderPage([], True, self.offset)
        folders = [read_folder(each) for each in root.iterfind(f"{T}Folders/*")]
        after = int(root.get("IndexedPagingOffset") or self.offset + len(folders))
        return FolderPage(folders, root.get("IncludesLastItemInRange") != "false" or not folders, after)
