"""How the directories of a project stand, told whenever that changes."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

from isthmus_service import DATABASE_ERRORS

from isthmus_dirsync import metrics, records, telling

if TYPE_CHECKING:
    from isthmus_service import Pool

_SECONDS, _SELDOM_SECONDS = 1.0, 10.0


class Standing:
    """`state` as isthmus.events.v1.DirectoryStatus has it: initial, in step, failing."""

    def __init__(self, project: str, pool: Pool) -> None:
        self._project = project
        self._pool = pool
        self._problem = ""
        self.state = "initial"

    def is_in_step(self) -> None:
        self.state, self._problem = "in step", ""
        metrics.failing.labels(self._project).set(0)

    def fails(self, problem: str) -> None:
        self.state, self._problem = "failing", problem
        metrics.failing.labels(self._project).set(1)

    def begins_anew(self) -> None:
        """Everything is compared: what is in step stays so meanwhile."""
        if self.state != "in step":
            self.state = "initial"

    async def tell(self) -> None:
        """Tell it until cancelled, with the figures of the database."""
        told: object = None
        while True:
            began = time.monotonic()
            with contextlib.suppress(*DATABASE_ERRORS):
                # The state first: figures that are counted later are at least as new as what it says.
                state, problem = self.state, self._problem
                async with self._pool.acquire() as connection, connection.transaction():
                    figures = await records.counts(connection, self._project)
                    now = (state, problem, figures)
                    if now != told:
                        await telling.tell_status(connection, self._project, state, figures, problem)
                told = now
            # Counting takes a twentieth of the time, or is done so seldom.
            await asyncio.sleep(max(_SECONDS, min(20 * (time.monotonic() - began), _SELDOM_SECONDS)))
