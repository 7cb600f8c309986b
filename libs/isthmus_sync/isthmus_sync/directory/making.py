"""New objects in the order in which they are made, each with the links that it can have from the start.

What is named before whoever names it: a link that an object is made with is no write of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter

from isthmus_sync.directory.attributes import linked_attributes
from isthmus_sync.directory.creation import Creation
from isthmus_sync.directory.decision import Decision, Surroundings, links_of
from isthmus_sync.directory.objects import DirectoryObject, Side

_MOST_LINKS = 1000
"""Values that one request adds; Active Directory takes at most 5,000. What has more is filled afterwards."""


def in_order(decisions: Sequence[Decision], around: Surroundings) -> list[Decision]:
    """Decisions about new objects: those that name none of the others first, then those that name only them, and so
    on; circles, and whoever names them, last. Of one rank they stay as they are."""
    by_pair = {decision.pair.id: number for number, decision in enumerate(decisions)}
    sorter = TopologicalSorter[int]()
    for number, decision in enumerate(decisions):
        named = (
            around.twins.by_guid(Side.SOURCE, link.guid)
            for attribute in linked_attributes(decision.kind, around.project)
            for link in decision.source.linked(attribute)
        )
        before = {by_pair[twin.id] for twin in named if twin is not None and twin.id in by_pair}
        sorter.add(number, *(before - {number}))
    with suppress(CycleError):  # what is no part of a circle is ordered all the same
        sorter.prepare()
    ordered: list[int] = []
    while rank := sorter.get_ready():
        ordered += sorted(rank)
        sorter.done(*rank)
    seen = set(ordered)
    ordered += (number for number in range(len(decisions)) if number not in seen)
    return [decisions[number] for number in ordered]


def with_links(decision: Decision, around: Surroundings) -> Creation:
    """The creation of this decision with the links whose objects are there by now."""
    assert decision.creation is not None
    empty = DirectoryObject(decision.pair.id, decision.creation.dn)
    linking = links_of(decision.pair, decision.source, empty, around)
    wanted = {name: link.wanted[Side.TARGET] for name, link in linking.items()}
    if sum(map(len, wanted.values())) > _MOST_LINKS:
        return decision.creation
    return replace(decision.creation, links={name: links for name, links in wanted.items() if links})
