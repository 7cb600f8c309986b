"""Both forests read and compared: the one way in which anything is decided, for the plan and for the service."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from isthmus_sync.directory import (
    Comparison,
    DirectoryObject,
    ExchangeFacts,
    Pair,
    attributes_to_read,
    compare,
    newest_owned,
    strangers,
)

from isthmus_directory.connection import Forest
from isthmus_directory.errors import DirectoryRefused
from isthmus_directory.exchange_facts import exchange_facts
from isthmus_directory.metadata import attribute_ids
from isthmus_directory.reading import members_of, read_all

if TYPE_CHECKING:
    from isthmus_project import Project


@dataclass(frozen=True, slots=True)
class Reading:
    """What is read of every object of a forest: `attributes`, and the times of change of those in `times`."""

    attributes: list[str]
    times: dict[int, str]


@dataclass(frozen=True, slots=True)
class Survey:
    """Everything found out by reading both forests. `members`: for each group of a collection the GUIDs of its
    members; `problems`: what is wrong with the project as seen from the forests."""

    comparison: Comparison
    facts: ExchangeFacts
    members: Mapping[str, frozenset[bytes]]
    problems: list[str]


async def reading(forest: Forest, project: Project) -> Reading:
    """What to read of this forest for this project."""
    return Reading(attributes_to_read(project), await attribute_ids(forest, newest_owned(project)))


async def read_forest(forest: Forest, project: Project) -> list[DirectoryObject]:
    """Every user, group and contact with all that decisions look at."""
    wanted = await reading(forest, project)
    return await read_all(forest, wanted.attributes, wanted.times)


async def collection_members(source: Forest, project: Project) -> tuple[dict[str, frozenset[bytes]], list[str]]:
    """The members of the groups that collections name, and the groups that do not exist."""
    members: dict[str, frozenset[bytes]] = {}
    problems: list[str] = []
    for collection in project.collections:
        if collection.group and collection.group not in members:
            try:
                members[collection.group] = await members_of(source, collection.group)
            except DirectoryRefused as error:
                members[collection.group] = frozenset()
                problems.append(f"the group of collection {collection.name} cannot be read: {error}")
    return members, problems


async def survey(source: Forest, target: Forest, project: Project, known: Sequence[Pair] = ()) -> Survey:
    """Read both forests and compare. Writes nothing. Raises DirectoryError."""
    facts = await exchange_facts(target, project.target)
    members, problems = await collection_members(source, project)
    sources, targets = await asyncio.gather(read_forest(source, project), read_forest(target, project))
    # It takes a second for a thousand objects, and others want answers meanwhile.
    comparison = await asyncio.to_thread(compare, sources, targets, known, project, facts)
    return Survey(comparison, facts, members, [*problems, *strangers(project, sources)])
