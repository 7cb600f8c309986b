"""What a folder's changes mean as work.

The ledger holds what both sides last agreed. An item that is just as it says is nothing to do: so an echo of our own
upload, a change told twice and a whole listing after a lost sync state all come down to the same rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from isthmus_exchange.values import Entry, Item, ItemChange

from isthmus_sync.mailbox.model import ItemRow, LedgerChange, Staged, Work
from isthmus_sync.mailbox.ways import Way

_UNSURE_SECONDS = 2.0
_NOT_ITEMS = ("ipm.rule.", "ipm.ruleorganizer", "ipm.note.rules.ooftemplate.")
"""Classes of associated items that are how a server keeps rules and automatic replies. They name folders and people by
ids of their own server, and are brought over as what they mean (decision 0008)."""


def _all(row: Staged) -> Staged:
    """Nothing is left out."""
    return row


def stage(
    folder: int,
    changes: Iterable[ItemChange],
    known: Mapping[str, ItemRow],
    staged: Mapping[str, Staged],
    seen_at: float,
    choose: Callable[[Staged], Staged] = _all,
) -> LedgerChange:
    """The work of some changes of a folder, told by a server whose clock said `seen_at` (seconds since 1970).

    `known` and `staged` hold at least the rows of the items named, by from id. No staged row has an intent. `choose`
    decides whether a new item is copied (choice.of_staged).
    """
    result = LedgerChange()
    work = dict(staged)
    for change in changes:
        row, pending = known.get(change.id), work.pop(change.id, None)
        if change.item is not None:
            new = _seen(folder, change.item, row, seen_at)
            if new is not None and row is None:
                new = choose(new)
        elif change.is_read is not None:
            new = _read_flag(change, row, pending)
        else:
            new = _deletion(row)
        if new is not None:
            work[change.id] = new
    result.stage = [row for from_id, row in work.items() if staged.get(from_id) != row]
    result.unstage = [from_id for from_id in staged if from_id not in work]
    return result


def is_content(item: Item | Entry) -> bool:
    """Whether an item is copied as an item."""
    return not (item.associated and item.item_class.casefold().startswith(_NOT_ITEMS))


def trusted(modified: str, seen_at: float) -> str:
    """The modification time when a later one would differ from it, else "". Servers tell it to the second."""
    try:
        at = datetime.fromisoformat(modified)
    except ValueError:
        return ""
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return modified if seen_at - at.timestamp() > _UNSURE_SECONDS else ""


def creation(folder: int, item: Item, seen_at: float) -> Staged:
    """The work of an item whose present content is to be on the other side."""
    return Staged(
        from_id=item.id,
        folder=folder,
        work=Work.COPY,
        search_key=item.search_key,
        size=item.size,
        associated=item.associated,
        is_read=item.is_read,
        change_key=item.change_key,
        modified=trusted(item.modified, seen_at),
        traits=item.traits,
    )


def agreed(staged: Staged, to_id: str, to_change_key: str, way: Way = Way.STREAM) -> ItemRow:
    """The ledger's row of an item once its staged content is on the other side."""
    return ItemRow(
        from_id=staged.from_id,
        to_id=to_id,
        folder=staged.folder,
        search_key=staged.search_key,
        size=staged.size,
        associated=staged.associated,
        is_read=staged.is_read,
        from_change_key=staged.change_key,
        to_change_key=to_change_key,
        modified=staged.modified,
        way=way,
    )


def _seen(folder: int, item: Item, row: ItemRow | None, seen_at: float) -> Staged | None:
    if not is_content(item):
        return None
    now = creation(folder, item, seen_at)
    if row is None or row.from_change_key != item.change_key:
        return now
    return None if row.is_read == item.is_read else replace(now, work=Work.READ_FLAG)


def _read_flag(change: ItemChange, row: ItemRow | None, pending: Staged | None) -> Staged | None:
    assert change.is_read is not None
    if pending is not None and pending.work in (Work.COPY, Work.LEFT_OUT):
        # Its content will be read when its turn comes, if it comes, the flag with it.
        return replace(pending, is_read=change.is_read, change_key=change.change_key or pending.change_key)
    if row is None:
        return None
    # Even when it is what the ledger says: it may have been set and taken back around the moment of the export.
    return read_flag(row, change.is_read, change.change_key or row.from_change_key)


def _deletion(row: ItemRow | None) -> Staged | None:
    """None for an item that never reached the other side."""
    return deletion(row) if row is not None else None


def read_flag(row: ItemRow, is_read: bool, change_key: str) -> Staged:
    """The work of an item of which only the read flag may differ."""
    return replace(deletion(row), work=Work.READ_FLAG, is_read=is_read, change_key=change_key)


def deletion(row: ItemRow) -> Staged:
    """The work of an item that the from side has no more."""
    return Staged(
        from_id=row.from_id,
        folder=row.folder,
        work=Work.DELETE,
        search_key=row.search_key,
        size=row.size,
        associated=row.associated,
        is_read=row.is_read,
        change_key=row.from_change_key,
        modified=row.modified,
    )
