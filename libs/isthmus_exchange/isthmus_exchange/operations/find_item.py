"""FindItem ([MS-OXWSSRCH] 3.1.4.2): a page of a folder's contents, or the items that have certain search keys."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from ..names import SEARCH_KEY, M, T
from ..shapes import entry_shape, folder_id, item_shape, read_entry, read_item
from ..soap import Element
from ..values import EntryPage, Page
from .operation import Operation, check_progress, only

PAGE = 1000
"""Items that a server gives at once without a restriction, at most (EWSFindCountLimit)."""


@dataclass(frozen=True)
class FindItem(Operation[Page]):
    """`search_keys` given: only items with one of these, at most 100 a request. `traits`: what filters go by, too."""

    folder: str
    associated: bool
    offset: int = 0
    search_keys: tuple[bytes, ...] = ()
    traits: bool = False
    name = "FindItem"

    def body(self, _newer: bool, /) -> str:
        page = 250 if self.search_keys else PAGE
        shape = item_shape(traits=self.traits)
        return _request(shape, self.folder, self.associated, self.offset, page, self._restriction())

    def _restriction(self) -> str:
        if not self.search_keys:
            return ""
        tests = "".join(
            f"<t:IsEqualTo>{SEARCH_KEY}<t:FieldURIOrConstant>"
            f'<t:Constant Value="{base64.b64encode(key).decode()}"/></t:FieldURIOrConstant></t:IsEqualTo>'
            for key in self.search_keys
        )
        return f"<m:Restriction>{tests if len(self.search_keys) == 1 else f'<t:Or>{tests}</t:Or>'}</m:Restriction>"

    def answer(self, messages: Sequence[Element]) -> Page:
        items, last, after = _answered(messages, self.offset)
        return Page([read_item(each, traits=self.traits) for each in items], last, after)


@dataclass(frozen=True)
class FindEntries(Operation[EntryPage]):
    """A page of a folder's contents for a comparison with another server's. `traits`: what filters go by, too."""

    folder: str
    associated: bool
    offset: int = 0
    traits: bool = False
    name = "FindItem"

    def body(self, _newer: bool, /) -> str:
        return _request(entry_shape(traits=self.traits), self.folder, self.associated, self.offset, PAGE)

    def answer(self, messages: Sequence[Element]) -> EntryPage:
        items, last, after = _answered(messages, self.offset)
        return EntryPage([read_entry(each, traits=self.traits) for each in items], last, after)


def _request(shape: str, folder: str, associated: bool, offset: int, page: int, restriction: str = "") -> str:
    return (
        f'<m:FindItem Traversal="{"Associated" if associated else "Shallow"}">{shape}'
        f'<m:IndexedPageItemView MaxEntriesReturned="{page}" Offset="{offset}" BasePoint="Beginning"/>'
        f"{restriction}<m:ParentFolderIds>{folder_id(folder)}</m:ParentFolderIds></m:FindItem>"
    )


def _answered(messages: Sequence[Element], offset: int) -> tuple[list[Element], bool, int]:
    """The items of a page, whether it is the last one, and the offset of the next."""
    root = only(messages).find(f"{M}RootFolder")
    if root is None:
        return [], True, offset
    items = list(root.iterfind(f"{T}Items/*"))
    after = int(root.get("IndexedPagingOffset") or offset + len(items))
    # An empty page that is not the last would be asked for ever.
    last = root.get("IncludesLastItemInRange") != "false" or not items
    check_progress(last=last, further=after > offset)
    return items, last, after
