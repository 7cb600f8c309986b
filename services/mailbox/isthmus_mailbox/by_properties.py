"""Content by its properties, where there is no stream (isthmus_sync.mailbox.ways says what goes how).

An item that one request makes is made in its place, several at a time. One that takes several requests, and one that
takes the place of an earlier copy, is assembled in a hidden folder (assembly.py) and moved to its place when it is
finished: so whatever fails, nobody finds half an item, and a look for its search key finds a whole one or none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

from isthmus_exchange.errors import EwsError, InDoubtError, Kind, TransientError
from isthmus_exchange.item_properties import form_of
from isthmus_exchange.operations import (
    CreateAttachment,
    CreateItems,
    DescribeItems,
    GetAttachment,
    GetItemLabels,
    GetProperties,
    MoveItems,
)
from isthmus_exchange.operations.describe_items import LIMIT
from isthmus_exchange.property_addresses import property_addresses
from isthmus_exchange.singling_out import singled_out
from isthmus_exchange.values import Attached, Disposal, ItemId, Outline, Properties
from isthmus_sync.mailbox import ways
from isthmus_sync.mailbox.batches import by_count
from isthmus_sync.mailbox.model import LedgerChange, Work
from isthmus_sync.mailbox.staging import deletion
from isthmus_sync.mailbox.ways import Plan, Way

from isthmus_mailbox import assembly, owners, receipts
from isthmus_mailbox.passing import MailboxBlocked, Pass
from isthmus_mailbox.sending import Copy, fail, gone, halving, make_folders_again, record, send, told


async def copy(p: Pass, batch: list[Copy]) -> None:
    """Copy items by their properties."""
    change = LedgerChange()
    wanted = []
    for each in batch:
        if _as_good_as_it_gets(each):
            change.unstage.append(each.staged.from_id)
        else:
            wanted.append(each)
    groups: dict[tuple[int, bool, Plan], list[tuple[Copy, Outline]]] = defaultdict(list)

    async def describe(some: list[Copy]) -> None:
        outlines = await told(p, some, DescribeItems(tuple(each.staged.from_id for each in some)))
        for each, outline in zip(some, outlines, strict=True):
            if isinstance(outline, EwsError):
                fail(p, change, each, outline)
                continue
            if words := ways.too_large(outline):
                fail(p, change, each, EwsError("ErrorMessageSizeExceeded", words))
                continue
            plan = ways.plan(outline, associated=each.staged.associated)
            groups[each.staged.folder, each.staged.associated, plan].append((each, outline))

    for some in by_count(wanted, LIMIT):
        await halving(p, some, describe, lambda each, error: _failed(p, each, error))
    await p.write(change)
    for (_, _, plan), group in groups.items():
        at_once = [each for each in group if not plan.parts and each[0].over is None]
        for each, outline in group:
            if plan.parts or each.over is not None:
                await p.breathe()
                await _assemble(p, each, plan, outline)
        for together in _cut(at_once):
            await p.breathe()
            await halving(
                p,
                [each for each, _ in together],
                lambda some, plan=plan: _make(p, some, plan),  # type: ignore[misc]
                lambda each, error: _failed(p, each, error),
            )


async def try_streams_again(p: Pass) -> None:
    """Stage what came by its properties because its stream was refused: the cause may be mended."""
    rows = await p.ledger.came_by(Way.REFUSED)
    staged = await p.ledger.staged(rows.keys())
    again = [replace(deletion(row), work=Work.COPY) for row in rows.values() if row.from_id not in staged]
    await p.write(LedgerChange(stage=again))


def _as_good_as_it_gets(each: Copy) -> bool:
    """Its stream is refused again, and what its properties are is on the other side already."""
    over = each.over
    return over is not None and over.way is Way.REFUSED is each.way and over.from_change_key == each.staged.change_key


def _cut(group: list[tuple[Copy, Outline]]) -> Iterator[list[tuple[Copy, Outline]]]:
    start = 0
    for count in ways.together([outline.size for _, outline in group], LIMIT):
        yield group[start : start + count]
        start += count


async def _failed(p: Pass, each: Copy, error: EwsError) -> None:
    change = LedgerChange()
    fail(p, change, each, error)
    await p.write(change)


async def _read(p: Pass, batch: Sequence[Copy], plan: Plan) -> list[tuple[Copy, Properties]]:
    """The items' properties; those that cannot be read have failed. Of one that changed since it was listed nothing is
    agreed: what is read is the newer content, and the next listing tells of it.
    """
    ids = tuple(each.staged.from_id for each in batch)
    answers = await told(p, batch, GetProperties(ids, plan.form, plan.native, batch[0].staged.associated))
    change = LedgerChange()
    found = []
    for each, answer in zip(batch, answers, strict=True):
        if isinstance(answer, EwsError):
            fail(p, change, each, answer)
        else:
            if answer.change_key != each.staged.change_key:
                each = each._replace(staged=replace(each.staged, change_key="", modified=""))
                change.stage.append(each.staged)
            found.append((each, answer))
    if p.correspondents is not None:
        await p.correspondents.note(property_addresses(each.content) for _, each in found)
    await p.write(change)
    return found


async def _make(p: Pass, batch: list[Copy], plan: Plan) -> None:
    """Make new items of one folder in their place."""
    ready = await _read(p, batch, plan)
    if not ready:
        return
    folder = p.to_folders[batch[0].staged.folder]
    made = [each for each, _ in ready]
    answers = await send(p, made, CreateItems(folder, tuple(content for _, content in ready)))
    change = LedgerChange()
    for each, answer in zip(made, answers, strict=bool(answers)):
        record(p, change, each, answer)
    await p.write(change)
    await make_folders_again(p, zip((each.staged for each in made), answers, strict=bool(answers)))


async def _assemble(p: Pass, each: Copy, plan: Plan, outline: Outline) -> None:
    """Make an item by several requests, then put it in its place, and an earlier copy away."""
    if each.over is not None and not await _is_there(p, each.over.to_id):
        change = LedgerChange()
        gone(p, change, each.staged, each.over)
        await p.write(change)
        return
    made = None
    try:
        place = await assembly.place(p, each.staged.folder, each.staged.search_key)
        ready = await _read(p, [each], plan)
        if not ready:
            return
        [(each, content)] = ready
        [made] = await p.to_side.call(CreateItems(place, (content,)))
        if isinstance(made, EwsError):
            raise made
        for attached in outline.attachments if plan.parts else ():
            await _attach(p, each, made.id, attached)
    except InDoubtError as error:
        # Nobody knows what the unfinished item is like now; it is put away, and another one is made.
        await _failed(p, each, EwsError("ErrorTimeoutExpired", str(error)))
        return
    except EwsError as error:
        if error.kind is Kind.MAILBOX:
            raise MailboxBlocked(str(error), each.staged.folder) from error
        if isinstance(made, ItemId):
            await singled_out(lambda some: receipts.delete(p.to_side, some, Disposal.HARD_DELETE), [(made, False)])
        await _failed(p, each, error)
        return
    await _put(p, each, made)


async def _is_there(p: Pass, item: str) -> bool:
    [label] = await singled_out(lambda ids: p.to_side.call(GetItemLabels(tuple(ids))), [item])
    return not (isinstance(label, EwsError) and label.kind is Kind.GONE)


async def _attach(p: Pass, each: Copy, item: str, attached: Attached) -> None:
    try:
        attachment = await told(p, [each], GetAttachment(attached.id))
        form = form_of(attachment.item_class)
        if attachment.item_class and not form.mime:
            attachment = await told(p, [each], GetAttachment(attached.id, form))
        if p.correspondents is not None and attachment.content:
            await p.correspondents.note([property_addresses(attachment.content)])
        await p.to_side.call(CreateAttachment(item, attachment))
    except EwsError as error:
        words = f"attachment {attached.name!r} of {attached.size} bytes: {error.message or error.code}"
        raise EwsError(error.code, words, error.back_off) from error


async def _put(p: Pass, each: Copy, made: ItemId) -> None:
    operation = MoveItems((made.id,), p.to_folders[each.staged.folder])
    answers = await singled_out(lambda some: send(p, list(some), operation), [each])
    if not answers:
        return
    change = LedgerChange()
    if isinstance(answers[0], EwsError):
        each = each._replace(over=None)  # it is the finished item that was not found
    elif each.over is not None:
        if await owners.leave(p, [(each.over, each.staged)]):
            return
        try:
            await assembly.replace(p, each.staged, each.over)
        except (InDoubtError, TransientError):
            p.doubt = True  # the look for this item puts the earlier one away
            return
    record(p, change, each, answers[0])
    await p.write(change)
