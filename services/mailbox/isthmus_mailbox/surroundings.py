"""With what a pass looks after what surrounds the mail (around.py)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from isthmus_exchange.values import Member
from isthmus_project import Surroundings
from isthmus_sync.mailbox.folder_settings import Counterparts, KeptAside


class PeopleAwayError(Exception):
    """Nobody can say at the moment who is who on the other side."""


class People(Protocol):
    """Who is who on the to side."""

    async def counterparts(self, members: Sequence[Member]) -> Counterparts:
        """For each member's key its counterpart, or why there is none. Raises PeopleAwayError."""


class Kept(Protocol):
    """What was last agreed of a mailbox's surroundings, by kind and place ("folder", its number)."""

    async def agreed(self, kind: str) -> dict[str, str]:
        """By place."""

    async def keep(self, kind: str, place: str, path: str, agreed: str | None, aside: Sequence[KeptAside]) -> None:
        """Write down what was set, and what could not be. `path`: the place for people; `agreed` None: what was set
        before still is.
        """

    async def forget(self, kind: str, places: Sequence[str]) -> None: ...


def trees(wanted: Surroundings, deletions: str = "mirror") -> tuple[str, ...]:
    """The roles of the tops of the trees that a project wants (trees.py).

    Where deleted items are kept (`deletions` of the collection) they are not brought a second time as recoverable ones.
    """
    recoverable = wanted.recoverable_items and deletions != "keep"
    found = ["msgfolderroot"]
    if recoverable:
        found.append("recoverableitemsdeletions")
    if wanted.archive:
        found.append("archivemsgfolderroot")
    if wanted.archive and recoverable:
        found.append("archiverecoverableitemsdeletions")
    return tuple(found)


@dataclass(frozen=True)
class Around:
    """With what a pass looks after the surroundings."""

    wanted: Surroundings
    people: People
    kept: Kept
