"""The hidden folder in which items are assembled that one request cannot make: below the root of the to side's mailbox,
where no mail program shows it. What is in it when it is first opened was left by a pass that died.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from isthmus_exchange.errors import EwsError, Kind
from isthmus_exchange.operations import CreateFolder, FindFolderNamed, FindItem, GetDistinguishedFolders
from isthmus_exchange.values import Disposal, ItemId
from isthmus_sync.mailbox import hierarchy
from isthmus_sync.mailbox.model import ItemRow, LedgerChange, Staged

from isthmus_mailbox import receipts

if TYPE_CHECKING:
    from isthmus_mailbox.passing import Pass

NAME = "Isthmus"


@dataclass
class Assembly:
    """The folders of a pass, by the role of the root in which each is."""

    places: dict[str, str] = field(default_factory=dict)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


async def place(p: Pass, number: int, search_key: bytes) -> str:
    """Where an item for the folder of this number is assembled; an unfinished one of this key is put away before.

    So nothing that an earlier attempt still has under way can be finished beside this one.
    """
    top = hierarchy.top(await p.ledger.folders(), number)
    root = "archiveroot" if top.startswith("archive") else "root"
    async with p.assembly.lock:
        folder = p.assembly.places.get(root)
        if folder is None:
            folder = p.assembly.places[root] = await _opened(p, root)
            await _clear(p, folder, ())
    await _clear(p, folder, (search_key,) if search_key else ())
    return folder


async def replace(p: Pass, staged: Staged, earlier: ItemRow) -> None:
    """Delete the earlier copy of an item. One that the server does not delete is left to proofs, which tell of it."""
    try:
        await _put_away(p, [(ItemId(earlier.to_id, earlier.to_change_key), earlier.is_read)])
    except EwsError as error:
        if error.kind is not Kind.PERMANENT:
            raise
        p.log.warning("an earlier copy could not be deleted", reason=str(error))
        await p.write(LedgerChange(resent=[(staged.folder, staged.search_key)]))


async def _put_away(p: Pass, items: Sequence[tuple[ItemId, bool]]) -> None:
    """Delete items of ours; `items`: whether they are read. Raises EwsError for one that cannot be deleted."""
    for answer in await receipts.delete(p.to_side, items, Disposal.HARD_DELETE):
        if answer is not None and answer.kind is not Kind.GONE:
            raise answer


async def _opened(p: Pass, root: str) -> str:
    found = await p.to_side.call(FindFolderNamed(root, NAME))
    if found is None:
        parent = (await p.to_side.call(GetDistinguishedFolders((root,))))[root].id
        found = await p.to_side.call(CreateFolder(parent, NAME, "IPF.Note"))
    return found


async def _clear(p: Pass, folder: str, keys: tuple[bytes, ...]) -> None:
    for associated in (False, True):
        last = False
        while not last:
            page = await p.to_side.call(FindItem(folder, associated, 0, keys))
            if page.items:
                await _put_away(p, [(ItemId(item.id, item.change_key), item.is_read) for item in page.items[:100]])
            last = page.last and len(page.items) <= 100
