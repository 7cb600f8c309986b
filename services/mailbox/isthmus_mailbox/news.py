"""What a server told of by notification comes over first: a new mail waits for nothing that is not its own.

One request lists each folder that was named, two more bring what is new in it. The tree of folders, the marks, and the
search for what the other side has already are left out. That is safe for a pass that follows one that came to its end
in this very worker, under the same lease, of which the database still knows: so the ledger is no older than the sync
states, and no folder has changed without being told. A notice that got lost is made up for by the sweep.
"""

from __future__ import annotations

from isthmus_exchange.streaming import News
from isthmus_sync.mailbox.model import Work

from isthmus_mailbox import choosing, doubts, listing, stores, working
from isthmus_mailbox.passing import Pass


async def bring(p: Pass, news: News) -> bool:
    """Bring over what is new in the folders named; whether that was all there is to do."""
    if p.marks.trees is None:
        return False
    p.trees = stores.present(p, p.marks.trees)
    await doubts.settle_folders(p)
    await doubts.settle_items(p, hold=True)
    anew = await choosing.follow(p)
    rows = await p.folders()
    placed = {row.from_id: row for row in rows if row.to_id and not row.gone and row.number not in p.held}
    named = [placed[folder] for folder in news.folders if folder in placed]
    p.to_folders = {row.number: row.to_id for row in placed.values() if row.to_id}
    unlisted = {row.number for row in named if row.sync_state is None}
    lost = unlisted & await p.ledger.filled() if unlisted else unlisted
    told = True
    for row in named:
        await p.breathe()
        told &= await listing.follow_folder(p, row, lost=row.number in lost)
    await working.bring(p)
    in_place = len(placed) == len(rows) and all(row.settled for row in rows)
    all_named = told and len(named) == len(news.folders)
    if news.more or anew or not in_place or not all_named or p.marks.look_in(p.clock()) <= 0:
        return False
    # Of what left a folder it shows only in all folders together whether it was moved.
    return not await p.ledger.next_work(Work.DELETE, 0, p.due, 1)
