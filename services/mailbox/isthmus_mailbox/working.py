"""The staged work of a mailbox, done: moves, copies, read flags, deletions, in this order.

Deletions come last, so that everything that arrived elsewhere has been recognised as moved before it could be deleted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from functools import partial

from isthmus_exchange.errors import EwsError, InDoubtError, Kind
from isthmus_exchange.singling_out import singled_out
from isthmus_exchange.values import ItemId
from isthmus_sync.mailbox import moves
from isthmus_sync.mailbox.batches import by_bytes, by_count
from isthmus_sync.mailbox.model import Action, Intent, ItemRow, LedgerChange, Outcome, Staged, Work

from isthmus_mailbox import adopting, by_properties, copying, doubts, moving, owners, receipts, trees
from isthmus_mailbox.passing import BATCHES_AT_ONCE, NOT_DONE, Pass, in_parallel
from isthmus_mailbox.sending import Copy

_CHUNK = 1000
_FLAGS = 100
_DELETIONS = 100


async def work_off(p: Pass) -> None:
    """Do all work that is due but deletions, each row once. What fails stays staged, with the reason."""
    if p.doubt:  # of what was copied while the mailbox was listed
        await doubts.settle_items(p)
    await adopting.adopt(p)
    if p.eager:
        await by_properties.try_streams_again(p)
    await bring(p)


async def bring(p: Pass) -> None:
    """As `work_off`, where nothing is in doubt, and nothing there that the ledger does not know."""
    await _moves_of_left_out(p)
    reached = 0
    while True:
        queue = _Queue(p, reached)
        await in_parallel(queue.batches(), BATCHES_AT_ONCE, lambda batch: copying.copy(p, batch))
        if p.doubt:
            # Whatever could not be decided is staged again under the number it had.
            await doubts.settle_items(p)
            continue
        if queue.reached > reached:
            reached = queue.reached
        elif not await _read_flags(p):
            break


class _Queue:
    """Staged creations and updates as batches; moves are taken out and made on the way."""

    def __init__(self, p: Pass, reached: int) -> None:
        self._p = p
        self.reached = reached

    async def batches(self) -> AsyncIterator[list[Copy]]:
        p = self._p
        while not p.doubt:
            rows = await p.ledger.next_work(Work.COPY, self.reached, p.due, _CHUNK)
            if not rows:
                return
            self.reached, last = rows[-1].sequence, len(rows) < _CHUNK
            rows = [row for row in rows if row.folder in p.to_folders and row.from_id not in p.given_up]
            known = await p.ledger.known([row.from_id for row in rows])
            moved = await _moves(p, [row for row in rows if row.from_id not in known and _may_move(p, row)])
            for batch in by_bytes(row for row in rows if row.from_id not in moved):
                await p.breathe()
                yield [Copy(row, known.get(row.from_id)) for row in batch]
            if last:  # what is staged in the meantime has its turn in the next round
                return


def _may_move(p: Pass, arrival: Staged) -> bool:
    """A move that was refused for good is a new copy the next time, and the deletion of the former one. Where those are
    kept it would be there twice, so there it is only ever tried again.
    """
    return not arrival.reason or p.deletions == "keep"


async def _moves(p: Pass, arrivals: list[Staged]) -> set[str]:
    """Make the moves among these creations; returns their from ids."""
    if not arrivals:
        return set()
    departures = await p.ledger.departures({row.search_key for row in arrivals if row.search_key})
    if not departures:
        return set()
    if p.without:
        followed = {row.number for row in await p.folders()}
        departures = [row for row in departures if row.folder in followed]
    left = await p.ledger.known([row.from_id for row in departures])
    found, _ = moves.pair(arrivals, departures, left)
    await moving.move(p, found)
    return {each.arrived.from_id for each in found}


async def _moves_of_left_out(p: Pass) -> None:
    """An item that is on the to side stays in step, though a filter would leave it out where it has come to."""
    arrivals = await p.ledger.left_out_arrivals() if p.filters else []
    rows = [replace(row, work=Work.COPY, reason="") for row in arrivals if row.folder in p.to_folders]
    await _moves(p, rows)
    if p.doubt:
        await doubts.settle_items(p)


async def _read_flags(p: Pass) -> bool:
    """Set read flags; True when some turned into copies."""
    reached, turned = 0, False
    while rows := await p.ledger.next_work(Work.READ_FLAG, reached, p.due, _FLAGS):
        reached = rows[-1].sequence
        await p.breathe()
        known = await p.ledger.known([row.from_id for row in rows])
        change = LedgerChange(unstage=[row.from_id for row in rows if row.from_id not in known])
        rows = [row for row in rows if row.from_id in known]
        theirs = await owners.theirs(p, [known[row.from_id] for row in rows])
        change.unstage += theirs
        change.items += (owners.left_alone(known[row.from_id], row) for row in rows if row.from_id in theirs)
        rows = [row for row in rows if row.from_id not in theirs]
        if rows:
            try:
                answers = await singled_out(partial(_set_flags, p, known), rows)
            except InDoubtError:
                # Set once more by the next pass, after the deadline.
                p.doubt = True
                continue
            except NOT_DONE:
                await _withdraw(p, rows)
                raise
            for row, answer in zip(rows, answers, strict=True):
                before = known[row.from_id]
                if not isinstance(answer, EwsError):
                    change.items.append(_flagged(before, row, answer.change_key))
                    change.unstage.append(row.from_id)
                    change.count(Outcome.READ_FLAG)
                elif answer.kind is Kind.TRANSIENT or answer.kind is Kind.MAILBOX:
                    p.failed(change, row, answer)
                else:
                    # Some classes do not take the flag by itself; the whole item carries it.
                    change.stage.append(replace(row, work=Work.COPY, intent=None, sequence=0))
                    turned = True
        await p.write(change)
    return turned


async def _set_flags(p: Pass, known: dict[str, ItemRow], rows: Sequence[Staged]) -> Sequence[ItemId | EwsError]:
    items = [(_copy_of(known[row.from_id]), row.is_read) for row in rows]
    return await receipts.set_read(p.to_side, items, lambda until: _intend(p, Action.READ_FLAG, rows, until))


def _copy_of(row: ItemRow) -> ItemId:
    return ItemId(row.to_id, row.to_change_key)


def _flagged(before: ItemRow, row: Staged, change_key: str) -> ItemRow:
    return replace(
        before,
        is_read=row.is_read,
        from_change_key=row.change_key or before.from_change_key,
        to_change_key=change_key or before.to_change_key,
    )


async def delete(p: Pass, last: int) -> None:
    """Delete what the from side has no more, as the collection's policy has it, up to this sequence."""
    if p.without or p.untold:
        return  # it may be there that what is gone has come to
    kept = await kept_places(p)
    reached = 0
    while reached < last and (rows := await p.ledger.next_work(Work.DELETE, reached, p.due, _CHUNK)):
        reached = rows[-1].sequence
        rows = [row for row in rows if row.sequence <= last]
        # What could not be moved, or copied, to where it has come stays where it was until then.
        arriving = await p.ledger.arriving({row.search_key for row in rows if row.search_key})
        rows = [row for row in rows if row.search_key not in arriving]
        known = await p.ledger.known([row.from_id for row in rows])
        moved = await _moved(p, rows)
        if leaving := [row.from_id for row in rows if row.folder in kept and row.from_id not in moved]:
            # On the to side it is that side's own from now on.
            await p.write(LedgerChange(forget=leaving, unstage=leaving))
        # A folder that is gone takes its items with it, and where they are then is the server's decision.
        one_by_one = p.deletions != "mirror"
        rows = [row for row in rows if row.folder not in kept or row.from_id in moved]
        rows = [row for row in rows if one_by_one or row.folder in p.to_folders]
        for batch in by_count(rows, _DELETIONS):
            await p.breathe()
            await _delete(p, batch, known)


async def _moved(p: Pass, rows: list[Staged]) -> set[str]:
    """Where nothing is deleted: the from ids of what is in another folder, too. It moved there after its own folder
    was listed, and before that one was, so it was copied as a new item; where it was it goes to the recoverable items.
    """
    if p.deletions != "keep" or not p.heal or not rows:
        return set()
    found = defaultdict[bytes, set[int]](set)
    for search_key, folder in await p.ledger.places({row.search_key for row in rows if row.search_key}):
        found[search_key].add(folder)
    return {row.from_id for row in rows if found[row.search_key] - {row.folder}}


async def kept_places(p: Pass) -> set[int]:
    """Folders of which nothing is deleted. Where deletions stay recoverable, those are what can be recovered: how long
    is for the to side to say.
    """
    match p.deletions:
        case "mirror":
            return set()
        case "keep":
            return {row.number for row in await p.folders()}
        case "recoverable":
            return {row.number for row in await p.folders() if row.parent is None and row.role in trees.RECOVERABLE}


async def _delete(p: Pass, rows: list[Staged], known: dict[str, ItemRow]) -> None:
    change = LedgerChange(unstage=[row.from_id for row in rows if row.from_id not in known])
    rows = [row for row in rows if row.from_id in known]
    if rows:
        try:
            answers = await singled_out(partial(_delete_copies, p, known), rows)
        except InDoubtError:
            p.doubt = True
            return
        except NOT_DONE:
            await _withdraw(p, rows)
            raise
        for row, answer in zip(rows, answers, strict=True):
            if answer is None or answer.kind is Kind.GONE:
                change.forget.append(row.from_id)
                change.unstage.append(row.from_id)
                change.count(Outcome.DELETED)
            else:
                p.failed(change, row, answer)
    await p.write(change)


async def _delete_copies(p: Pass, known: dict[str, ItemRow], rows: Sequence[Staged]) -> Sequence[EwsError | None]:
    items = [(_copy_of(known[row.from_id]), known[row.from_id].is_read) for row in rows]
    return await receipts.delete(p.to_side, items, p.disposal, lambda until: _intend(p, Action.DELETE, rows, until))


async def _intend(p: Pass, action: Action, rows: Sequence[Staged], until: float) -> None:
    await p.write(LedgerChange(intents=dict.fromkeys((row.sequence for row in rows), Intent(action, until))))


async def _withdraw(p: Pass, rows: list[Staged]) -> None:
    """The write did not happen."""
    await p.write(LedgerChange(intents=dict.fromkeys(row.sequence for row in rows)))
