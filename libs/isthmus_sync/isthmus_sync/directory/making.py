"""New objects in the order in which they are made, each with the links that it can have from the start, and what is
left to do once they are there.

What is named before whoever names it: a link that an object is made with is no write of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from typing import TypeAlias

from isthmus_sync.directory.attributes import kept_in_step, linked_attributes
from isthmus_sync.directory.creation import Creation
from isthmus_sync.directory.decision import Decision, Surroundings, decide, links_of
from isthmus_sync.directory.difference import difference
from isthmus_sync.directory.objects import DirectoryObject, Side
from isthmus_sync.directory.pairs import Agreed, Pair

New: TypeAlias = tuple[Pair, DirectoryObject]
"""A pair whose object is to be made in the target, and its source."""

_MOST_LINKS = 1000
"""Values that one request adds; Active Directory takes at most 5,000. What has more is filled afterwards."""


def in_order(new: Sequence[New], around: Surroundings) -> list[New]:
    """New objects: those that name none of the others first, then those that name only them, and so on; circles, and
    whoever names them, last. Of one rank they stay as they are."""
    by_pair = {pair.id: number for number, (pair, _) in enumerate(new)}
    sorter = TopologicalSorter[int]()
    for number, (_, source) in enumerate(new):
        named = (
            around.twins.by_guid(Side.SOURCE, link.guid)
            for attribute in linked_attributes(source.kind, around.project)
            for link in source.linked(attribute)
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
    ordered += (number for number in range(len(new)) if number not in seen)
    return [new[number] for number in ordered]


def with_links(decision: Decision, around: Surroundings) -> Creation:
    """The creation of this decision with the links whose objects are there by now."""
    assert decision.creation is not None
    empty = DirectoryObject(decision.pair.id, decision.creation.dn)
    linking = links_of(decision.pair, decision.source, empty, around)
    wanted = {name: link.wanted[Side.TARGET] for name, link in linking.items()}
    if sum(map(len, wanted.values())) > _MOST_LINKS:
        return decision.creation
    return replace(decision.creation, links={name: links for name, links in wanted.items() if links})


def once_made(decision: Decision, pair: Pair, made: DirectoryObject, around: Surroundings) -> Decision:
    """What `decide` says about a `pair` whose object was `made` just now, at a fraction of the price: the decision to
    make it knew everything but for the links, unless the object became another than it was to be."""
    if not _as_decided(decision, made, around):
        return decide(pair, decision.source, made, around)
    linking = links_of(pair, decision.source, made, around)
    links = {side: {name: link.wanted[side] for name, link in linking.items()} for side in Side}
    agreed = {name.lower(): link.agreed for name, link in linking.items() if link.agreed is not None}
    return replace(
        decision,
        pair=pair,
        target=made,
        creation=None,
        modifications={
            Side.SOURCE: decision.modifications[Side.SOURCE] + difference(decision.source, {}, links[Side.SOURCE]),
            Side.TARGET: difference(made, {}, links[Side.TARGET]),
        },
        agreed=Agreed(decision.agreed.values, {**decision.agreed.sets, **agreed}),
        held=tuple(text for link in linking.values() for text in link.held),
        gets_mailbox=False,
    )


def _as_decided(decision: Decision, made: DirectoryObject, around: Surroundings) -> bool:
    """Whether an object has what it was decided to have, and nothing else of what is kept in step; and nothing was
    decided that looks different once it is there."""
    assert decision.creation is not None
    given = {name.lower(): values for name, values in decision.creation.attributes.items()}
    kept = kept_in_step(decision.kind, around.project)
    return (
        decision.pair.agreed == Agreed()
        and decision.pair.active is Side.SOURCE
        and not (decision.problems or decision.merges or decision.merged or decision.contested)
        and all(made.attributes.get(name) == values or made.links.get(name) for name, values in given.items())
        and not any(name in kept and name not in given for name in made.attributes)
        # What such a rule makes for the source is made of what the target has by now.
        and not any(rule.owner == "target" and rule.transforms for rule in around.project.directory.rules.values())
    )
