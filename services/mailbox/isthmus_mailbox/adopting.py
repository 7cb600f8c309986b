"""Items that the to side has already, though the ledger does not know them: adopted, not brought a second time.

So it is after the ledger's database was restored from an older backup, or lost, and where something else copied the
mailbox before. It shows in the counts: a folder of the to side holds more than the ledger says. Only then is it
searched for the keys of what is to be copied there, once for as long as the surplus does not grow; where deletions are
kept always, as an item whose copy was kept may come back. Copies that others removed there count the other way until a
proof has found them gone.
"""

from __future__ import annotations

from dataclasses import replace

from isthmus_exchange.errors import EwsError
from isthmus_exchange.operations import GetParties
from isthmus_exchange.singling_out import singled_out
from isthmus_exchange.values import FolderMark
from isthmus_sync.mailbox import doubt
from isthmus_sync.mailbox.batches import by_count
from isthmus_sync.mailbox.doubt import Found
from isthmus_sync.mailbox.model import LedgerChange, Staged, Work

from isthmus_mailbox import doubts, owners, trees
from isthmus_mailbox.passing import Pass

_CHUNK = 1000
_AT_ONCE = 100
_ALL = float("inf")


async def adopt(p: Pass) -> None:
    """Take into the ledger what is to be copied and is there. To be called while no write is under way."""
    if not await p.ledger.next_work(Work.COPY, 0, p.due, 1):
        return
    told = await _told(p)
    surplus = await _surplus(p, told)
    before = {} if p.deletions == "keep" else p.marks.surplus
    grown = {place for place, more in surplus.items() if more > before.get(place, 0)}
    if grown:
        reached = adopted = 0
        while rows := await p.ledger.next_work(Work.COPY, reached, _ALL, _CHUNK):
            reached = rows[-1].sequence
            await p.breathe()
            known = await p.ledger.known([row.from_id for row in rows])
            wanted = [row for row in rows if row.from_id not in known and (row.folder, row.associated) in grown]
            found = await doubts.look(p, wanted, hold=True)
            change = _change(p, found)
            await _note_parties(p, [row.from_id for row in change.items if row.from_change_key])
            await p.write(change)
            adopted += len(found)
        if adopted:
            p.log.warning("items that were there already, unknown to the ledger, were adopted", items=adopted)
        surplus = await _surplus(p, told)
    p.marks.surplus = surplus


async def occupied(p: Pass) -> set[tuple[int, bool]]:
    """Where the to side has more than the ledger knows of: folders, and whether it is their associated items."""
    return set(await _surplus(p, await _told(p)))


async def _told(p: Pass) -> dict[str, FolderMark]:
    """The marks of the to side's folders, tops of trees among them, by their ids."""
    tops = [p.to_folders[row.number] for row in await p.folders() if row.parent is None and row.number in p.to_folders]
    return await trees.marks(p.to_side, p.trees, tops)


async def _note_parties(p: Pass, ids: list[str]) -> None:
    """Who stands in items that nobody will read here, as they need no copying."""
    if p.correspondents is None:
        return
    for some in by_count(ids, _AT_ONCE):
        await p.breathe()
        answers = await singled_out(lambda ids: p.from_side.call(GetParties(tuple(ids))), some)
        await p.correspondents.note(each for each in answers if not isinstance(each, EwsError))


async def _surplus(p: Pass, told: dict[str, FolderMark]) -> dict[tuple[int, bool], int]:
    """How many items each folder has beyond those of the ledger, normal and associated ones."""
    counts = await p.ledger.counts()
    surplus = {}
    for number, to_id in p.to_folders.items():
        mark = told.get(to_id)
        for associated, there in ((False, mark.total), (True, mark.associated)) if mark else ():
            more = int(there) - counts.get((number, associated), 0) if there.isdigit() else 0
            if more > 0:
                surplus[number, associated] = more
    return surplus


def _change(p: Pass, found: list[Found]) -> LedgerChange:
    """After the switch a copy that is not the same is its owner's, and so is a read flag that differs."""
    change = LedgerChange()
    for each in found:
        staged, item = each.staged, each.item
        same = doubt.looks_the_same(each)
        change.items.append(doubt.adopted(each, same=same) if same or p.heal else owners.unlike(p, each))
        if same and p.heal and item.is_read != staged.is_read:
            change.stage.append(_flag(staged))
        elif same or not p.heal:
            change.unstage.append(staged.from_id)
    return change


def _flag(staged: Staged) -> Staged:
    return replace(staged, work=Work.READ_FLAG, sequence=0)
