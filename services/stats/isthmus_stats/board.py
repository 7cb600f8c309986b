"""Everything the portal shows, in memory: the tables' content in the shapes of this service, and who waits for news."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from .pressure import Pressure, limited
from .query import Page, Query, answer
from .record import Journal, Mailbox
from .summary import DirectoryView, ProjectView, Summary, summarise
from .throughput import Throughput

if TYPE_CHECKING:
    from collections.abc import Callable

_ANYHOW = 5


class Board:
    """Written by the agents, read by the pages; both in one event loop. ``version`` rises with every change,
    ``edition`` with every summary."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.mailboxes: dict[str, Mailbox] = {}
        self.journals: dict[str, Journal] = {}
        self.projects: dict[str, ProjectView] = {}
        self.directories: dict[str, DirectoryView] = {}
        self.pressures: dict[str, Pressure] = {}
        self.throughput = Throughput()
        # Why programs are told nothing yet; empty when they are.
        self.unread = ""
        self.version = 0
        self.edition = 0
        self._news = asyncio.Event()
        self.summary = self._add_up()

    def changed(self) -> None:
        self.version += 1

    async def keep_fresh(self) -> None:
        """Adds everything up once a second when something changed, and tells those who wait, however many they are.

        Rates and forecasts change by the mere passing of time, so every few seconds it does so anyhow.
        """
        seen = -1
        while True:
            began = time.monotonic()
            if self.version != seen or self.clock() - self.summary.at >= _ANYHOW:
                seen = self.version
                self.publish()
            # Adding up takes a twentieth of the time at most, however many mailboxes there are.
            await asyncio.sleep(max(1.0, 20 * (time.monotonic() - began)))

    def publish(self) -> None:
        """Makes a new ``summary``, the next ``edition``."""
        self.summary = self._add_up()
        self.edition += 1
        self._news.set()
        self._news = asyncio.Event()

    async def news(self, seen: int) -> None:
        """Returns as soon as there is a newer edition than ``seen``."""
        while self.edition <= seen:
            await self._news.wait()

    @property
    def project(self) -> ProjectView | None:
        """The project that was applied most often, which is the one in use."""
        return max(self.projects.values(), key=lambda project: project.revision, default=None)

    def _add_up(self) -> Summary:
        project = self.project
        directory = self.directories.get(project.name) if project else None
        now = self.clock()
        held_up = limited(self.pressures.values(), now)
        return summarise(self.mailboxes.values(), project, directory, self.throughput, now, held_up)

    def page(self, query: Query) -> Page:
        return answer(query, self.mailboxes.values())
