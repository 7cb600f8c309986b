"""What changed in each folder, written down as work in one transaction with the sync state."""

from __future__ import annotations

from collections.abc import AsyncIterator, Container, Sequence
from contextlib import nullcontext

from isthmus_exchange.errors import EwsError, Kind, ServerBusyError, TransientError
from isthmus_exchange.operations import SyncFolderItems
from isthmus_exchange.values import FolderMark, ItemChange, ItemChanges
from isthmus_sync.mailbox import hierarchy, staging
from isthmus_sync.mailbox.batches import by_count
from isthmus_sync.mailbox.model import FolderRow, ItemRow, LedgerChange, Staged

from isthmus_mailbox import choosing, trees
from isthmus_mailbox.ahead import Ahead, ahead
from isthmus_mailbox.passing import Pass, in_parallel

_FOLDERS_AT_ONCE = 3
"""Exchange limits parallel Sync calls of one mailbox (ConcurrentSyncCalls, 5)."""
_CHUNK = 1000
_ABSENT = 20_000


async def follow(p: Pass) -> None:
    """Ask every folder of the from side that changed since the last pass what changed in it."""
    told_at = p.from_side.now()
    followed = [row for row in await p.folders() if row.from_id and not row.gone and row.number not in p.held]
    tops = [row.from_id or "" for row in followed if row.parent is None]
    told = await trees.marks(p.from_side, p.trees, tops)
    p.marks.sweep(p.clock(), wanted=p.eager)
    rows = [(row, told.get(row.from_id or "")) for row in followed]
    unlisted = {row.number for row in followed if row.sync_state is None}
    filled = await p.ledger.filled() if unlisted else unlisted
    lost = unlisted & filled
    new = bool(unlisted) and not filled
    refused = set[int]()

    async def each() -> AsyncIterator[tuple[FolderRow, FolderMark | None]]:
        for row, mark in rows:
            if row.sync_state is None:
                needless = row.number not in lost and p.marks.empty(mark)
            else:
                needless = p.marks.unchanged(row.number, mark)
            if not needless:
                await p.breathe()
                yield row, mark

    async def one(piece: tuple[FolderRow, FolderMark | None]) -> None:
        row, mark = piece
        if await follow_folder(p, row, copies, lost=row.number in lost):
            p.marks.listed(row.number, mark, told_at)
        else:
            refused.add(row.number)

    async with ahead(p) if new else nullcontext() as copies:
        await in_parallel(each(), _FOLDERS_AT_ONCE, one)
    p.untold = bool(refused or p.held)
    p.marks.asked(p.clock(), refused=p.untold)


async def follow_folder(p: Pass, row: FolderRow, copies: Ahead | None = None, *, lost: bool = False) -> bool:
    """Ask a folder what changed in it; False when its server does not tell. `lost`: its sync state is not known any
    more, while its items are.

    `copies`: what is new to the ledger goes there, too; nothing of it is decided by what the ledger knows.
    """
    try:
        if not lost:
            try:
                await _page_by_page(p, row, copies)
                return True
            except EwsError as error:
                if error.code != "ErrorInvalidSyncStateData" or row.sync_state is None:
                    raise
        p.log.warning("a folder's sync state was lost; it is compared with the ledger", folder=row.name)
        await _compare(p, row, copies)
    except EwsError as error:
        if error.kind is Kind.PERMANENT:
            return await _not_listed(p, row, error)
        if error.kind is not Kind.GONE:
            raise
        # Deleted since the tree was followed; the next pass will know.
    except TransientError as error:
        # One folder may be what its server cannot get through; of several it is the server that is away.
        busy = isinstance(error, ServerBusyError) and not error.by_status
        if busy or p.silent - {row.number}:
            raise
        p.silent.add(row.number)
        return await _not_listed(p, row, error)
    return True


async def _not_listed(p: Pass, row: FolderRow, error: Exception) -> bool:
    words = f"The folder {hierarchy.path(await p.ledger.folders(), row.number)!r} could not be listed: {error}"
    if words not in p.problems:
        p.problems.append(words)
    return False


async def _page_by_page(p: Pass, row: FolderRow, copies: Ahead | None) -> None:
    """Take the changes since the folder's sync state. Raises ErrorInvalidSyncStateData when the server does not take
    that any more, nor one that it gave on the way from there.
    """
    state = row.sync_state
    async for answer in _answers(p, row, state, copies):
        if answer.changes or state is None:
            state = answer.state
            await _write_down(p, row, answer.changes, copies, state)
        await p.breathe()  # what has been told is kept, so nothing is lost by an end here


async def _compare(p: Pass, row: FolderRow, copies: Ahead | None) -> None:
    """List the whole folder: nothing that is on the other side is copied again, and what the ledger has beyond the
    listing is gone. The sync state is written last; a pass that dies before begins anew.
    """
    present = _Present()
    state = ""
    async for answer in _answers(p, row, None, copies):
        present.follow(answer.changes)
        await _write_down(p, row, answer.changes, copies)
        state = answer.state
    while absent := await p.ledger.others(row.number, present, _ABSENT):
        for some in by_count(absent, _CHUNK):
            await _write_down(p, row, [ItemChange(each) for each in some], copies)
    await p.write(LedgerChange(sync_states={row.number: state}))


async def _answers(p: Pass, row: FolderRow, state: str | None, copies: Ahead | None) -> AsyncIterator[ItemChanges]:
    last = False
    while not last:
        async with copies.asking() if copies else nullcontext():
            answer = await p.from_side.call(SyncFolderItems(row.from_id or "", state, bool(p.filters)))
        yield answer
        state, last = answer.state, answer.last


async def _write_down(
    p: Pass, row: FolderRow, changes: Sequence[ItemChange], copies: Ahead | None, state: str | None = None
) -> None:
    """Stage what a folder's changes mean, with the sync state after them, if one is given."""
    async with copies.page if copies else nullcontext():
        change = await _staged(p, row, changes, copies)
        if state is not None:
            change.sync_states[row.number] = state
        await p.write(change)
    if copies:
        await copies.take(change.stage)


async def _staged(p: Pass, row: FolderRow, changes: Sequence[ItemChange], copies: Ahead | None) -> LedgerChange:
    if not changes:
        return LedgerChange()
    ids = {change.id for change in changes}
    known, staged = dict[str, ItemRow](), dict[str, Staged]()
    if copies is None or await p.ledger.any_of(ids):
        if copies:
            await copies.stop()  # what was told of these before may be under way
        known, staged = await p.ledger.known(ids), await p.ledger.staged(ids)
    return staging.stage(row.number, changes, known, staged, p.from_side.now(), await choosing.chooser(p))


class _Present(Container[str]):
    """Which items a folder holds, as far as it was told: a hash for each, as there may be a hundred thousand.

    Of 2⁶⁴, so it does not happen that an item is taken for another one.
    """

    def __init__(self) -> None:
        self._hashes = set[int]()

    def follow(self, changes: Sequence[ItemChange]) -> None:
        for change in changes:
            if change.item is not None:
                self._hashes.add(hash(change.id))
            elif change.is_read is None:
                self._hashes.discard(hash(change.id))

    def __contains__(self, item: object) -> bool:
        return hash(item) in self._hashes
