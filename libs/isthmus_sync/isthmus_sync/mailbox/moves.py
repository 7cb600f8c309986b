"""A creation in one folder and a deletion in another that are one item on its way.

Moves, copies and uploads keep the search key (PidTagSearchKey), so it says "the same item", not "the same content".
That is concluded from the modification time, which servers tell to the second, and the size; not where several items of
one key are on their way at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from isthmus_sync.mailbox.model import ItemRow, Staged


class Move(NamedTuple):
    """`row` becomes `arrived`. Not `unchanged`: the content may differ too, and is to be copied after the move."""

    arrived: Staged
    left: Staged
    row: ItemRow
    unchanged: bool


def pair(
    arrivals: Sequence[Staged], departures: Sequence[Staged], known: Mapping[str, ItemRow]
) -> tuple[list[Move], list[Staged]]:
    """The moves among staged creations and staged deletions, and the creations that are none.

    `known` holds the ledger's rows of the departures, which are all of these keys. Where a key occurs more than once,
    those that look the same belong together.
    """
    left: dict[tuple[bytes, bool], list[Staged]] = defaultdict(list)
    for each in departures:
        if each.search_key and each.from_id in known:
            left[each.search_key, each.associated].append(each)
    several = {key for key, rows in left.items() if len(rows) > 1}
    moves: list[Move] = []
    rest: list[Staged] = []
    undecided: list[Staged] = []
    for arrived in arrivals:
        candidates = left.get((arrived.search_key, arrived.associated), [])
        same = next((each for each in candidates if _unchanged(arrived, known[each.from_id])), None)
        if same is None:
            undecided.append(arrived)
            continue
        candidates.remove(same)
        certain = (arrived.search_key, arrived.associated) not in several
        moves.append(Move(arrived, same, known[same.from_id], unchanged=certain))
    for arrived in undecided:
        candidates = left.get((arrived.search_key, arrived.associated), [])
        if candidates:
            other = candidates.pop()
            moves.append(Move(arrived, other, known[other.from_id], unchanged=False))
        else:
            rest.append(arrived)
    return moves, rest


def _unchanged(arrived: Staged, row: ItemRow) -> bool:
    return bool(arrived.modified) and (arrived.modified, arrived.size) == (row.modified, row.size)
