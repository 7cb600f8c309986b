"""An item that moved on the from side moves on the to side; its content does not travel."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from isthmus_exchange.client import Announce
from isthmus_exchange.errors import FOLDER_GONE, EwsError, InDoubtError, Kind
from isthmus_exchange.operations import MoveItems
from isthmus_exchange.values import ItemId
from isthmus_sync.mailbox.batches import by_count
from isthmus_sync.mailbox.model import Action, Intent, LedgerChange, Outcome, Work
from isthmus_sync.mailbox.moves import Move

from isthmus_mailbox import doubts, owners
from isthmus_mailbox.doubts import GRACE_SECONDS
from isthmus_mailbox.passing import NOT_DONE, Pass
from isthmus_mailbox.sending import make_folders_again

_AT_ONCE = 100


async def move(p: Pass, found: list[Move]) -> None:
    """Make these moves. What is not on the to side any more is staged to be copied; what its owner has changed there
    stays where it is.
    """
    theirs = await owners.theirs(p, [each.row for each in found])
    if theirs:
        change = LedgerChange()
        for each in found:
            if each.row.from_id in theirs:
                _leave(change, each)
        await p.write(change)
    places: dict[int, list[Move]] = defaultdict(list)
    for each in found:
        if each.row.from_id not in theirs:
            places[each.arrived.folder].append(each)
    for folder, group in places.items():
        for batch in by_count(group, _AT_ONCE):
            await p.breathe()
            await _move(p, p.to_folders[folder], batch)


async def _move(p: Pass, folder: str, batch: list[Move]) -> None:
    """Move these together. Is that refused as a whole, the halves, until the item is found, which is set aside."""

    async def announce(until: float) -> None:
        await p.write(LedgerChange(intents={each.arrived.sequence: _intent(each, until) for each in batch}))

    try:
        answers = await p.to_side.call(MoveItems(tuple(each.row.to_id for each in batch), folder), announce)
    except InDoubtError:
        p.doubt = True
        return
    except NOT_DONE as error:
        if isinstance(error, EwsError) and error.code == "ErrorInternalServerError":
            batch = await _not_moved(p, batch, announce)
        else:
            await p.write(LedgerChange(intents=dict.fromkeys(each.arrived.sequence for each in batch)))
        if not (isinstance(error, EwsError) and error.kind in (Kind.PERMANENT, Kind.GONE)):
            raise
        if len(batch) > 1 and error.code not in FOLDER_GONE:
            middle = len(batch) // 2
            await _move(p, folder, batch[:middle])
            await _move(p, folder, batch[middle:])
            return
        answers = [error] * len(batch)
    change = LedgerChange()
    for each, answer in zip(batch, answers, strict=True):
        _record(p, change, each, answer)
    await p.write(change)
    await make_folders_again(p, zip((each.arrived for each in batch), answers, strict=True))


async def _not_moved(p: Pass, batch: list[Move], announce: Announce) -> list[Move]:
    """Which of these are still where they were. What a server stumbles over may come after what it has done; nothing
    comes any more, so a look tells, and should there be none, the next pass looks and waits for nothing.
    """
    over = p.clock() - GRACE_SECONDS
    await announce(over)
    there = await doubts.adopt_at_once(p, [replace(each.arrived, intent=_intent(each, over)) for each in batch])
    rest = [each for each in batch if each.arrived.from_id not in there]
    await p.write(LedgerChange(intents=dict.fromkeys(each.arrived.sequence for each in rest)))
    return rest


def _intent(each: Move, until: float) -> Intent:
    return Intent(Action.MOVE, until, moved_from=each.row.from_id)


def _leave(change: LedgerChange, each: Move) -> None:
    change.forget.append(each.row.from_id)
    change.unstage += each.row.from_id, each.arrived.from_id
    change.items.append(owners.left_alone(each.row, each.arrived))


def _record(p: Pass, change: LedgerChange, each: Move, answer: ItemId | EwsError) -> None:
    arrived, row = each.arrived, each.row
    if isinstance(answer, EwsError):
        if answer.kind is Kind.IN_DOUBT:
            p.doubt = True  # its intent stays
        elif answer.code in FOLDER_GONE:
            p.failed(change, arrived, answer)
        elif answer.kind is Kind.GONE and p.heal:
            change.forget.append(row.from_id)
            change.unstage.append(row.from_id)
            change.stage.append(replace(arrived, sequence=0))
        elif answer.kind is Kind.GONE:
            # Its owner works on the to side and has put it elsewhere, or removed it.
            _leave(change, each)
        else:
            p.failed(change, arrived, answer)
        return
    change.forget.append(row.from_id)
    change.unstage.append(row.from_id)
    change.items.append(
        replace(
            row,
            from_id=arrived.from_id,
            to_id=answer.id,
            folder=arrived.folder,
            size=arrived.size,
            # Until the content is the same, nothing is agreed.
            from_change_key=arrived.change_key if each.unchanged else "",
            to_change_key=answer.change_key,
            modified=arrived.modified if each.unchanged else "",
        )
    )
    change.count(Outcome.MOVED)
    if not each.unchanged:
        change.stage.append(replace(arrived, sequence=0))
    elif arrived.is_read != row.is_read:
        change.stage.append(replace(arrived, work=Work.READ_FLAG, sequence=0))
    else:
        change.unstage.append(arrived.from_id)
