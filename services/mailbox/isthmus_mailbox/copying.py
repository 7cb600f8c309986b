"""Content: exported from one side, uploaded to the other, as it is."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from isthmus_exchange.errors import EwsError, InDoubtError, Kind, ServerBusyError
from isthmus_exchange.operations import ExportItems, UploadItems
from isthmus_exchange.values import ItemId, Upload
from isthmus_sync.mailbox.model import Action, Intent, ItemRow, LedgerChange, Outcome, Staged

from isthmus_mailbox.passing import NOT_DONE, MailboxBlocked, Pass

_BUSY_ATTEMPTS = 5


class Copy(NamedTuple):
    """An item to be copied; `over` is its row in the ledger when the to side has it already."""

    staged: Staged
    over: ItemRow | None


async def copy(p: Pass, batch: list[Copy]) -> None:
    """Copy a batch. An item that makes a whole request fail is found by halving."""
    async with p.memory.hold(sum(each.staged.size for each in batch)):
        try:
            await _copy(p, batch)
            return
        except EwsError as error:
            if error.kind is Kind.MAILBOX:
                raise MailboxBlocked(str(error)) from error
            if error.kind is not Kind.PERMANENT:
                raise
            if len(batch) == 1:
                change = LedgerChange()
                p.failed(change, batch[0].staged, error)
                await p.write(change)
                return
    middle = len(batch) // 2
    await copy(p, batch[:middle])
    await copy(p, batch[middle:])


async def _copy(p: Pass, batch: list[Copy]) -> None:
    exported = await p.from_side.call(ExportItems(tuple(each.staged.from_id for each in batch)))
    change = LedgerChange()
    ready: list[Copy] = []
    uploads: list[Upload] = []
    for each, content in zip(batch, exported, strict=True):
        if isinstance(content, EwsError):
            p.failed(change, each.staged, content)
            continue
        ready.append(each)
        over = each.over.to_id if each.over else None
        uploads.append(Upload(p.to_folders[each.staged.folder], content.data, each.staged.associated, over))
    if change.stage:
        await p.write(change)
    if ready:
        del exported
        answers = await _upload(p, ready, UploadItems(tuple(uploads)))
        if answers is not None:
            await _record(p, ready, answers)


async def _upload(p: Pass, batch: list[Copy], operation: UploadItems) -> list[ItemId | EwsError] | None:
    """The server's answers; None when there was none, and the batch is in doubt."""

    async def announce(until: float) -> None:
        await p.write(LedgerChange(stage=[_intended(each, until) for each in batch]))

    attempt = 0
    while True:
        attempt += 1
        try:
            return await p.to_side.call(operation, announce)
        except InDoubtError as error:
            p.log.warning("an upload got no answer", items=len(batch), reason=str(error))
            p.doubt = True
            return None
        except ServerBusyError:
            # Nothing happened, and the budget waits for as long as the server asks before it lets the next one go.
            await p.write(LedgerChange(stage=[each.staged for each in batch]))
            if attempt == _BUSY_ATTEMPTS:
                raise
        except NOT_DONE:
            await p.write(LedgerChange(stage=[each.staged for each in batch]))
            raise


def _intended(each: Copy, until: float) -> Staged:
    return replace(each.staged, intent=Intent(Action.UPDATE if each.over else Action.CREATE, until))


async def _record(p: Pass, batch: list[Copy], answers: list[ItemId | EwsError]) -> None:
    """Ledger rows, finished work and what is told of it: one transaction."""
    change = LedgerChange()
    for each, answer in zip(batch, answers, strict=True):
        staged, over = each.staged, each.over
        if not isinstance(answer, EwsError):
            change.items.append(_agreed(staged, answer))
            change.unstage.append(staged.from_id)
            change.bytes_copied += staged.size
            change.count(Outcome.UPDATED if over else Outcome.ADDED)
        elif answer.kind is Kind.IN_DOUBT:
            p.doubt = True  # its intent stays
        elif answer.kind is Kind.GONE and over is not None:
            if p.heal:
                # It is not where we put it; as a new item it comes back.
                change.forget.append(staged.from_id)
                change.stage.append(replace(staged, intent=None, sequence=0))
            else:
                # Its owner works on the to side and has removed it there.
                change.items.append(replace(over, from_change_key=staged.change_key))
                change.unstage.append(staged.from_id)
        else:
            p.failed(change, staged, answer)
    await p.write(change)


def _agreed(staged: Staged, answer: ItemId) -> ItemRow:
    return ItemRow(
        from_id=staged.from_id,
        to_id=answer.id,
        folder=staged.folder,
        search_key=staged.search_key,
        size=staged.size,
        associated=staged.associated,
        is_read=staged.is_read,
        from_change_key=staged.change_key,
        to_change_key=answer.change_key,
        modified=staged.modified,
    )
