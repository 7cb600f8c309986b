"""Who is gone without a word: found out by looking, now and then.

Active Directory tells of deletions only whoever may see the container of deleted objects, and not for ever.
"""

from __future__ import annotations

import time
from dataclasses import replace

import structlog
from isthmus_directory import Changes, Forest, all_guids, sees_deletions
from isthmus_service import Pool
from isthmus_sync.directory import Side

from isthmus_dirsync import records
from isthmus_dirsync.pacing import pause

_SECONDS = {True: 600.0, False: 10.0}
"""How often it is looked: by whether the forest tells of deletions."""


class Sweep:
    """Looks through one forest of a project."""

    def __init__(self, project: str, side: Side, forest: Forest, pool: Pool) -> None:
        self._project = project
        self._side = side
        self._forest = forest
        self._pool = pool
        self._is_told = False
        self._due, self._swept_usn = 0.0, -1

    @property
    def seconds(self) -> float:
        """So often it is looked at most."""
        return _SECONDS[self._is_told]

    async def begin(self) -> None:
        """See whether the forest tells of deletions."""
        self._is_told = await sees_deletions(self._forest)
        if not self._is_told:
            structlog.get_logger("dirsync").warning(
                "no deleted object is shown: there is none, or the right is missing; who is gone is found out "
                "by looking, some seconds later. Grant 'List Contents' and 'Read Property' on the container",
                project=self._project,
                container=f"CN=Deleted Objects,{self._forest.base}",
            )

    async def with_gone(self, came: Changes) -> Changes:
        """What changed, with who is gone among the deleted, when it is time to look and something changed since."""
        self._is_told |= bool(came.deleted)
        began = time.monotonic()
        if began < self._due or came.bookmark.usn == self._swept_usn:
            return came
        async with self._pool.acquire() as connection:
            known = await records.known_guids(connection, self._project, self._side)
        gone = known - await all_guids(self._forest) if known else set()
        now = time.monotonic()
        self._due, self._swept_usn = now + pause(self.seconds, now - began), came.bookmark.usn
        return replace(came, deleted=[*came.deleted, *gone])
