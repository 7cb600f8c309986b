"""What changed in each folder, written down as work in one transaction with the sync state."""

from __future__ import annotations

from collections.abc import AsyncIterator

from isthmus_exchange.errors import EwsError, Kind
from isthmus_exchange.operations import SyncFolderItems
from isthmus_exchange.values import FolderMark, Item
from isthmus_sync.mailbox import staging
from isthmus_sync.mailbox.model import FolderRow, LedgerChange

from isthmus_mailbox import choosing, trees
from isthmus_mailbox.passing import Pass, in_parallel

_FOLDERS_AT_ONCE = 3
"""Exchange limits parallel Sync calls of one mailbox (ConcurrentSyncCalls, 5)."""


async def follow(p: Pass) -> None:
    """Ask every folder of the from side that changed since the last pass what changed in it."""
    told_at = p.from_side.now()
    followed = [row for row in await p.folders() if row.from_id and not row.gone]
    tops = [row.from_id or "" for row in followed if row.parent is None]
    told = await trees.marks(p.from_side, p.trees, tops)
    p.marks.sweep(p.clock(), wanted=p.eager)
    rows = [(row, told.get(row.from_id or "")) for row in followed]

    async def each() -> AsyncIterator[tuple[FolderRow, FolderMark | None]]:
        for row, mark in rows:
            if row.sync_state is None or not p.marks.unchanged(row.number, mark):
                await p.breathe()
                yield row, mark

    async def one(piece: tuple[FolderRow, FolderMark | None]) -> None:
        row, mark = piece
        await _follow_folder(p, row)
        p.marks.listed(row.number, mark, told_at)

    await in_parallel(each(), _FOLDERS_AT_ONCE, one)


async def _follow_folder(p: Pass, row: FolderRow) -> None:
    state = row.sync_state
    try:
        if state is not None and await _page_by_page(p, row, state):
            return
        if await p.ledger.known_in(row.number) or await p.ledger.staged_in(row.number):
            await _reconcile(p, row)
        else:
            await _page_by_page(p, row, None)
    except EwsError as error:
        if error.kind is not Kind.GONE:
            raise
        # Deleted since the tree was followed; the next pass will know.


async def _page_by_page(p: Pass, row: FolderRow, since: str | None) -> bool:
    """False when the server does not take the state `since` any more, nor one that it gave on the way from there."""
    state = since
    while True:
        try:
            answer = await p.from_side.call(SyncFolderItems(row.from_id or "", state, bool(p.filters)))
        except EwsError as error:
            if error.code != "ErrorInvalidSyncStateData" or since is None:
                raise
            p.log.warning("a folder's sync state was lost; it is compared with the ledger", folder=row.name)
            return False
        if answer.changes:
            ids = {change.id for change in answer.changes}
            known, staged = await p.ledger.known(ids), await p.ledger.staged(ids)
            now = p.from_side.now()
            change = staging.stage(row.number, answer.changes, known, staged, now, await choosing.chooser(p))
            change.sync_states[row.number] = answer.state
            await p.write(change)
        elif state is None:
            await p.write(LedgerChange(sync_states={row.number: answer.state}))
        if answer.last:
            return True
        state = answer.state


async def _reconcile(p: Pass, row: FolderRow) -> None:
    """List the whole folder and compare it with the ledger: nothing that is on the other side is copied again."""
    listing: dict[str, Item] = {}
    state: str | None = None
    while True:
        answer = await p.from_side.call(SyncFolderItems(row.from_id or "", state, bool(p.filters)))
        for each in answer.changes:
            if each.item is not None:
                listing[each.id] = each.item
            elif each.is_read is None:
                listing.pop(each.id, None)
            elif each.id in listing:
                listing[each.id] = listing[each.id]._replace(is_read=each.is_read)
        state = answer.state
        if answer.last:
            break
    known, staged = await p.ledger.known_in(row.number), await p.ledger.staged_in(row.number)
    now = p.from_side.now()
    change = staging.reconcile(row.number, listing.values(), known, staged, now, await choosing.chooser(p))
    change.sync_states[row.number] = state
    await p.write(change)
