"""The guardian of old addresses: whatever a person was ever reached by must lead to them in both organisations.

Old mail, nickname caches and calendars use addresses that were current years ago. An address that was ever seen on an
object of a pair must be held, on each side where the pair has an object, by that object. So must one that only stands
in migrated items, once it is clear whose it is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from isthmus_sync.directory.addresses import in_domain
from isthmus_sync.directory.objects import Side

if TYPE_CHECKING:
    from isthmus_project import Project

Key: TypeAlias = tuple[str, str]
"""Type (SMTP or X500) and address as it is compared."""


@dataclass(frozen=True, slots=True)
class Seen:
    """An address with which an object of a pair was seen once."""

    type: str
    address: str
    pair_id: bytes

    @property
    def key(self) -> Key:
        return self.type, self.address.casefold()


@dataclass(frozen=True, slots=True)
class Found:
    """An address that stands in migrated items. `beside`: the SMTP address that an item gives for the same party, empty
    when none does; `pair_id`: of a mailbox with such an item."""

    type: str
    address: str
    beside: str
    pair_id: bytes

    @property
    def key(self) -> Key:
        return self.type, self.address.casefold()


@dataclass(frozen=True, slots=True)
class Unresolved:
    """A seen address that the pair's object on `side` does not hold."""

    seen: Seen
    side: Side


def unresolved(
    seen: Iterable[Seen],
    held: Mapping[Side, Mapping[Key, Collection[bytes]]],
    present: Mapping[Side, Collection[bytes]],
    project: Project,
) -> list[Unresolved]:
    """The addresses that lead nowhere, or elsewhere. `held`: for each side the pairs whose object holds an address;
    `present`: the pairs that have an object there. Redirection addresses belong to one side only."""
    templates = (project.source.redirection, project.target.redirection)
    return [
        Unresolved(each, side)
        for each in seen
        if each.type != "SMTP" or not any(in_domain(each.address, template) for template in templates)
        for side in Side
        if each.pair_id in present[side] and each.pair_id not in held[side].get(each.key, ())
    ]


def attributed(
    found: Iterable[Found], seen: Iterable[Seen], held: Mapping[Side, Mapping[Key, Collection[bytes]]]
) -> tuple[list[Seen], list[Found]]:
    """Whose the addresses in migrated items are, as far as that is not known from `seen`; and those of nobody.

    An address is that of the pair that holds it on a side. An X500 address that no pair holds is that of the only pair
    that has, or had, the SMTP address which stands beside it. What is in `seen` is looked after there.
    """
    former: dict[Key, set[bytes]] = defaultdict(set)
    for known in seen:
        former[known.key].add(known.pair_id)
    owned: list[Seen] = []
    nobodys: list[Found] = []
    for each in found:
        owners = _holders(each.key, held)
        if each.key in former or len(owners) > 1:
            continue
        if not owners and each.type == "X500" and each.beside:
            beside = ("SMTP", each.beside.casefold())
            owners = _holders(beside, held) or former.get(beside, set())
        if len(owners) == 1:
            owned.append(Seen(each.type, each.address, *owners))
        else:
            nobodys.append(each)
    return owned, nobodys


def _holders(key: Key, held: Mapping[Side, Mapping[Key, Collection[bytes]]]) -> set[bytes]:
    return {pair_id for side in Side for pair_id in held[side].get(key, ())}
