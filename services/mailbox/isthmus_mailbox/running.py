"""A pass over a mailbox, from its first line to its last."""

from __future__ import annotations

from isthmus_mailbox import around, choosing, doubts, listing, news, stores, tree, working
from isthmus_mailbox.passing import Pass


async def run_pass(p: Pass) -> None:
    """Bring the to side up to date. May be ended anywhere by anything; the next pass goes on from there."""
    await stores.each(p, _run)


async def _run(p: Pass) -> None:
    if p.news is not None and await news.bring(p, p.news):
        return
    await tree.see(p)
    await doubts.settle_folders(p)
    await doubts.settle_items(p)
    await tree.follow(p)
    await tree.settle(p)
    await choosing.follow(p)
    await listing.follow(p)
    await working.work_off(p)
    await tree.remove(p)
    if stores.OWN not in p.without:
        await around.follow(p)
