"""New content sent to the to side: the intent before it, the ledger after it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeVar

from isthmus_exchange.errors import FOLDER_GONE, EwsError, InDoubtError, Kind, ServerBusyError, TransientError
from isthmus_exchange.operations import Operation
from isthmus_exchange.values import ItemId
from isthmus_sync.mailbox import retry
from isthmus_sync.mailbox.model import Action, Copied, Intent, ItemRow, LedgerChange, Outcome, Staged
from isthmus_sync.mailbox.ways import Way

from isthmus_mailbox import doubts
from isthmus_mailbox.passing import NOT_DONE, MailboxBlocked, Pass

T = TypeVar("T")

_BUSY_ATTEMPTS = 5


class Copy(NamedTuple):
    """An item to be copied; `over` is its row in the ledger when the to side has it already."""

    staged: Staged
    over: ItemRow | None
    way: Way = Way.STREAM
    # Why it does not go as a stream, in the server's words.
    refused: str = ""


async def told(p: Pass, batch: Sequence[Copy], operation: Operation[T]) -> T:
    """What the from side tells of the items of the batch. That it tells nothing ends the pass, and counts: of what is
    asked for alone by then, and still breaks every answer, that is the refusal, an EwsError.
    """
    try:
        return await p.from_side.call(operation)
    except TransientError as error:
        if isinstance(error, ServerBusyError) and not error.by_status:
            raise
        rows = [each.staged for each in batch]
        if len(rows) == 1 and rows[0].attempts >= retry.QUIET_ATTEMPTS:
            raise EwsError("NoAnswer", str(error)) from error
        await p.write(LedgerChange(stage=[replace(row, attempts=row.attempts + 1) for row in rows]))
        raise


async def halving(
    p: Pass,
    batch: list[Copy],
    do: Callable[[list[Copy]], Awaitable[None]],
    refused: Callable[[Copy, EwsError], Awaitable[None]],
) -> None:
    """`do(batch)`; when that is refused as a whole, the halves, until the item is found, which is `refused`.

    Raises MailboxBlocked.
    """
    try:
        await do(batch)
        return
    except EwsError as error:
        if error.kind is Kind.MAILBOX and len(batch) == 1:
            raise MailboxBlocked(str(error), batch[0].staged.folder) from error
        if error.kind not in (Kind.PERMANENT, Kind.MAILBOX):
            raise
        if _stumbled(error):  # those that were made all the same are known now, or still in doubt
            known = await p.ledger.known([each.staged.from_id for each in batch])
            decided = {*known, *(row.from_id for row in await p.ledger.in_doubt())}
            batch = [each for each in batch if each.over or each.staged.from_id not in decided]
        if len(batch) == 1:
            await refused(batch[0], error)
        if len(batch) <= 1:
            return
    middle = len(batch) // 2
    await halving(p, batch[:middle], do, refused)
    await halving(p, batch[middle:], do, refused)


async def send(p: Pass, batch: list[Copy], operation: Operation[list[ItemId | EwsError]]) -> list[ItemId | EwsError]:
    """The server's answers for the items of the batch. None at all (an empty list): it is in doubt."""

    intents: dict[int, Intent | None] = {}

    async def announce(until: float) -> None:
        of_action = {each: Intent(each, until) for each in Action}
        intents.update((each.staged.sequence, of_action[_action(each)]) for each in batch)
        await p.write(LedgerChange(intents=intents))

    async def withdraw(batch: list[Copy], *, likely: bool = False) -> None:
        """It did not happen, or only `likely` so: should it have, a proof finds the second ones."""
        made = [each.staged for each in batch if _action(each) is not Action.UPDATE]
        new = [(row.folder, row.search_key) for row in made]
        resent = [(folder, key) for folder, key in new if key] if likely else []
        await p.write(LedgerChange(intents=dict.fromkeys(each.staged.sequence for each in batch), resent=resent))

    attempt = 0
    while True:
        attempt += 1
        try:
            return await p.to_side.call(operation, announce)
        except InDoubtError as error:
            p.log.warning("new content got no answer", items=len(batch), reason=str(error))
            await unanswered(p, [each.staged for each in batch], intents)
            return []
        except ServerBusyError as busy:
            # Nothing happened, and the budget waits for as long as the server asks before it lets the next one go. What
            # a front end says by a status alone it may have said after the server behind it had the request.
            await withdraw(batch, likely=busy.by_status)
            if attempt == _BUSY_ATTEMPTS:
                raise
        except NOT_DONE as error:
            stumbled = _stumbled(error)
            await withdraw(await _not_made(p, batch, intents) if stumbled else batch, likely=stumbled)
            raise


def _stumbled(error: Exception) -> bool:
    """A server that stumbles over one item of several may have made those before it."""
    return isinstance(error, EwsError) and error.code == "ErrorInternalServerError"


async def _not_made(p: Pass, batch: list[Copy], intents: Mapping[int, Intent | None]) -> list[Copy]:
    """Those of a request that failed that are not there; the others are in the ledger now, or stay in doubt."""
    new = [each.staged for each in batch if _action(each) is Action.CREATE]
    there = await doubts.adopt_at_once(p, [replace(row, intent=intents[row.sequence]) for row in new])
    return [each for each in batch if each.staged.from_id not in there]


async def unanswered(p: Pass, rows: list[Staged], intents: dict[int, Intent | None]) -> None:
    """Count that a write of these rows got no answer; it stays in doubt. One that is cut off on our side counts not."""
    p.doubt = True
    again = [replace(row, attempts=row.attempts + 1, intent=None) for row in rows]
    await p.write(LedgerChange(stage=again, intents=intents))


def _action(each: Copy) -> Action:
    if each.way is not Way.STREAM:
        return Action.MAKE
    return Action.UPDATE if each.over else Action.CREATE


def record(p: Pass, change: LedgerChange, each: Copy, answer: ItemId | EwsError) -> None:
    """Put into `change` what became of an item: its row in the ledger, its work, what is told of it."""
    staged, over = each.staged, each.over
    if not isinstance(answer, EwsError):
        change.copied.append(
            Copied(staged.sequence, staged.from_id, answer.id, answer.change_key, each.way, over is not None)
        )
        change.bytes_copied += staged.size
        change.count(Outcome.UPDATED if over else Outcome.ADDED)
    elif answer.kind is Kind.IN_DOUBT:
        p.doubt = True  # its intent stays
    elif answer.kind is Kind.GONE and over is not None:
        gone(p, change, staged, over)
    else:
        if answer.kind is Kind.GONE:
            p.marks.trees = None  # Its place is not there: perhaps none is that was.
        fail(p, change, each, answer)


def gone(p: Pass, change: LedgerChange, staged: Staged, over: ItemRow) -> None:
    """Put into `change` that the copy is not where it was put."""
    if p.heal:
        # As a new item it comes back.
        change.forget.append(staged.from_id)
        change.stage.append(replace(staged, intent=None, sequence=0))
    else:
        # Its owner works on the to side and has removed it there.
        change.items.append(replace(over, from_change_key=staged.change_key))
        change.unstage.append(staged.from_id)


def fail(p: Pass, change: LedgerChange, each: Copy, error: EwsError) -> None:
    """Put into `change` that an item could not be copied, with everything that was said of it."""
    if each.refused:
        words = f"{each.refused}; by its properties: {error}"
        error = EwsError(error.code, words.removeprefix(f"{error.code}: "), error.back_off)
    p.failed(change, each.staged, error)


async def make_folders_again(p: Pass, answers: Iterable[tuple[Staged, object]]) -> None:
    """Folders that the to side says it has not, to work that was for them: somebody removed them there, and the next
    pass makes them anew, with what was in them.
    """
    lost = {row.folder for row, answer in answers if isinstance(answer, EwsError) and answer.code in FOLDER_GONE}
    rows = [replace(row, settled=False) for row in await p.folders() if row.number in lost] if lost and p.heal else []
    if rows:
        p.log.warning("folders are gone from the other side and will be made anew", folders=[row.name for row in rows])
        await p.write(LedgerChange(folders=rows))
