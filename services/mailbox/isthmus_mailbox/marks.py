"""Which folders of a mailbox need not be asked, because nothing in them changed since they were.

One FindFolder tells the marks of a whole tree, so a pass over an unchanged mailbox asks no single folder. Kept by a
worker for as long as it runs: one that starts asks every folder once that holds anything.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from isthmus_exchange.values import FolderMark
from isthmus_sync.mailbox import staging

SWEEP_SECONDS = 900.0
"""So often every folder is asked all the same: a mark is a property of the server's, not a promise of the protocol."""


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
    # Roles of the tops of the trees that both sides have; None: to be seen.
    trees: tuple[str, ...] | None = None
    # How many items the other side's folders had beyond the ledger's when these were last looked at (adopting.py), by
    # folder and whether they are associated.
    surplus: dict[tuple[int, bool], int] = field(default_factory=dict)

    def sweep(self, now: float, *, wanted: bool) -> None:
        """Forget every mark when somebody wants that, or when it is time (`now` in seconds)."""
        if wanted or self.sweep_due(now):
            # The first look at a mailbox, or at thousands of them after a restart, is not the one that everything
            # hangs on: the next sweep asks every folder.
            self._trusting = not wanted and self._swept_at < 0
            self._listed.clear()
            self.around_due = True
            self._swept_at = now

    def sweep_due(self, now: float) -> bool:
        """It is time to look at everything."""
        return now - self._swept_at >= SWEEP_SECONDS

    def look_in(self, now: float) -> float:
        """In how many seconds the mailbox is to be looked at whatever is told of it."""
        return 0.0 if self.around_due else max(0.0, self._swept_at + SWEEP_SECONDS - now)

    def unchanged(self, folder: int, mark: FolderMark | None) -> bool:
        """The folder is as it was when it was last listed."""
        return mark is not None and self._listed.get(folder) == hash(mark)

    def empty(self, mark: FolderMark | None) -> bool:
        """The folder, which was never listed, need not be: there is nothing in it."""
        return self._trusting and mark is not None and (mark.total, mark.associated) == ("0", "0")

    def listed(self, folder: int, mark: FolderMark | None, told_at: float) -> None:
        """The folder was listed to its end after a server whose clock said `told_at` had told the mark."""
        if mark is not None and staging.trusted(mark.committed, told_at):
            self._listed[folder] = hash(mark)
        else:
            self._listed.pop(folder, None)
