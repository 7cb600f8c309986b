"""What a look at the to side says about writes that got no answer.

An upload that happened shows as an item with the right search key that the ledger does not know. One that does not show
may still be on its way until its deadline; only then is it lost, and made again.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from isthmus_exchange.values import Folder, Item

from isthmus_sync.mailbox import staging
from isthmus_sync.mailbox.model import Action, FolderRow, FolderWrite, ItemRow, Staged
from isthmus_sync.mailbox.ways import Way


class Found(NamedTuple):
    """A write that happened. Not `certain`: another item has the same search key, so the content may be the other's
    and is to be written once more.
    """

    staged: Staged
    item: Item
    certain: bool


def needs_look(staged: Staged) -> bool:
    """Whether the to side can tell: a new item or a moved one shows, other writes can be made twice without harm."""
    return staged.intent is not None and staged.intent.action in (Action.CREATE, Action.MAKE, Action.MOVE)


def match(doubtful: Iterable[Staged], items: Iterable[Item], claimed: Collection[str]) -> list[Found]:
    """Which of the doubtful rows of one folder happened. `claimed`: ids of items that the ledger knows already. Where
    several have one key, those that look the same belong together.
    """
    free: dict[tuple[bytes, bool], list[Item]] = defaultdict(list)
    for item in items:
        if item.search_key and item.id not in claimed:
            free[item.search_key, item.associated].append(item)
    rows = [row for row in doubtful if row.search_key]
    wanted = Counter((row.search_key, row.associated) for row in rows)
    alone = {key for key, candidates in free.items() if wanted[key] == len(candidates) == 1}
    found: list[Found] = []
    undecided: list[Staged] = []
    for row in rows:
        key = row.search_key, row.associated
        candidates = free.get(key, [])
        same = next((item for item in candidates if _alike(row, item)), None)
        if same is None:
            undecided.append(row)
        else:
            candidates.remove(same)
            found.append(Found(row, same, key in alone))
    for row in undecided:
        key = row.search_key, row.associated
        if candidates := free.get(key, []):
            found.append(Found(row, candidates.pop(), key in alone))
    return found


def looks_the_same(found: Found) -> bool:
    """Whether the item surely holds what is staged: no other one has its key, and nobody has touched it."""
    return found.certain and _alike(found.staged, found.item)


def _alike(staged: Staged, item: Item) -> bool:
    return bool(staged.modified) and (item.modified, item.size) == (staged.modified, staged.size)


def adopted(found: Found, *, same: bool, way: Way = Way.STREAM) -> ItemRow:
    """The ledger's row of an item that is there already. Not the `same`: its content may be another one, so nothing is
    agreed, and it is copied over.
    """
    row = replace(staging.agreed(found.staged, found.item.id, found.item.change_key, way), is_read=found.item.is_read)
    return row if same else replace(row, from_change_key="", modified="")


def latest(doubtful: Sequence[Staged]) -> float:
    """When the last of these requests is over, whatever became of it (seconds since 1970)."""
    return max((row.intent.answer_by for row in doubtful if row.intent), default=0.0)


def settled_folder(row: FolderRow, rows: Iterable[FolderRow], tree: Iterable[Folder]) -> FolderRow | None:
    """The row without its intent, if the to side's `tree` shows that the write happened; else None."""
    assert row.intent is not None
    present = {folder.id: folder for folder in tree}
    there = present.get(row.to_id or "")
    match row.intent.write:
        case FolderWrite.CREATE:
            owned = {other.to_id for other in rows}
            place = row.intent.parent, row.intent.name.casefold()
            made = next((each for each in present.values() if (each.parent, each.name.casefold()) == place), None)
            if made is None or made.id in owned:
                return None
            return replace(row, to_id=made.id, intent=None, settled=False)
        case FolderWrite.RENAME:
            happened = there is not None and there.name == row.intent.name
        case FolderWrite.MOVE:
            happened = there is not None and there.parent == row.intent.parent
        case FolderWrite.DELETE:
            happened = there is None
    return replace(row, intent=None, settled=False) if happened else None
