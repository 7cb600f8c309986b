"""Copies that their owner has changed: after the switch people work on the to side, and what they did there stays."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from isthmus_exchange.errors import EwsError, Kind
from isthmus_exchange.operations import GetItemLabels
from isthmus_exchange.singling_out import singled_out
from isthmus_sync.mailbox import doubt
from isthmus_sync.mailbox.batches import by_count
from isthmus_sync.mailbox.model import ItemRow, LedgerChange, Staged

from isthmus_mailbox.passing import Pass

_LOOKED_AT = 10


async def theirs(p: Pass, copies: Iterable[ItemRow]) -> set[str]:
    """The from ids of those copies that are not as the ledger says we left them, or that we never left as they are
    (`unlike`), or of which the server cannot tell. Before the switch none is: there the from side is what counts.

    Raises EwsError when it cannot tell at the moment.
    """
    if p.heal:
        return set()
    left, found = list[ItemRow](), set[str]()
    for row in copies:
        if row.to_change_key:
            left.append(row)
        else:
            found.add(row.from_id)
    for some in by_count(left, _LOOKED_AT):
        labels = await singled_out(lambda part: p.to_side.call(GetItemLabels(tuple(row.to_id for row in part))), some)
        for row, label in zip(some, labels, strict=True):
            if isinstance(label, EwsError):
                if label.kind is Kind.PERMANENT:
                    found.add(row.from_id)
                elif label.kind is not Kind.GONE:
                    raise label
            elif label.change_key != row.to_change_key:
                found.add(row.from_id)
    return found


async def leave(p: Pass, work: Iterable[tuple[ItemRow, Staged]]) -> set[str]:
    """Leave undone what would write over copies that are `theirs`, which raises; the from ids of these."""
    work = list(work)
    found = await theirs(p, [row for row, _ in work])
    if found:
        rows = [left_alone(row, staged) for row, staged in work if row.from_id in found]
        await p.write(LedgerChange(items=rows, unstage=list(found)))
    return found


def left_alone(row: ItemRow, staged: Staged) -> ItemRow:
    """The ledger's row once this work is left undone. It keeps the key we left, so that it stays its owner's."""
    return replace(
        row,
        from_id=staged.from_id,
        folder=staged.folder,
        is_read=staged.is_read,
        from_change_key=staged.change_key or row.from_change_key,
        modified="",
    )


def unlike(p: Pass, found: doubt.Found) -> ItemRow:
    """The ledger's row of an item that was there, and after the switch is left as it is, for it may not be the same as
    what was to be copied. It has no key of ours, so that it stays its owner's.
    """
    p.log.warning(
        "an item was there already with other content; it is its owner's now, and stays as it is",
        folder=found.staged.folder,
        search_key=found.staged.search_key.hex(),
    )
    return replace(doubt.adopted(found, same=True), to_change_key="", modified="")
