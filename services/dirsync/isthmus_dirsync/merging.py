"""Contacts merged into the object that takes their place: whoever names them names it instead, then they go.

Everything is found out from the contact itself, so a merge that was cut short goes on where it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from isthmus_directory import WriteRefused, delete, modify
from isthmus_sync.directory import Decision, DirectoryObject, Link, Modification, Side, handed_over, unaddressed
from isthmus_sync.directory.attributes import BACK_LINKS

from isthmus_dirsync import journal, metrics, telling

if TYPE_CHECKING:
    from isthmus_directory import Forest
    from isthmus_project import Project
    from isthmus_service import Pool

    from isthmus_dirsync.telling import News

_BACK = frozenset(name.lower() for name in BACK_LINKS)


class Merger:
    """Merges contacts in the forest of the target; `ordered_by` is said in the journal."""

    def __init__(self, project: Project, forest: Forest, ordered_by: str, pool: Pool) -> None:
        self._project = project
        self._forest = forest
        self._ordered_by = ordered_by
        self._pool = pool

    async def merge(self, decision: Decision, news: News) -> list[str]:
        """Merge the contacts of a decision whose target object is there. Returns what could not be done; the contact
        stays then, and is tried again. Raises DirectoryUnavailable."""
        assert decision.target is not None
        heir = Link(decision.target.guid, decision.target.dn)
        problems: list[str] = []
        for contact in decision.merges:
            refused: list[str] = []
            for holder, change in handed_over(contact, heir):
                refused += await self._change(decision, holder, (change,), news)
            if not refused:
                refused += await self._leave(decision, contact, news)
            problems += [f"{contact.dn} is not merged yet: {problem}" for problem in refused]
        return problems

    async def _leave(self, decision: Decision, contact: DirectoryObject, news: News) -> list[str]:
        """Delete the contact, or take its addresses away, as the project wants it."""
        own = Link(contact.guid, contact.dn)
        if self._project.directory.contacts == "keep":
            return await self._change(decision, own, unaddressed(contact), news)
        held = replace(contact, links=_without_back_links(contact.links))
        changes = journal.everything_of(held, f"{decision.source.dn} takes its place")
        entry = await self._begin(decision, own, journal.DELETE, changes)
        try:
            await delete(self._forest, contact.guid, contact.dn)
        except WriteRefused as error:
            await self._end(entry, journal.REFUSED)
            return [str(error)]
        await self._end(entry, journal.WRITTEN)
        news.wrote(decision.pair.id, Side.TARGET, telling.DELETED, contact.dn, ())
        metrics.writes.labels(self._forest.name, "delete").inc()
        return []

    async def _change(self, decision: Decision, obj: Link, changes: tuple[Modification, ...], news: News) -> list[str]:
        reason = f"{decision.source.dn} takes the place of a contact"
        entry = await self._begin(
            decision, obj, journal.CHANGE, tuple(journal.Change(change, reason) for change in changes)
        )
        try:
            await modify(self._forest, obj.guid, obj.dn, changes)
        except WriteRefused as error:
            await self._end(entry, journal.REFUSED)
            return [str(error)]
        await self._end(entry, journal.WRITTEN)
        news.wrote(decision.pair.id, Side.TARGET, telling.UPDATED, obj.dn, [change.attribute for change in changes])
        metrics.writes.labels(self._forest.name, "change").inc()
        return []

    async def _begin(
        self, decision: Decision, obj: Link, action: int, changes: tuple[journal.Change, ...]
    ) -> journal.Entry:
        entry = journal.Entry(
            decision.pair.id,
            Side.TARGET,
            obj.guid,
            obj.dn,
            action,  # type: ignore[arg-type]
            changes,
            self._ordered_by,
        )
        async with self._pool.acquire() as connection, connection.transaction():
            [entry] = await journal.begin(connection, self._project.project, [entry])
        return entry

    async def _end(self, entry: journal.Entry, outcome: str) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            await journal.end(connection, [replace(entry, outcome=outcome)])


def _without_back_links(links: Mapping[str, tuple[Link, ...]]) -> Mapping[str, tuple[Link, ...]]:
    """The links that belong to the object itself: the others are written down with whoever holds them."""
    return {name: held for name, held in links.items() if name not in _BACK}
