"""A mailbox and its archive are two stores, in two databases perhaps: where one is away or full, the other goes on.

An archive that cannot be followed is left out of a pass; what is deleted waits meanwhile, as it may have been moved
into the archive. It is told of, no proof is complete without it, and later passes try again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Literal

from isthmus_exchange.errors import EwsError, Kind
from isthmus_exchange.operations import FindFolderMarks
from isthmus_sync.mailbox import hierarchy
from isthmus_sync.mailbox.folder_settings import KeptAside

from isthmus_mailbox.marks import Resting
from isthmus_mailbox.passing import MailboxBlocked, Pass

OWN: Final = "mailbox"
ARCHIVE: Final = "archive"
TOP: Final = "archivemsgfolderroot"


def of(top: str) -> Literal["mailbox", "archive"]:
    """In which store the tree with this role at its top is."""
    return ARCHIVE if top.startswith("archive") else OWN


def present(p: Pass, tops: Sequence[str]) -> tuple[str, ...]:
    """Those of the trees with which the pass goes on: that are still wanted, and can be followed."""
    return tuple(top for top in tops if top in p.wanted_trees and of(top) not in p.without)


async def each(p: Pass, run: Callable[[Pass], Awaitable[None]]) -> None:
    """`run` for the whole mailbox; where that fails of one of the stores, for the other one. What failed of the mailbox
    itself is raised when its archive has been followed.
    """
    p.without = {}
    before = p.marks.resting
    if before and not p.eager and p.clock() < before.until:
        p.without[ARCHIVE] = before.why
    failure: Exception | None = None
    while True:
        try:
            await run(p)
            break
        except (EwsError, MailboxBlocked) as error:
            found = None if p.without else await _culprit(p, error)
            if found is None:
                p.marks.resting = before
                raise failure or error from None
            store, why = found
            p.log.warning("one store of the mailbox cannot be followed; the other one is", store=store, reason=why)
            p.without[store] = why
            p.problems.clear()
            p.news = None
            if store == ARCHIVE:
                p.marks.resting = Resting.after(before, why, p.clock())
            else:
                failure = error
    await _tell(p, before)
    if failure:
        raise failure


async def _culprit(p: Pass, error: EwsError | MailboxBlocked) -> tuple[str, str] | None:
    """The store that a pass failed of, and why, for people."""
    tops = p.wanted_trees if p.marks.trees is None else p.marks.trees
    if TOP not in tops:
        return None
    if isinstance(error, EwsError):
        # What it is about it does not tell; the archive is asked for something that it can always tell.
        known = p.marks.trees is not None
        for side in (p.from_side, p.to_side):
            try:
                await side.call(FindFolderMarks(top=TOP))
            except EwsError as refusal:
                if refusal.kind is Kind.TRANSIENT or (known and refusal.kind is not Kind.GONE):
                    return ARCHIVE, f"the archive of {side.address}: {refusal}"
        return None
    if error.folder is None:
        return None
    store = of(hierarchy.top(await p.ledger.folders(), error.folder))
    return store, f"the archive: {error}" if store == ARCHIVE else str(error)


async def _tell(p: Pass, before: Resting | None) -> None:
    why = p.without.get(ARCHIVE)
    if why is None:
        if OWN not in p.without:
            p.marks.resting = None
    else:
        p.problems.insert(0, f"Left out for now: {why}")
    if p.around is not None and (why or before):
        aside = [KeptAside("", "archive", why)] if why else []
        await p.around.kept.agreed("archive")
        await p.around.kept.keep("archive", "away", "Archive", None, aside)
