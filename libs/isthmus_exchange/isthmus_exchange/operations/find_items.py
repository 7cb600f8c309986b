"""FindItem ([MS-OXWSSRCH] 3.1.4.1): what is in a folder now."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Collection

from ..client import Mailbox
from ..model import FoundItem
from ..names import SEARCH_KEY, M, T
from ..shapes import LIST_FIELDS, folder_id, read_found_item
from ..soap import child, single

_PAGE = 1000
"""A server gives no more in one answer; with a restriction it may give 250, which is why pages say where they end."""


async def find_items(
    mailbox: Mailbox, folder: str, *, associated: bool, search_keys: Collection[bytes] = ()
) -> AsyncIterator[FoundItem]:
    """Every normal or every associated item of the folder; with ``search_keys``, those that have one of them."""
    offset = 0
    while True:
        body = (
            f'<m:FindItem Traversal="{"Associated" if associated else "Shallow"}">'
            "<m:ItemShape><t:BaseShape>IdOnly</t:BaseShape>"
            f"<t:AdditionalProperties>{LIST_FIELDS}</t:AdditionalProperties></m:ItemShape>"
            f'<m:IndexedPageItemView MaxEntriesReturned="{_PAGE}" Offset="{offset}" BasePoint="Beginning"/>'
            f"{_restriction(search_keys)}<m:ParentFolderIds>{folder_id(folder)}</m:ParentFolderIds></m:FindItem>"
        )
        page = child(single(await mailbox.read("FindItem", body)), f"{M}RootFolder")
        items = page.find(f"{T}Items")
        for item in items if items is not None else ():
            yield read_found_item(item)
        if page.get("IncludesLastItemInRange") == "true" or items is None or not len(items):
            return
        offset = int(page.get("IndexedPagingOffset") or offset + len(items))


def _restriction(search_keys: Collection[bytes]) -> str:
    if not search_keys:
        return ""
    each = "".join(
        f"<t:IsEqualTo>{SEARCH_KEY}<t:FieldURIOrConstant>"
        f'<t:Constant Value="{base64.b64encode(key).decode()}"/></t:FieldURIOrConstant></t:IsEqualTo>'
        for key in search_keys
    )
    return f"<m:Restriction>{each if len(search_keys) == 1 else f'<t:Or>{each}</t:Or>'}</m:Restriction>"
