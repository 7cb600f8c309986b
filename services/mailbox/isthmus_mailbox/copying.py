"""Content: exported from one side, uploaded to the other, as it is; what cannot go so goes by its properties."""

from __future__ import annotations

from dataclasses import replace

from isthmus_exchange.errors import EwsError, Kind
from isthmus_exchange.operations import ExportItems, UploadItems
from isthmus_exchange.stream_addresses import stream_addresses
from isthmus_exchange.values import Upload
from isthmus_sync.mailbox import retry, ways
from isthmus_sync.mailbox.model import LedgerChange
from isthmus_sync.mailbox.ways import Way

from isthmus_mailbox import by_properties, owners
from isthmus_mailbox.passing import Pass
from isthmus_mailbox.sending import Copy, fail, halving, make_folders_again, record, send, told


async def copy(p: Pass, batch: list[Copy]) -> None:
    """Copy a batch."""
    batch = await _without_their_owner_s(p, batch)
    if not batch:
        return
    async with p.memory.hold(sum(each.staged.size for each in batch)):
        others: list[Copy] = []

        async def refused(each: Copy, error: EwsError) -> None:
            change = LedgerChange()
            _another_way(p, change, others, each, error)
            await p.write(change)

        if not p.streams:
            others += (each._replace(way=Way.NO_STREAMS) for each in batch)
        elif len(batch) == 1 and batch[0].staged.size > ways.STREAM_BYTES:
            others.append(batch[0]._replace(way=Way.REFUSED, refused="larger than a stream may be"))
        else:
            await halving(p, batch, lambda some: _copy(p, some, others), refused)
        if others:
            await by_properties.copy(p, others)


async def _without_their_owner_s(p: Pass, batch: list[Copy]) -> list[Copy]:
    theirs = await owners.leave(p, [(each.over, each.staged) for each in batch if each.over is not None])
    return [each for each in batch if each.staged.from_id not in theirs]


async def _exports(p: Pass, batch: list[Copy]) -> bool:
    """Whether the from side's server exports one of a batch alone, which it has refused as a whole in the words of one
    that has no streams: so it is an item that it refuses.
    """
    for each in (batch[0], batch[-1]):
        try:
            await p.from_side.call(ExportItems((each.staged.from_id,), each.staged.size))
        except EwsError as error:
            if not ways.has_no_operation(error):
                raise
        else:
            return True
    return False


async def _copy(p: Pass, batch: list[Copy], others: list[Copy]) -> None:
    """`others` gets what is to go another way."""
    try:
        ids, size = tuple(each.staged.from_id for each in batch), sum(each.staged.size for each in batch)
        exported = await told(p, batch, ExportItems(ids, size))
    except EwsError as error:
        if not ways.has_no_operation(error) or (len(batch) > 1 and await _exports(p, batch)):
            raise
        if len(batch) > 1:
            p.log.warning("the source's server has no ExportItems: items go by their properties", reason=str(error))
            p.streams = False
        others += (each._replace(way=Way.NO_STREAMS) for each in batch)
        return
    if p.correspondents is not None:
        await p.correspondents.note(stream_addresses(item.data) for item in exported if not isinstance(item, EwsError))
    change = LedgerChange()
    ready: list[Copy] = []
    uploads: list[Upload] = []
    for each, content in zip(batch, exported, strict=True):
        if isinstance(content, EwsError):
            _another_way(p, change, others, each, content)
            continue
        if content.change_key and content.change_key != each.staged.change_key:
            # It was edited since it was listed: what is agreed is what was exported.
            each = each._replace(staged=replace(each.staged, change_key=content.change_key, modified=""))
            change.stage.append(each.staged)
        ready.append(each)
        over = each.over.to_id if each.over else None
        uploads.append(Upload(p.to_folders[each.staged.folder], content.data, each.staged.associated, over))
    if change.stage or change.unstage:
        await p.write(change)
    if not ready:
        return
    del exported
    answers = await send(p, ready, UploadItems(tuple(uploads)))
    change = LedgerChange()
    for each, answer in zip(ready, answers, strict=bool(answers)):
        if isinstance(answer, EwsError) and ways.worth_another_way(answer, each.staged.attempts):
            # This write did not happen.
            change.intents[each.staged.sequence] = None
            others.append(_refused(each, answer))
        else:
            record(p, change, each, answer)
    await p.write(change)
    await make_folders_again(p, zip((each.staged for each in ready), answers, strict=bool(answers)))


def _another_way(p: Pass, change: LedgerChange, others: list[Copy], each: Copy, error: EwsError) -> None:
    if ways.worth_another_way(error, each.staged.attempts):
        others.append(_refused(each, error))
    elif error.kind is Kind.GONE and each.over is None and each.staged.attempts >= retry.QUIET_ATTEMPTS:
        # It came and went between two listings of its folder, and a proof saw it: no listing will tell of it.
        change.unstage.append(each.staged.from_id)
    else:
        fail(p, change, each, error)


def _refused(each: Copy, error: EwsError) -> Copy:
    return each._replace(way=Way.REFUSED, refused=str(error))
