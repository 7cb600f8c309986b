"""What the filters of the mailbox's collection leave out: decided when an item is listed, and again when they changed.

What is left out is in the ledger, with what filters go by: other filters are a matter of the ledger alone.
"""

from __future__ import annotations

from collections.abc import Callable

from isthmus_sync.mailbox import choice
from isthmus_sync.mailbox.model import LedgerChange, Staged, Work

from isthmus_mailbox.passing import Pass

_CHUNK = 1000
_ALL = float("inf")


async def follow(p: Pass) -> bool:
    """Decide again about everything that is not on the to side, if it was decided by other filters; whether folders are
    to be listed anew for it.

    To be called while no write is in doubt. A folder with items of which is not known what filters go by, because there
    were none when it was listed, is listed again.
    """
    version = choice.version(p.filters, await p.ledger.folders() if p.filters else (), p.from_side.now())
    if version == await p.ledger.chosen_by():
        return False
    p.marks.surplus = {}  # what was left out may be there
    choose = await chooser(p)
    unlisted = set[int]()
    for work in (Work.COPY, Work.LEFT_OUT):
        reached = 0
        while rows := await p.ledger.next_work(work, reached, _ALL, _CHUNK):
            reached = rows[-1].sequence
            known = await p.ledger.known([row.from_id for row in rows])
            new = [row for row in rows if row.from_id not in known]
            unlisted |= {row.folder for row in new if p.filters and row.traits is None and not row.associated}
            await p.write(LedgerChange(stage=[after for row in new if (after := choose(row)) != row]))
    await p.write(LedgerChange(chosen_by=version, sync_states=dict.fromkeys(unlisted)))
    return bool(unlisted)


async def chooser(p: Pass) -> Callable[[Staged], Staged]:
    """What makes of a staged creation what the filters say."""
    places = choice.places(await p.ledger.folders()) if p.filters else {}
    now = p.from_side.now()
    return lambda row: choice.of_staged(p.filters, row, places.get(row.folder, choice.NOWHERE), now)
