"""Linked attributes: members, managers, delegates. Their values name objects of their own forest, so they are compared
and carried over as pairs, and wait where the other forest does not have the object yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

from isthmus_sync.directory.objects import DirectoryObject, Link, Side
from isthmus_sync.directory.pairs import Pair, Twins, fingerprint
from isthmus_sync.directory.settling import Owner, merge, settle

NameOf: TypeAlias = Callable[[Side, bytes], str]
"""The distinguished name of an object by side and GUID, for people; empty when it is not at hand."""


@dataclass(frozen=True, slots=True)
class Linking:
    """One linked attribute as both sides shall have it. `agreed` are the pairs, as hexadecimal ids, that both then
    name; None leaves what was agreed. `held` names the objects that are waited for."""

    wanted: Mapping[Side, tuple[Link, ...]]
    agreed: frozenset[str] | None
    held: tuple[str, ...] = ()


NOTHING_LINKED = Linking({Side.SOURCE: (), Side.TARGET: ()}, frozenset())
"""What an attribute comes to that neither side has and none had."""


def link_values(
    attribute: str, objects: Mapping[Side, DirectoryObject], pair: Pair, owner: Owner, twins: Twins, name_of: NameOf
) -> Linking:
    """An attribute with any number of values. What has no counterpart stays where it is."""
    known, foreign = _known(attribute, objects, twins)
    agreed = pair.agreed.sets.get(attribute.lower(), frozenset())
    source, target = merge(owner, frozenset(known[Side.SOURCE]), frozenset(known[Side.TARGET]), agreed)
    after = {Side.SOURCE: source, Side.TARGET: target}
    held: list[str] = []
    wanted: dict[Side, tuple[Link, ...]] = {}
    present: dict[Side, set[str]] = {}
    for side in Side:
        links = list(foreign[side])
        present[side] = set()
        for member in sorted(after[side]):
            found = known[side].get(member) or _counterpart(member, side, twins, name_of)
            if not found:
                held.append(f"{attribute} {known[side.other][member][0].dn}")
            else:
                links += found
                present[side].add(member)
        wanted[side] = tuple(links)
    return Linking(wanted, frozenset(present[Side.SOURCE] & present[Side.TARGET]), tuple(held))


def link_value(
    attribute: str,
    objects: Mapping[Side, DirectoryObject],
    pair: Pair,
    owner: Owner,
    twins: Twins,
    name_of: NameOf,
    newer: Callable[[], Side],
) -> Linking:
    """An attribute with one value. A value of the source that has no counterpart and will have none is left alone."""
    known, foreign = _known(attribute, objects, twins)
    as_they_are = {side: objects[side].linked(attribute) for side in Side}
    if foreign[Side.SOURCE]:
        return Linking(as_they_are, None)
    before = pair.agreed.sets.get(attribute.lower())
    agreed = None if before is None else (fingerprint(_ids(before)), fingerprint(_ids(before)))
    of_target = frozenset(known[Side.TARGET]) | {link.guid.hex() for link in foreign[Side.TARGET]}
    winner = settle(owner, _ids(frozenset(known[Side.SOURCE])), _ids(of_target), agreed, newer)
    if winner is None or (winner is Side.TARGET and foreign[Side.TARGET]):
        return Linking(as_they_are, frozenset(known[Side.SOURCE]))
    loser = winner.other
    links: tuple[Link, ...] = ()
    for member, values in known[winner].items():
        links = _counterpart(member, loser, twins, name_of)
        if not links:
            return Linking(as_they_are, None, (f"{attribute} {values[0].dn}",))
    return Linking({winner: as_they_are[winner], loser: links}, frozenset(known[winner]))


def _known(
    attribute: str, objects: Mapping[Side, DirectoryObject], twins: Twins
) -> tuple[dict[Side, dict[str, tuple[Link, ...]]], dict[Side, list[Link]]]:
    """Each side's values as pairs, and those that belong to no pair. Several values of the source are one pair when the
    objects that they name were merged into it."""
    known: dict[Side, dict[str, tuple[Link, ...]]] = {side: {} for side in Side}
    foreign: dict[Side, list[Link]] = {side: [] for side in Side}
    for side in Side:
        for link in objects[side].linked(attribute):
            twin = twins.by_guid(side, link.guid)
            if twin is None:
                foreign[side].append(link)
            else:
                known[side][twin.id.hex()] = (*known[side].get(twin.id.hex(), ()), link)
    return known, foreign


def _counterpart(member: str, side: Side, twins: Twins, name_of: NameOf) -> tuple[Link, ...]:
    """The object of a pair on this side; none while there is none."""
    twin = twins.by_id(bytes.fromhex(member))
    guid = twin.guid(side) if twin is not None else None
    return () if guid is None else (Link(guid, name_of(side, guid) or f"<GUID={UUID(bytes_le=guid)}>"),)


def _ids(members: frozenset[str]) -> tuple[bytes, ...]:
    return tuple(member.encode() for member in sorted(members))
