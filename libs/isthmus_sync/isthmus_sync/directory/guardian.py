"""The guardian of old addresses: whatever a person was ever reached by must lead to them in both organisations.

Old mail, nickname caches and calendars use addresses that were current years ago. An address that was ever seen on an
object of a pair must be held, on each side where the pair has an object, by that object.
"""

from __future__ import annotations

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
