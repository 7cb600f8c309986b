"""The project in force and the clients of its two organisations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from isthmus.events.v1.project_pb2 import ProjectApplied
from isthmus_events import Table
from isthmus_exchange.bandwidth import Bandwidth
from isthmus_exchange.client import Client, read_secrets
from isthmus_exchange.governor import Governed
from isthmus_exchange.limiting import Limit
from isthmus_project import Collection, Filter, LineLimits, Organisation, Project, Surroundings, closing
from isthmus_service import Security
from isthmus_sync.mailbox import choice
from pydantic import ValidationError

from isthmus_mailbox.hours import Hours


@dataclass(frozen=True)
class Way:
    """Between which servers a collection's mailboxes are copied, and the rules for it."""

    project: Project
    collection: Collection
    source: Client
    target: Client


class Organisations:
    """Finds the way of a collection in the newest projects. Clients are kept for as long as the service runs; a changed
    password or CA makes another one.
    """

    def __init__(
        self, projects: Table[ProjectApplied], secrets_dir: Path, answer_seconds: float, security: Security
    ) -> None:
        self._projects = projects
        self._secrets = secrets_dir
        self._answer_seconds = answer_seconds
        self._security = security
        self._read: dict[bytes, Project | None] = {}
        # With what each was made; and those of before, with which something may still be under way.
        self._clients: dict[str, tuple[object, Client]] = {}
        self._former: list[Client] = []
        self.line = Bandwidth()
        """What all clients together exchange with all servers."""

    def priorities(self) -> dict[str, int]:
        """Of every collection of the projects in force."""
        projects = (self._project(applied.document) for applied in self._projects.values())
        return {
            collection.name: collection.priority
            for project in projects
            if project
            for collection in project.collections
        }

    def way(self, collection: str) -> Way:
        """The way of a collection. Raises LookupError when no project has it, or a secret is missing."""
        found = self._find(collection)
        if found is None:
            raise LookupError(f"no project has a collection {collection!r}; apply one that does")
        project, its_collection = found
        return Way(project, its_collection, self._client(project.source), self._client(project.target))

    def closed(self, collection: str, now: datetime, *, ordered: bool) -> str:
        """Why mailboxes of this collection are not worked on at `now`, in words; empty when they are."""
        found = self._find(collection)
        return closing.closed(*found, now, ordered=ordered) if found else ""

    def hours(self, collection: str, now: datetime, *, ordered: bool) -> Hours:
        """Why they are not worked on at `now`, and until when."""
        why = self.closed(collection, now, ordered=ordered)
        found = self._find(collection)
        return Hours(why, closing.opens(*found, now, ordered=ordered) if why and found else None)

    def filters(self, collection: str) -> Sequence[Filter]:
        """Of the collection; none when no project has it."""
        found = self._find(collection)
        return found[1].filters if found else ()

    def surroundings(self, collection: str) -> tuple[Surroundings, str] | None:
        """What a collection's mailboxes bring beside their mail, and its policy for deletions; None when no project has
        it.
        """
        found = self._find(collection)
        return (found[0].mailbox.surroundings, found[1].deletions) if found else None

    def all_surroundings(self) -> dict[str, Surroundings]:
        """What the mailboxes of every collection bring beside their mail."""
        return {
            collection.name: project.mailbox.surroundings
            for project in self._known()
            for collection in project.collections
        }

    def same_rules(self, way: Way) -> bool:
        """Whether what is copied, and what becomes of deletions, is still as it was when the way was found."""
        found = self._find(way.collection.name)
        return found is not None and _rules(*found) == _rules(way.project, way.collection)

    def concurrency(self) -> dict[str, int]:
        """How many first passes at the same time, of the collections that limit it."""
        found = {name: self._find(name) for name in self.priorities()}
        return {name: each[1].concurrency for name, each in found.items() if each and each[1].concurrency}

    def fingerprints(self) -> dict[str, str]:
        """The fingerprint of every collection's filters."""
        return {name: choice.fingerprint(self.filters(name)) for name in sorted(self.priorities())}

    def all_closed(self, now: datetime, *, ordered: bool) -> list[str]:
        """The collections whose mailboxes are not worked on at `now`."""
        names = {collection.name for project in self._known() for collection in project.collections}
        return sorted(name for name in names if self.closed(name, now, ordered=ordered))

    def governed(self) -> list[Governed]:
        """Every client that has been asked for, with what the newest projects say of its server."""
        return [
            Governed(side, known[1], organisation.exchange)
            for project in self._known()
            for side, organisation in ((Limit.SOURCE, project.source), (Limit.TARGET, project.target))
            if (known := self._clients.get(_key(organisation)))
        ]

    def lines(self) -> list[LineLimits]:
        """What the newest projects say of the line that all servers share."""
        return [project.mailbox.line for project in self._known()]

    async def close(self) -> None:
        """Close every client."""
        for client in (*(client for _, client in self._clients.values()), *self._former):
            await client.close()

    def _known(self) -> list[Project]:
        found = (self._project(applied.document) for applied in self._projects.values())
        return [project for project in found if project]

    def _find(self, name: str) -> tuple[Project, Collection] | None:
        for project in self._known():
            if collection := project.collection(name):
                return project, collection
        return None

    def _project(self, document: bytes) -> Project | None:
        if document not in self._read:
            try:
                self._read[document] = Project.model_validate_json(document)
            except ValidationError:  # of a newer version than ours; dirsync says so
                self._read[document] = None
        return self._read[document]

    def _client(self, organisation: Organisation) -> Client:
        key = _key(organisation)
        known = self._clients.get(key)
        try:
            secrets = read_secrets(organisation, self._secrets)
            if known is None or known[0] != secrets:
                client = Client.of(
                    organisation,
                    self._secrets,
                    answer_seconds=self._answer_seconds,
                    security=self._security,
                    shared=self.line,
                )
                self._clients[key] = secrets, client
                self._former += [known[1]] if known else []
        except LookupError:
            if known is None:
                raise
            # They are just being written; what we have may be good still.
        return self._clients[key][1]


def _rules(project: Project, collection: Collection) -> object:
    return project.mailbox.surroundings, collection.filters, collection.deletions


def _key(organisation: Organisation) -> str:
    """The same for the same account at the same server; how much it may be asked changes without a new client."""
    return f"{organisation.name} {organisation.exchange.model_dump_json(exclude={'connections', 'limits'})}"
