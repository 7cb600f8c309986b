"""A pass over a mailbox, from its first line to its last."""

from __future__ import annotations

from isthmus_sync.mailbox.model import Work

from isthmus_mailbox import around, choosing, doubts, listing, news, stores, tree, working
from isthmus_mailbox.passing import Pass


async def run_pass(p: Pass) -> None:
    """Bring the to side up to date. May be ended anywhere by anything; the next pass goes on from there."""
    await stores.each(p, _run)


async def _run(p: Pass) -> None:
    p.held.clear()
    p.marks.want(*p.wanted_trees, p.around.wanted.model_dump_json() if p.around else "")
    if p.news is not None and await news.bring(p, p.news):
        return
    await tree.see(p)
    await _bring(p)
    departed = await p.ledger.last_work(Work.DELETE, p.due)
    if departed and p.deletions != "mirror":
        # What leaves one folder while others are listed may have come to one that was listed before. It is deleted, or
        # is the to side's own, for good, so all folders are looked at once more, for where it has come to.
        await _bring(p)
    await working.delete(p, departed)
    await tree.remove(p)
    if stores.OWN not in p.without:
        await around.follow(p)


async def _bring(p: Pass) -> None:
    """Bring over what the from side tells now, but for deletions."""
    await doubts.settle_folders(p)
    await doubts.settle_items(p, hold=True)
    await tree.follow(p)
    await tree.settle(p)
    await around.rights(p)
    await choosing.follow(p)
    await listing.follow(p)
    await working.work_off(p)
