"""Two mailboxes of the model with a ledger between them, and what can happen in them and to them."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from enum import Enum
from functools import partial
from typing import Any, Literal, get_args

import structlog
from isthmus_exchange.errors import EwsError, InDoubtError, TransientError
from isthmus_exchange.streaming import News
from isthmus_mailbox.marks import Marks
from isthmus_mailbox.memory import Backlog
from isthmus_mailbox.passing import Pass
from isthmus_mailbox.proven import Proven
from isthmus_mailbox.proving import Proof, prove
from isthmus_mailbox.running import run_pass
from isthmus_project.filters import Filter

from tests.unit.mailbox_model import ModelMailbox
from tests.unit.mailbox_world import Crash, World
from tests.unit.memory_ledger import MemoryLedger

_SOURCE_ROLES = {"inbox": "Posteingang", "deleteditems": "Gelöschte Elemente", "notes": "Notizen"}
_TARGET_ROLES = {"inbox": "Inbox", "deleteditems": "Deleted Items", "notes": "Notes"}
_NAMES = ("Travel", "travel", "Inbox", "Notes", "Project", "Archive")

Policy = Literal["mirror", "recoverable", "keep"]
POLICIES: tuple[Policy, ...] = get_args(Policy)

_SILENT = structlog.wrap_logger(structlog.ReturnLogger(), processors=[])


class People:
    """Those who work in a mailbox; what they do is drawn by number, so that every number is a deed."""

    def __init__(self, mailbox: ModelMailbox) -> None:
        self._mailbox = mailbox
        self._count = 0

    def do(self, deed: int, luck: int) -> None:
        box, pick = self._mailbox, random.Random(luck)
        folders = [folder for folder in box.folders if folder != box.root]
        own = [folder for folder in folders if not box.folders[folder].role]
        items = list(box.items)
        self._count += 1
        deeds: list[Callable[[], Any]] = [
            lambda: box.deliver(pick.choice(folders), f"text {self._count}", associated=pick.random() < 0.2),
            lambda: box.deliver(pick.choice(folders), f"text {self._count}"),
            lambda: box.edit(pick.choice(items), f"edited {self._count}"),
            lambda: box.flag(pick.choice(items)),
            lambda: box.move(pick.choice(items), pick.choice(folders)),
            lambda: box.copy(pick.choice(items), pick.choice(folders)),
            lambda: box.delete(pick.choice(items)),
            lambda: box.make_folder(pick.choice([box.root, *folders]), pick.choice(_NAMES)),
            lambda: box.rename_folder(pick.choice(own), pick.choice(_NAMES)),
            lambda: box.move_folder(pick.choice(own), pick.choice([box.root, *folders])),
            lambda: box.delete_folder(pick.choice(own)),
            box.lose_states,
        ]
        with contextlib.suppress(EwsError, IndexError):  # there is nothing to do it with
            deeds[deed]()


class MemoryShelf:
    """What proofs have found so far. No end of a proof clears it: marks must tell what still holds."""

    def __init__(self) -> None:
        self.proven: dict[bytes, Proven] = {}

    async def read(self) -> list[Proven]:
        return list(self.proven.values())

    async def add(self, proven: Sequence[Proven]) -> None:
        self.proven |= {each.fingerprint: each for each in proven}


class Case:
    """Two mailboxes, a ledger between them, and time."""

    def __init__(self) -> None:
        self.world = World()
        self.source = ModelMailbox(self.world, "source", _SOURCE_ROLES)
        self.target = ModelMailbox(self.world, "target", _TARGET_ROLES)
        self.ledger = MemoryLedger(self.world)
        self.marks = Marks()
        # That of other mailboxes, too; without, as if they had enough to copy for all.
        self.backlog: Backlog | None = None
        self.shelf = MemoryShelf()
        # What becomes of copies whose originals are gone.
        self.policy: Policy = "mirror"
        # The last pass came to its end, so that notices tell what happened since.
        self.in_step = False
        self.people = People(self.source)
        # What passes leave out, one after the other; afterwards what the last one did.
        self.filters: Iterator[list[Filter]] = iter(())
        self.last_filters: list[Filter] = []

    def heard(self, lost: frozenset[str] = frozenset()) -> News | None:
        """What notices told since the last pass began, but for these folders."""
        news, self.source.news = self.source.news, News()
        return replace(news, folders=news.folders - lost) if self.in_step else None

    def new_pass(self, *, eager: bool = False, news: News | None = None) -> Pass:
        self.last_filters = next(self.filters, self.last_filters)
        return Pass(
            news=news,
            deletions=self.policy,
            filters=self.last_filters,
            ledger=self.ledger,
            from_side=self.source,
            to_side=self.target,
            eager=eager,
            clock=lambda: self.world.time,
            log=_SILENT,
            sleep=self.world.sleep,
            marks=self.marks,
            backlog=self.backlog or Backlog(most=0),
            proven=self.shelf,
        )

    async def play(self, steps: list[tuple[str, Any]]) -> None:
        written = ""
        for kind, what in steps:
            if kind == "people":
                for deed in what:
                    self.people.do(*deed)
                    self.world.time += 0.7
            else:
                fates, deeds, notices = what
                inbox = frozenset({folder_of(self.source, "inbox")})
                news = self.heard(inbox if notices == "some are lost" else frozenset())
                self.world.fates = iter(fates)
                self.world.meanwhile = [
                    (3 * number + 2, partial(self.people.do, *deed)) for number, deed in enumerate(deeds)
                ]
                try:
                    self.in_step = False
                    this = self.new_pass(news=None if notices == "none" else news)
                    await run_pass(this)
                    if kind == "proof":
                        this.heal = False  # it only looks
                        await prove(this)
                    self.in_step = True
                    written = self.marks.write()
                except Crash:
                    self.marks = Marks.read(written)
                except (InDoubtError, TransientError):
                    pass
                except EwsError as error:  # lost while a folder was listed from its beginning; made again later
                    assert error.code == "ErrorInvalidSyncStateData"
                self.world.fates = iter(())
                self.world.meanwhile = []

    async def come_to_rest(self) -> Proof:
        """Nobody works and nothing fails any more: the second pass finds what the first could not yet do."""
        for _ in range(3):
            await run_pass(self.new_pass(eager=True))
        self.world.land(now=True)
        proof = await prove(self.new_pass())
        anew = self.new_pass()
        anew.proven = None
        same = await prove(anew)
        assert (proof.equal, proof.folders, proof.digest, proof.to_digest) == (
            same.equal,
            same.folders,
            same.digest,
            same.to_digest,
        )
        await run_pass(self.new_pass())  # sets the read flags that the proof found
        return proof


class Streams(Enum):
    """What the servers make of streams."""

    TAKEN = "taken"
    UNKNOWN = "unknown"
    NOT_EXPORTED = "some are not exported"
    NOT_UPLOADED = "some are not uploaded"

    def arrange(self, case: Case) -> None:
        stubborn = case.target if self is Streams.NOT_UPLOADED else case.source
        case.source.streams = self is not Streams.UNKNOWN
        if self in (Streams.NOT_EXPORTED, Streams.NOT_UPLOADED):
            stubborn.stubborn = lambda content: content.key[-1] % 3 == 0


def copied() -> Case:
    """A case whose source has two items in its inbox and one in a folder, already copied."""
    case = Case()
    inbox = folder_of(case.source, "inbox")
    for text in ("one", "two"):
        case.source.deliver(inbox, text)
    travel = case.source.make_folder(inbox, "Travel")
    case.source.deliver(travel, "three")
    case.world.time += 60
    asyncio.run(run_pass(case.new_pass()))
    assert_same(case)
    return case


def folder_of(mailbox: ModelMailbox, role: str) -> str:
    return next(folder.id for folder in mailbox.folders.values() if folder.role == role)


def assert_same(case: Case) -> None:
    source, target = case.source.contents(), case.target.contents()
    # A person's folder cannot have the name of a distinguished one of the other side's language: it gets a number.
    unnumbered = {tuple(name.rpartition(" (")[0] or name for name in path): held for path, held in target.items()}
    assert len(unnumbered) == len(target)
    assert {_folded(path): held for path, held in source.items()} == {
        _folded(path): held for path, held in unnumbered.items()
    }


def assert_as_promised(case: Case) -> None:
    """The target is what the policy for deletions says: the same, or with what was deleted where that policy has it."""
    if case.policy == "keep":
        assert_all_there(case)
    else:
        assert_same(case)
    held = case.target.contents().values()
    if case.policy != "mirror":
        there = {content[0] for contents in held for content in contents}
        there |= {content.key for content in case.target.recoverable}
        assert case.target.held == there, "something is gone for good"
    # Of what moved and was deleted before anybody saw either nobody can tell whether it was there twice.
    left = {content[0] for contents in case.source.contents().values() for content in contents}
    keys = Counter(content[0] for contents in held for content in contents.elements() if content[0] in left)
    assert keys <= case.source.made, "something is there more often than it ever was on the source"
    for contents in held:
        keys = Counter(content[0] for content in contents.elements())
        assert keys <= case.source.made, "something is in a folder more often than it ever was on the source"


def assert_all_there(case: Case) -> None:
    """Everything of the source is in its place on the target, whatever else is there."""
    target = Counter[tuple[tuple[str, ...], Any]]()
    for path, held in case.target.contents().items():
        place = _folded(tuple(name.rpartition(" (")[0] or name for name in path))
        target.update({(place, content): count for content, count in held.items()})
    for path, held in case.source.contents().items():
        wanted = Counter({(_folded(path), content): count for content, count in held.items()})
        assert wanted <= target, wanted - target


def _folded(path: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name.casefold() for name in path)
