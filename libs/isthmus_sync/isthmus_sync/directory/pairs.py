"""Pairs: two objects that stand for the same person, group, contact or room, and what both sides last agreed on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from sys import intern
from uuid import NAMESPACE_OID, uuid5

from isthmus_sync.directory.objects import Side, Values

_COMMON_BYTES = 64
NO_VALUES = ("", "")
"""What is agreed on about most attributes of most pairs; kept once, as are the names."""


@dataclass(frozen=True, slots=True)
class Agreed:
    """What source and target held when they were last in step.

    `values`: for each attribute the fingerprints of the source's and the target's values. They need not be equal: a
    side may keep a value of its own. `sets`: for attributes merged member by member, what was common to both.
    Attribute names are in lower case.
    """

    values: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    sets: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def but_for(self, attributes: Collection[str], before: Agreed) -> Agreed:
        """The same, with what was agreed `before` for these attributes: those whose change was not carried out."""
        if not attributes:
            return self
        return Agreed(
            {n: v for n, v in self.values.items() if n not in attributes}
            | {n: v for n, v in before.values.items() if n in attributes},
            {n: v for n, v in self.sets.items() if n not in attributes}
            | {n: v for n, v in before.sets.items() if n in attributes},
        )

    def to_json(self) -> str:
        """In short, as it is kept once or twice for every pair: most attributes of most pairs have no values, and most
        others the same on both sides."""
        values = sorted(self.values.items())
        return json.dumps(
            {
                "values": {
                    name: one if one == other else [one, other] for name, (one, other) in values if one or other
                },
                "nothing": " ".join(name for name, (one, other) in values if not (one or other)),
                "sets": {name: sorted(members) for name, members in sorted(self.sets.items())},
            }
        )

    @classmethod
    def from_json(cls, text: str) -> Agreed:
        document = json.loads(text)
        values = dict.fromkeys(_names(document.get("nothing", "")), NO_VALUES)
        for name, held in document.get("values", {}).items():
            # Earlier versions wrote both of every attribute.
            one, other = (held, held) if isinstance(held, str) else held
            values[intern(name)] = (one, other) if one or other else NO_VALUES
        return cls(values, {intern(name): frozenset(members) for name, members in document.get("sets", {}).items()})


@lru_cache(maxsize=256)
def _names(text: str) -> tuple[str, ...]:
    return tuple(map(intern, text.split()))


@dataclass(frozen=True, slots=True)
class Pair:
    """A pair as it is remembered between runs. `target_guid` is None until the object exists in the target. `merged`
    are the GUIDs of other objects of the source that the target's stands for (see joining.py)."""

    id: bytes
    source_guid: bytes
    target_guid: bytes | None = None
    active: Side = Side.SOURCE
    agreed: Agreed = Agreed()
    merged: tuple[bytes, ...] = ()

    def guid(self, side: Side) -> bytes | None:
        return self.source_guid if side is Side.SOURCE else self.target_guid


def pair_id(project: str, source_guid: bytes) -> bytes:
    """The id of the pair of a source object, 16 bytes: for ever the same, even when every database is lost."""
    return uuid5(NAMESPACE_OID, f"isthmus/{project}/{source_guid.hex()}").bytes


def fingerprint(values: Values) -> str:
    """Values in short, for comparison: order does not matter. Empty for no values."""
    if not values:
        return ""
    return _of_common(values) if len(values) == 1 and len(values[0]) <= _COMMON_BYTES else _fingerprint(values)


def _fingerprint(values: Values) -> str:
    content = b"".join([part for value in sorted(values) for part in (len(value).to_bytes(4, "big"), value)])
    return hashlib.blake2b(content, digest_size=12).hexdigest()


_of_common = lru_cache(maxsize=8192)(_fingerprint)
"""Of what many have: the town, the company, nought. Each value of an object is also looked at more than once."""


class Twins:
    """Who is whose counterpart: by the GUID of either side, or by the pair's id. Whoever is merged into a pair has its
    target's object as counterpart, too."""

    def __init__(self, pairs: Iterable[Pair] = ()) -> None:
        self._by_guid: dict[tuple[Side, bytes], Pair] = {}
        self._by_id: dict[bytes, Pair] = {}
        for pair in pairs:
            self.put(pair)

    def put(self, pair: Pair) -> None:
        before = self._by_id.get(pair.id)
        for guid in before.merged if before is not None else ():
            if self._by_guid.get((Side.SOURCE, guid)) is before:
                del self._by_guid[Side.SOURCE, guid]
        self._by_id[pair.id] = pair
        for guid in pair.merged:
            self._by_guid.setdefault((Side.SOURCE, guid), pair)
        self._by_guid[Side.SOURCE, pair.source_guid] = pair
        if pair.target_guid is not None:
            self._by_guid[Side.TARGET, pair.target_guid] = pair

    def by_guid(self, side: Side, guid: bytes) -> Pair | None:
        return self._by_guid.get((side, guid))

    def by_id(self, pair_id: bytes) -> Pair | None:
        return self._by_id.get(pair_id)

    def __iter__(self) -> Iterator[Pair]:
        return iter(self._by_id.values())
