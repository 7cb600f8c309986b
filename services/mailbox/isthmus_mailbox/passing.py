"""A pass over a mailbox: work is staged, then done.

    1. doubts     writes of an earlier pass that got no answer are looked up on the to side
    2. tree       what changed in the folder tree is written down; the to side's tree is made the same
    3. listing    what changed in each folder is written down as work, in one transaction with the sync state
    4. working    the work is done in batches; each takes its rows off the list in one transaction with the ledger's
                  of a mailbox of which the ledger has nothing most of it is done while it is listed (ahead.py)
    5. deleting   what the from side has no more is deleted, or let go, as the policy for deletions has it; unless that
                  is to be the same on both sides, 2 to 4 come once more before, as it may have come elsewhere
    6. tree       folders that the from side has no more are deleted on the to side
    7. around     what surrounds the mail: rules, delegates, rights and properties of folders

Where the server told what happened, that comes before everything, and as a rule is everything (news.py).

A process may die between any two lines. What is written down is done by the next pass; what was under way is in doubt
and looked up first. Proof (proving.py) asks both servers and believes neither list.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeVar

import structlog
from isthmus_exchange.client import Announce
from isthmus_exchange.errors import AccessError, EwsError, Kind, TransientError
from isthmus_exchange.operations import Operation
from isthmus_exchange.streaming import News
from isthmus_exchange.values import Disposal
from isthmus_project.filters import Filter
from isthmus_sync.mailbox import hierarchy, retry
from isthmus_sync.mailbox.model import FolderRow, LedgerChange, Outcome, Staged

from isthmus_mailbox.assembly import Assembly
from isthmus_mailbox.correspondents import Correspondents
from isthmus_mailbox.ledger import Ledger
from isthmus_mailbox.marks import Marks
from isthmus_mailbox.memory import Backlog, ByteGate
from isthmus_mailbox.proven import Shelf
from isthmus_mailbox.surroundings import Around

T = TypeVar("T")


class Paged(Protocol):
    """A part of an answer; `next`: the offset of the next part, unless it is the `last`."""

    @property
    def last(self) -> bool: ...

    @property
    def next(self) -> int: ...


Part = TypeVar("Part", bound=Paged)

_MAIN = "msgfolderroot"

BATCHES_AT_ONCE = 4
"""Of one mailbox's content."""

NOT_DONE = (EwsError, TransientError, AccessError)
"""After these a write did not happen, so its intent is taken back. After any other it may have."""


class Side(Protocol):
    """A mailbox at its server; isthmus_exchange.mailbox.Mailbox is one."""

    address: str

    def now(self) -> float: ...

    async def call(self, operation: Operation[T], announce: Announce | None = None) -> T: ...


async def pages(side: Side, ask: Callable[[int], Operation[Part]]) -> AsyncIterator[Part]:
    """All of what a server tells page by page; `ask` from which offset on."""
    offset, last = 0, False
    while not last:
        page = await side.call(ask(offset))
        yield page
        offset, last = page.next, page.last


class MailboxBlocked(Exception):  # noqa: N818 - a state, with words for people
    """Nothing can go on in this mailbox until somebody acts; the text says what to do. `folder`: the number of the one
    in which it showed, as a mailbox and its archive are two stores (stores.py).
    """

    def __init__(self, words: str, folder: int | None = None) -> None:
        super().__init__(words)
        self.folder = folder


async def _at_once() -> None:
    """No reason to pause."""


@dataclass
class Pass:
    """What a pass works with, and what it has done so far."""

    ledger: Ledger
    from_side: Side
    to_side: Side
    # The from side is the active one: what is missing on the other may be put back there.
    heal: bool = True
    # Somebody asked for this pass: what is set aside is tried again, whatever its time.
    eager: bool = False
    # What the from side's server told since the last pass, which came to its end; None: who knows what happened.
    news: News | None = None
    # Awaited between requests; returns when the work may go on, raises when it is to end.
    breathe: Callable[[], Awaitable[None]] = _at_once
    # The same within what would begin anew: it does not end for somebody more urgent.
    allowed: Callable[[], Awaitable[None]] = _at_once
    memory: ByteGate = field(default_factory=ByteGate)
    backlog: Backlog = field(default_factory=Backlog)
    marks: Marks = field(default_factory=Marks)
    # The servers take items as streams, as far as anybody knows.
    streams: bool = True
    assembly: Assembly = field(default_factory=Assembly)
    # What becomes of copies whose originals are gone.
    deletions: Literal["mirror", "recoverable", "keep"] = "mirror"
    # What of the mailbox is copied; none: everything is.
    filters: Sequence[Filter] = ()
    # With what the surroundings are looked after; None: they are not.
    around: Around | None = None
    # Where a proof keeps how far it is; None: one that is cut off begins anew.
    proven: Shelf | None = None
    # Told who stands in the items; None: nobody is.
    correspondents: Correspondents | None = None
    # The trees that are to be followed where both sides have them, by the roles of their tops (trees.py).
    wanted_trees: tuple[str, ...] = (_MAIN,)
    # The stores that this pass goes on without, and why (stores.py).
    without: dict[str, str] = field(default_factory=dict)
    # Those that are followed in this pass.
    trees: tuple[str, ...] = (_MAIN,)
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    log: structlog.stdlib.BoundLogger = field(default_factory=lambda: structlog.stdlib.get_logger("isthmus.mailbox"))
    counts: Counter[Outcome] = field(default_factory=Counter)
    bytes_copied: int = 0
    # Why nothing more can be done, by the sequence of the work that showed it.
    blocked: dict[int, MailboxBlocked] = field(default_factory=dict)
    # A folder's server did not tell what is in it.
    untold: bool = False
    # The folder of which it told nothing at all.
    silent: set[int] = field(default_factory=set)
    # Folders that are left out of this pass, as the to side does not tell what is in them and that must be known first.
    held: set[int] = field(default_factory=set)
    # A write of this pass got no answer.
    doubt: bool = False
    # From ids of what never gets an answer: it is not tried again by this pass.
    given_up: set[str] = field(default_factory=set)
    # What could not be done in the folder tree, for people.
    problems: list[str] = field(default_factory=list)
    # The to side's folder of each number, as far as there is one.
    to_folders: dict[int, str] = field(default_factory=dict)

    @property
    def due(self) -> float:
        """Work of up to this time is to be done (seconds since 1970)."""
        return float("inf") if self.eager else self.clock()

    async def folders(self) -> list[FolderRow]:
        """The ledger's folders in these trees."""
        rows = await self.ledger.folders()
        return hierarchy.below(rows, {row.number for row in rows if row.parent is None and row.role in self.trees})

    @property
    def disposal(self) -> Disposal:
        """How what is gone on the from side is deleted."""
        return Disposal.HARD_DELETE if self.deletions == "mirror" else Disposal.SOFT_DELETE

    @property
    def closed(self) -> bool:
        """New folders are for nobody but their owner until their rights have been brought over."""
        return self.around is not None and self.around.wanted.permissions

    async def write(self, change: LedgerChange) -> None:
        """Write to the ledger, then count. Raises MailboxBlocked when the change has work that `failed` of that."""
        await self.ledger.write(change)
        self.counts.update(change.outcomes)
        self.bytes_copied += change.bytes_copied
        if found := [self.blocked.pop(sequence) for sequence in change.intents if sequence in self.blocked]:
            raise found[0]

    def failed(self, change: LedgerChange, row: Staged, error: EwsError) -> None:
        """Put into `change` that the work of `row` failed. When all other work would, too, writing it raises
        MailboxBlocked: what was done beside it is known then.
        """
        if error.kind is Kind.MAILBOX:
            change.intents[row.sequence] = None
            self.blocked[row.sequence] = MailboxBlocked(str(error), row.folder)
            return
        change_row, told = retry.after_failure(
            row, str(error), quiet=error.kind is not Kind.PERMANENT, now=self.clock()
        )
        change.stage.append(change_row)
        if told:
            change.set_aside.append(change_row)


async def in_parallel(work: AsyncIterator[T], at_once: int, do: Callable[[T], Awaitable[None]]) -> None:
    """Do all the work, at most so much at a time; the first failure ends it and is raised."""
    room = asyncio.Semaphore(at_once)

    async def one(piece: T) -> None:
        try:
            await do(piece)
        finally:
            room.release()

    with first_failure():
        async with asyncio.TaskGroup() as tasks:
            await room.acquire()
            async for piece in work:
                tasks.create_task(one(piece))
                await room.acquire()


@contextmanager
def first_failure() -> Iterator[None]:
    """Of the failures of a group the first is raised by itself."""
    try:
        yield
    except* Exception as group:
        failure: BaseException = group
    else:
        return
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    raise failure
