"""Our own writes, recognised when a forest tells of them: nothing is read or decided a second time for them.

A domain controller tells what changed of an object with the values it has now. When those are the values that the
object had once a decision was carried out, nobody but us changed it, or whoever did made it what it was. No marks, no
counters: only values are compared, so what somebody else wrote is never taken for ours.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from isthmus_project import ldap_filter

from isthmus_sync.directory.attributes import rule_of
from isthmus_sync.directory.objects import DirectoryObject, Side, Values

if TYPE_CHECKING:
    from isthmus_project import Project

_MOST = 50_000
"""Writes remembered at the same time; one that is forgotten is looked at like any other change."""
_TOLD_BY_THE_NAME = frozenset(("name", "cn", "objectguid", "parentguid", "instancetype", "isdeleted"))
"""What a distinguished name says already, or an object never changes."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a forest tells of a changed object: the attributes that changed, with the values they have now. `values` and
    `links` (as GUIDs) are whole; of a link in `linked` only the values that came (True) or went are told. Names of
    attributes are in lower case."""

    dn: str
    values: Mapping[str, Values] = field(default_factory=dict)
    links: Mapping[str, frozenset[bytes]] = field(default_factory=dict)
    linked: Mapping[str, Mapping[bytes, bool]] = field(default_factory=dict)


class Echoes:
    """Which changes are only what we wrote. Nothing of it outlives the process: without it, echoes are decided again,
    and found to need nothing."""

    def __init__(self) -> None:
        self._left: OrderedDict[tuple[Side, bytes], tuple[bytes, _Holding]] = OrderedDict()

    def expect(self, side: Side, obj: DirectoryObject, pair_id: bytes) -> None:
        """An object of this pair as we left it."""
        self._left[side, obj.guid] = pair_id, _Holding.of(obj)
        self._left.move_to_end((side, obj.guid))
        if len(self._left) > _MOST:
            self._left.popitem(last=False)

    def forget(self, side: Side, guid: bytes) -> None:
        """What comes of this object shall be decided about, whatever it is."""
        self._left.pop((side, guid), None)

    def heard(self, side: Side, changed: Mapping[bytes, Told | None]) -> dict[bytes, bytes]:
        """The objects in `changed` that are as we left them, each with the id of its pair. None tells nothing."""
        found: dict[bytes, bytes] = {}
        for guid, told in changed.items():
            pair_id, holding = self._left.pop((side, guid), (b"", None))
            if told is not None and holding is not None and holding.agrees(told):
                found[guid] = pair_id
        return found


@dataclass(frozen=True, slots=True)
class _Holding:
    dn: str
    values: Mapping[str, int]
    links: Mapping[str, frozenset[bytes]]

    @classmethod
    def of(cls, obj: DirectoryObject) -> _Holding:
        return cls(
            obj.dn,
            {name: _mark(values) for name, values in obj.attributes.items() if values},
            {name: frozenset(link.guid for link in links) for name, links in obj.links.items() if links},
        )

    def agrees(self, told: Told) -> bool:
        return (
            told.dn == self.dn
            and all(
                self.values.get(name, _mark(())) == _mark(values)
                for name, values in told.values.items()
                if name not in _TOLD_BY_THE_NAME
            )
            and all(self.links.get(name, frozenset()) == guids for name, guids in told.links.items())
            and all(
                (guid in self.links.get(name, frozenset())) is there
                for name, guids in told.linked.items()
                for guid, there in guids.items()
            )
        )


def _mark(values: Values) -> int:
    """Values in short, whatever their order, for as long as this process lives; nobody outside can make two alike."""
    return hash(values) if len(values) < 2 else hash(tuple(sorted(values)))


def consequential(project: Project) -> Mapping[Side, frozenset[str]]:
    """For each side the attributes, in lower case, that other decisions are made from: inputs of transformations, and
    what filters look at. Writing one of them is not the end of it, so its echo is decided about."""
    found: dict[Side, set[str]] = {side: set() for side in Side}
    for text in project.directory.exclude:
        found[Side.SOURCE] |= {name.lower() for name in ldap_filter.attributes_in(ldap_filter.parse(text))}
    for attribute in project.directory.attributes:
        rule = rule_of(attribute, project)
        if rule.transforms:
            giver = Side.TARGET if rule.owner == "target" else Side.SOURCE
            found[giver] |= {name.lower() for name in rule.inputs(attribute)}
    return {side: frozenset(names) for side, names in found.items()}


def leads_on(written: Iterable[str], side: Side, consequences: Mapping[Side, frozenset[str]]) -> bool:
    """Whether writing these attributes on this side may make another decision of the same pair."""
    return any(name.lower() in consequences[side] for name in written)
