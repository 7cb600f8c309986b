"""Writes that got no answer: the to side is looked at before anything is sent again."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from isthmus_exchange.errors import EwsError, Kind
from isthmus_exchange.operations import FindItem
from isthmus_exchange.values import Item
from isthmus_sync.mailbox import batches, doubt, hierarchy, retry
from isthmus_sync.mailbox.model import Action, FolderRow, ItemRow, LedgerChange, Outcome, Staged, Work
from isthmus_sync.mailbox.ways import Way

from isthmus_mailbox import around, assembly, owners, trees
from isthmus_mailbox.passing import Pass, pages

GRACE_SECONDS = 3.0
"""Clocks of workers differ by less."""

_LOOK_AGAIN_SECONDS = 2.0
_NO_ANSWER = EwsError("ErrorTimeoutExpired", "the server gave no answer, and what it was asked to do is not done")
_KEYS = 50


async def settle_folders(p: Pass) -> None:
    """Return when no write to the to side's tree is in doubt. Waits for the deadlines of those that do not show."""
    while True:
        rows = await p.ledger.folders()
        doubtful = [row for row in rows if row.intent]
        if doubtful and p.without:
            followed = {row.number for row in await p.folders()}
            doubtful = [row for row in doubtful if row.number in followed]
        if not doubtful:
            return
        remaining = max(row.intent.answer_by for row in doubtful if row.intent) + GRACE_SECONDS - p.clock()
        tree = await trees.read(p.to_side, p.trees)
        settled: list[FolderRow] = []
        replaced: list[int] = []
        for row in doubtful:
            after = doubt.settled_folder(row, [*rows, *settled], tree)
            if after is not None:
                settled.append(after)
                if row.to_id not in (None, after.to_id):
                    # One that had another before has lost everything in that.
                    await around.lost(p, row.number)
                    replaced.append(row.number)
        if remaining <= 0:
            decided = {row.number for row in settled}
            settled += [replace(row, intent=None, settled=False) for row in doubtful if row.number not in decided]
        await p.write(LedgerChange(folders=settled, reset_folders=replaced))
        if len(settled) < len(doubtful):
            p.log.info("waiting for changes of folders without an answer", seconds=round(remaining, 1))
            await p.sleep(min(max(remaining, 0.0), _LOOK_AGAIN_SECONDS))


async def settle_items(p: Pass, *, hold: bool = False) -> None:
    """Return when no write of an item is in doubt. Waits for the deadlines of those that do not show. `hold`: as of
    `look`; what is in doubt in the folders that are held stays so.
    """
    while rows := await _in_doubt(p):
        remaining = doubt.latest(rows) + GRACE_SECONDS - p.clock()
        # In this order: what shows after the deadline is all that there will ever be.
        found = await look(p, [row for row in rows if doubt.needs_look(row)], hold=hold)
        before = await p.ledger.known([each.staged.from_id for each in found])
        for each in found:
            earlier = before.get(each.staged.from_id)
            if earlier is not None:
                if await owners.leave(p, [(earlier, each.staged)]):
                    continue
                await assembly.replace(p, each.staged, earlier)
            await adopt(p, each)
        settled = {each.staged.from_id for each in found}
        lost = [row for row in rows if row.from_id not in settled and row.folder not in p.held]
        if remaining > 0 and lost:
            p.log.info("waiting for writes without an answer", writes=len(lost), seconds=round(remaining, 1))
            await p.sleep(min(remaining, _LOOK_AGAIN_SECONDS))
        else:
            await p.write(_lost(p, lost))
    p.doubt = False


async def _in_doubt(p: Pass) -> list[Staged]:
    rows = [row for row in await p.ledger.in_doubt() if row.folder not in p.held]
    if rows and p.without:
        followed = {row.number for row in await p.folders()}
        rows = [row for row in rows if row.folder in followed]
    return rows


def _lost(p: Pass, rows: list[Staged]) -> LedgerChange:
    """Writes that never happened are made again. What never gets an answer, be it that something on the way cuts large
    requests off or that the server dies of an item, is set aside like any other bad item.
    """
    change = LedgerChange(
        resent=[
            (row.folder, row.search_key)
            for row in rows
            if row.intent and row.intent.action in (Action.CREATE, Action.MAKE) and row.search_key
        ]
    )
    for row in rows:
        if row.attempts > retry.QUIET_ATTEMPTS:
            p.failed(change, replace(row, attempts=row.attempts - 1), _NO_ANSWER)  # it is counted already
        else:
            change.intents[row.sequence] = None
    p.given_up |= {row.from_id for row in change.stage}
    return change


async def look(p: Pass, rows: list[Staged], *, hold: bool = False) -> list[doubt.Found]:
    """Which of these rows' items are on the to side without being in the ledger. `hold`: a folder of which the to side
    does not tell that is left out of this pass, so that the others go on. To be held while no write is under way.
    """
    known = await p.ledger.folders() if rows else []
    folders = {row.number: row.to_id for row in known}
    places: dict[tuple[int, bool], list[Staged]] = defaultdict(list)
    for row in rows:
        places[row.folder, row.associated].append(row)
    found: list[doubt.Found] = []
    for (folder, associated), group in places.items():
        to_id = folders.get(folder)
        keys = sorted({row.search_key for row in group if row.search_key})
        items: list[Item] = []
        try:
            for some in batches.by_count(keys, _KEYS) if to_id else ():
                items += await _find(p, to_id or "", associated, tuple(some))
        except EwsError as error:
            if not hold or error.kind is not Kind.PERMANENT:
                raise
            _hold(p, folder, hierarchy.path(known, folder), error)
            continue
        claimed = await p.ledger.claimed([item.id for item in items])
        found += doubt.match(group, items, claimed)
    return found


async def adopt_at_once(p: Pass, rows: list[Staged]) -> set[str]:
    """The from ids of those of a request's rows whose items are there, though it failed. They are in the ledger now, or
    stay in doubt: of what another request has just made there with the same key nobody can say yet whose it is.
    """
    found = await look(p, rows)
    # In this order: what is not under way any more is in the ledger.
    own = {row.sequence for row in rows}
    others = [row for row in await p.ledger.in_doubt() if row.sequence not in own and doubt.needs_look(row)]
    under_way = {(row.folder, row.search_key) for row in others}
    claimed = await p.ledger.claimed([each.item.id for each in found])
    for each in found:
        if each.item.id in claimed or (each.staged.folder, each.staged.search_key) in under_way:
            p.doubt = True
        else:
            await adopt(p, each)
    return {each.staged.from_id for each in found}


def _hold(p: Pass, folder: int, path: str, error: EwsError) -> None:
    p.held.add(folder)
    p.to_folders.pop(folder, None)
    words = f"The other side does not tell what is in the folder {path!r}, and nothing is copied to it until it does: "
    if words + str(error) not in p.problems:
        p.problems.append(words + str(error))


async def _find(p: Pass, folder: str, associated: bool, keys: tuple[bytes, ...]) -> list[Item]:
    items: list[Item] = []
    try:
        async for page in pages(p.to_side, lambda offset: FindItem(folder, associated, offset, keys)):
            items += page.items
    except EwsError as error:
        if error.kind is not Kind.GONE:
            raise
    return items


async def adopt(p: Pass, found: doubt.Found) -> None:
    """A write that happened goes into the ledger, as if its answer had come."""
    staged = found.staged
    assert staged.intent is not None
    moved = staged.intent.action is Action.MOVE
    way = Way.REFUSED if staged.intent.action is Action.MAKE else Way.STREAM
    change = LedgerChange(items=[doubt.adopted(found, same=found.certain and not moved, way=way)])
    if moved:
        # Whether the content is the same was known before the crash, and is not now: it is written once more, after the
        # switch unless its owner has changed it meanwhile.
        if not p.heal:
            change.items = [await _with_the_key_we_left(p, found, change.items[0])]
        change.forget = [staged.intent.moved_from]
        change.unstage = [staged.intent.moved_from]
        change.stage = [replace(staged, work=Work.COPY, intent=None, sequence=0)]
        change.count(Outcome.MOVED)
    elif found.certain and (p.heal or doubt.looks_the_same(found)):
        change.unstage = [staged.from_id]
        change.bytes_copied = staged.size
        change.count(Outcome.ADDED)
    elif p.heal:
        change.stage = [replace(staged, work=Work.COPY, intent=None, sequence=0)]
        change.count(Outcome.ADDED)
    else:
        change.items = [owners.unlike(p, found)]
        change.unstage = [staged.from_id]
    await p.write(change)


async def _with_the_key_we_left(p: Pass, found: doubt.Found, adopted: ItemRow) -> ItemRow:
    """The row of a moved item. A move gives it another key that nobody told us, so by the key alone nobody can say
    whether its owner has changed it since: it is ours when it looks as it did before, and else has its former key.
    """
    assert found.staged.intent is not None
    moved_from = found.staged.intent.moved_from
    before = (await p.ledger.known([moved_from])).get(moved_from)
    item = found.item
    if before is None or (item.modified, item.size) == (before.modified, before.size):
        return adopted
    return replace(adopted, to_change_key=before.to_change_key)
