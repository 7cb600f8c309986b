"""FindFolder ([MS-OXWSSRCH] 3.1.4.1): the whole tree below a root, or one folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from ..names import M, T
from ..shapes import FOLDER_SHAPE, MARK_SHAPE, distinguished, read_folder, read_mark
from ..soap import Element, attribute
from ..values import Folder, FolderMark
from .operation import Operation, check_progress, only

PAGE = 1000
_SEARCH_FOLDERS = (
    '<m:Restriction><t:IsEqualTo><t:ExtendedFieldURI PropertyTag="0x3601" PropertyType="Integer"/>'
    '<t:FieldURIOrConstant><t:Constant Value="2"/></t:FieldURIOrConstant></t:IsEqualTo></m:Restriction>'
)
"""By PidTagFolderType, [MS-OXCFOLD] 2.2.2.2.2.3."""
Told = TypeVar("Told")


class TreePage(NamedTuple, Generic[Told]):
    """A part of the tree: what was asked of each folder."""

    folders: list[Told]
    last: bool
    # Offset of the next page.
    next: int


@dataclass(frozen=True)
class FindFolders(Operation[TreePage[Folder]]):
    """Every folder at any depth below the root with this role, page by page; or the search folders among them."""

    offset: int = 0
    top: str = "msgfolderroot"
    only_search: bool = False
    name = "FindFolder"

    def body(self, _newer: bool, /) -> str:
        return _whole_tree(FOLDER_SHAPE, self.offset, self.top, _SEARCH_FOLDERS if self.only_search else "")

    def answer(self, messages: Sequence[Element]) -> TreePage[Folder]:
        return _page(messages, self.offset, read_folder)


@dataclass(frozen=True)
class FindFolderMarks(Operation[TreePage[tuple[str, FolderMark]]]):
    """The id and the mark of every folder at any depth below the root with this role, page by page."""

    offset: int = 0
    top: str = "msgfolderroot"
    name = "FindFolder"

    def body(self, _newer: bool, /) -> str:
        return _whole_tree(MARK_SHAPE, self.offset, self.top)

    def answer(self, messages: Sequence[Element]) -> TreePage[tuple[str, FolderMark]]:
        return _page(messages, self.offset, read_mark)


@dataclass(frozen=True)
class FindFolderNamed(Operation["str | None"]):
    """The id of the folder of this name straight below the root with this role, if there is one."""

    top: str
    display_name: str
    name = "FindFolder"

    def body(self, _newer: bool, /) -> str:
        return (
            f'<m:FindFolder Traversal="Shallow">{FOLDER_SHAPE}<m:Restriction><t:IsEqualTo>'
            '<t:FieldURI FieldURI="folder:DisplayName"/><t:FieldURIOrConstant>'
            f"<t:Constant Value={attribute(self.display_name)}/></t:FieldURIOrConstant></t:IsEqualTo></m:Restriction>"
            f"<m:ParentFolderIds>{distinguished(self.top)}</m:ParentFolderIds></m:FindFolder>"
        )

    def answer(self, messages: Sequence[Element]) -> str | None:
        found = _page(messages, 0, read_folder).folders
        return found[0].id if found else None


def _whole_tree(shape: str, offset: int, top: str, restriction: str = "") -> str:
    return (
        f'<m:FindFolder Traversal="Deep">{shape}'
        f'<m:IndexedPageFolderView MaxEntriesReturned="{PAGE}" Offset="{offset}" BasePoint="Beginning"/>'
        f"{restriction}<m:ParentFolderIds>{distinguished(top)}</m:ParentFolderIds></m:FindFolder>"
    )


def _page(messages: Sequence[Element], offset: int, read: Callable[[Element], Told]) -> TreePage[Told]:
    root = only(messages).find(f"{M}RootFolder")
    if root is None:
        return TreePage([], True, offset)
    folders = [read(each) for each in root.iterfind(f"{T}Folders/*")]
    after = int(root.get("IndexedPagingOffset") or offset + len(folders))
    last = root.get("IncludesLastItemInRange") != "false" or not folders
    check_progress(last=last, further=after > offset)
    return TreePage(folders, last, after)
