"""Which folders of a mailbox need not be asked, because nothing in them changed since they were.

One FindFolder tells the marks of a whole tree, so a pass over an unchanged mailbox asks no single folder. A worker has
them in memory, and writes them down at the end of a pass for the one that owns the mailbox after it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import astuple, dataclass, field
from typing import Self

from isthmus_exchange.values import FolderMark
from isthmus_sync.mailbox import retry, staging

SWEEP_SECONDS = 900.0
"""So often every folder is asked all the same: a mark is a property of the server's, not a promise of the protocol."""


@dataclass(frozen=True)
class Resting:
    """An archive that passes go on without (stores.py), and until when, in seconds since 1970."""

    why: str
    failures: int
    until: float

    @classmethod
    def after(cls, before: Resting | None, why: str, now: float) -> Self:
        """After one more failure."""
        failures = before.failures + 1 if before else 1
        return cls(why, failures, now + min(retry.pause(failures), SWEEP_SECONDS))


@dataclass
class Marks:
    """The marks that a mailbox's folders had before they were last listed to their end, by the folders' numbers."""

    # Hashes only: a worker keeps those of thousands of mailboxes.
    _listed: dict[int, int] = field(default_factory=dict)
    _swept_at: float = float("-inf")
    # Since the last sweep it is enough that a mark calls a folder empty.
    _trusting: bool = False
    # What surrounds the mail is to be looked at.
    around_due: bool = True
    # A folder that the to side had of its own may stand for one of the from side's whose rights were not brought yet.
    adopted: bool = True
    # Roles of the tops of the trees that both sides have; None: to be seen.
    trees: tuple[str, ...] | None = None
    # How many items the other side's folders had beyond the ledger's when these were last looked at (adopting.py), by
    # folder and whether they are associated.
    surplus: dict[tuple[int, bool], int] = field(default_factory=dict)
    # The archive is not tried for a while.
    resting: Resting | None = None
    # What the project wanted when the mailbox was last looked at (`want`), a hash.
    _wanted: int = 0
    # Passes in a row in which a folder was not listed, and when that is to be tried again.
    _refusals: int = 0
    _again_at: float = float("inf")

    @classmethod
    def read(cls, written: str) -> Self:
        """As they were written down; of a mailbox of which nothing was, a mailbox's first."""
        if not written:
            return cls()
        known = json.loads(written)
        return cls(
            {int(folder): mark for folder, mark in known["listed"].items()},
            known["swept_at"],
            known["trusting"],
            known["around_due"],
            trees=None if known["trees"] is None else tuple(known["trees"]),
            adopted=known.get("adopted", False),
            resting=Resting(*known["resting"]) if known.get("resting") else None,
            _wanted=known.get("wanted", 0),
        )

    def write(self) -> str:
        """For `read`. The other side's surplus is left out: it is looked at anew."""
        known = {
            "listed": self._listed,
            "swept_at": self._swept_at,
            "trusting": self._trusting,
            "around_due": self.around_due,
            "adopted": self.adopted,
            "trees": self.trees,
            "resting": astuple(self.resting) if self.resting else None,
            "wanted": self._wanted,
        }
        return json.dumps(known, separators=(",", ":"))

    def want(self, *wanted: str) -> None:
        """What the project wants of the mailbox beside its mail. What is new of that waits for no sweep."""
        if (now := _hash(wanted)) != self._wanted:
            self._wanted = now
            self.trees = None
            self.around_due = True

    def sweep(self, now: float, *, wanted: bool) -> None:
        """Forget every mark when somebody wants that, or when it is time (`now` in seconds)."""
        if wanted or self.sweep_due(now):
            # The first look at a mailbox is not the one that everything hangs on: the next sweep asks every folder.
            self._trusting = not wanted and self._swept_at < 0
            self._listed.clear()
            self.around_due = True
            self._swept_at = now

    def sweep_due(self, now: float) -> bool:
        """It is time to look at everything."""
        return now - self._swept_at >= SWEEP_SECONDS

    def look_in(self, now: float) -> float:
        """In how many seconds the mailbox is to be looked at whatever is told of it."""
        due = min(self._swept_at + SWEEP_SECONDS, self._again_at)
        if self.resting:
            due = min(due, self.resting.until)
        return 0.0 if self.around_due else max(0.0, due - now)

    def asked(self, now: float, *, refused: bool) -> None:
        """Every folder was asked that had to be; the listing of one was `refused`, which may pass soon, or never."""
        self._refusals = self._refusals + 1 if refused else 0
        self._again_at = now + retry.rest(self._refusals) if refused else float("inf")

    def unchanged(self, folder: int, mark: FolderMark | None) -> bool:
        """The folder is as it was when it was last listed."""
        return mark is not None and self._listed.get(folder) == _hash(mark)

    def empty(self, mark: FolderMark | None) -> bool:
        """The folder, which was never listed, need not be: there is nothing in it."""
        return self._trusting and mark is not None and (mark.total, mark.associated) == ("0", "0")

    def listed(self, folder: int, mark: FolderMark | None, told_at: float) -> None:
        """The folder was listed to its end after a server whose clock said `told_at` had told the mark."""
        if mark is not None and staging.trusted(mark.committed, told_at):
            self._listed[folder] = _hash(mark)
        else:
            self._listed.pop(folder, None)


def _hash(texts: Iterable[str]) -> int:
    """The same in every process."""
    return int.from_bytes(hashlib.blake2b("\0".join(texts).encode(), digest_size=8).digest())
