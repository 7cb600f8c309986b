"""Access control lists and properties of folders: what the to side's are to be.

The from side's entries, with their people translated, replace what was agreed before. Entries that the to side has of
its own stay: somebody gave them there, and a pass takes nothing away that it did not bring.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from isthmus_exchange.values import FolderSettings, Member, Permission

Counterparts = Mapping[str, Member | str]
"""By Member.key of the from side: who that is on the to side, or in words why nobody is."""


class KeptAside(NamedTuple):
    """Something that cannot be set on the to side, for people: whom it is about, what it is, and why not."""

    who: str
    what: str
    reason: str


@dataclass(frozen=True)
class Agreed:
    """What was last set on the to side of a folder."""

    permissions: dict[str, Permission] = field(default_factory=dict)
    properties: dict[str, str] = field(default_factory=dict)
    # False: some of it was only about to be set.
    sure: bool = True

    def text(self) -> str:
        """As JSON, for the ledger."""
        listed = [[*each.member, each.level, each.rights] for each in self.permissions.values()]
        told = {"permissions": listed, "properties": self.properties}
        return json.dumps(told if self.sure else {**told, "sure": False})

    @classmethod
    def of(cls, text: str) -> Agreed:
        """From what `text` gave."""
        told = json.loads(text)
        permissions = [
            Permission(Member(*each[:4]), each[4], tuple((name, value) for name, value in each[5]))
            for each in told["permissions"]
        ]
        return cls({each.member.key: each for each in permissions}, told["properties"], told.get("sure", True))

    def beside(self, want: Agreed) -> Agreed | None:
        """This before `want` is set: what may be there afterwards, whatever the answer. None where that is nobody who
        has to be known.
        """
        if all(each.member.distinguished or key in self.permissions for key, each in want.permissions.items()):
            return None
        return Agreed({**self.permissions, **want.permissions}, self.properties, sure=False)


def among(member: Member, agreed: Mapping[str, object], members: Iterable[Member]) -> bool:
    """Whether somebody of the to side is one of those who were agreed, by key, if only by their SID: who is renamed has
    another address.
    """
    return member.key in agreed or (member.sid != "" and any(each.sid == member.sid for each in members))


class Difference(NamedTuple):
    """What is to be written; None and nothing where the to side is right already."""

    permissions: list[Permission] | None
    properties: dict[str, str | None]


def people(settings: Iterable[FolderSettings]) -> list[Member]:
    """Everybody who is to be translated, once each."""
    found = {
        each.member.key: each.member
        for folder in settings
        for each in folder.permissions or ()
        if not each.member.distinguished
    }
    return list(found.values())


def wanted(source: FolderSettings, counterparts: Counterparts) -> tuple[Agreed, list[KeptAside]]:
    """What the to side's folder is to have of the from side's, and the entries that cannot be translated.

    Two people who are one on the other side: the entry that comes later in the list counts, and the other is told of.
    """
    permissions: dict[str, Permission] = {}
    aside = [KeptAside(name, "permission", "the account does not exist any more") for name in source.unknown]
    for each in source.permissions or ():
        there = each.member if each.member.distinguished else counterparts[each.member.key]
        if isinstance(there, str):
            aside.append(KeptAside(each.member.address or each.member.key, each.level, there))
            continue
        if there.key in permissions:
            aside.append(KeptAside(each.member.address or each.member.key, permissions[there.key].level, _TWICE))
        permissions[there.key] = Permission(there, each.level, each.rights)
    return Agreed(permissions, dict(source.properties)), aside


def without(want: Agreed, members: Collection[str], properties: Collection[str]) -> Agreed:
    """What was wanted, without what the server did not take."""
    return Agreed(
        {key: entry for key, entry in want.permissions.items() if key not in members},
        {name: value for name, value in want.properties.items() if name not in properties},
    )


_TWICE = "another entry of this folder is for the same person on the other side; that one counts"


def difference(want: Agreed, agreed: Agreed, present: FolderSettings) -> Difference:
    """What makes the `present` settings of the to side hold what is wanted; `agreed` is what was wanted before."""
    permissions: list[Permission] | None = None
    if present.permissions is not None:
        here = {each.member.key: each for each in present.permissions}
        ours = [each.member for each in agreed.permissions.values()]
        own = {
            key: each
            for key, each in here.items()
            if not each.member.distinguished and not among(each.member, agreed.permissions, ours)
        }
        after = {**own, **want.permissions}
        if {key: _rights(each) for key, each in after.items()} != {key: _rights(each) for key, each in here.items()}:
            permissions = list(after.values())
    properties: dict[str, str | None] = {
        name: value for name, value in want.properties.items() if present.properties.get(name) != value
    }
    for name in agreed.properties.keys() & present.properties.keys() - want.properties.keys():
        properties[name] = None
    return Difference(permissions, properties)


def _rights(entry: Permission) -> tuple[str, frozenset[tuple[str, str]]]:
    return entry.level, frozenset(entry.rights)
