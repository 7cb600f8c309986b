"""FindItem ([MS-OXWSSRCH] 3.1.4.2): a page of a folder's contents, or the items that have certain search keys."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from ..names import SEARCH_KEY, M, T
from ..shapes import ITEM_SHAPE, folder_id, read_item
from ..soap import Element
from ..values import Page
from .operation import Operation, only

PAGE = 1000
"""Items that a server gives at once without a restriction, at most (EWSFindCountLimit)."""


@dataclass(frozen=True)
class FindItem(Operation[Page]):
    """`search_keys` given: only items that have one of them, at most 100 keys a request."""

    folder: str
    associated: bool
    offset: int = 0
    search_keys: tuple[bytes, ...] = ()
    name = "FindItem"

    def body(self, _newer: bool, /) -> str:
        traversal = "Associated" if self.associated else "Shallow"
        page = 250 if self.search_keys else PAGE
        return (
            f'<m:FindItem Traversal="{traversal}">{ITEM_SHAPE}'
            f'<m:IndexedPageItemView MaxEntriesReturned="{page}" Offset="{self.offset}" BasePoint="Beginning"/>'
            f"{self._restriction()}"
            f"<m:ParentFolderIds>{folder_id(self.folder)}</m:ParentFolderIds></m:FindItem>"
        )

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
        root = only(messages).find(f"{M}RootFolder")
        if root is None:
            return Page([], True, self.offset)
        items = [read_item(each) for each in root.iterfind(f"{T}Items/*")]
        after = int(root.get("IndexedPagingOffset") or self.offset + len(items))
        # An empty page that is not the last would be asked for ever.
        last = root.get("IncludesLastItemInRange") != "false" or not items
        return Page(items, last, after)
