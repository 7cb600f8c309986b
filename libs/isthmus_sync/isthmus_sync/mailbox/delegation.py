"""Delegates: who is to act for the owner on the to side."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from isthmus_exchange.values import Delegate, Delegation, Member

from isthmus_sync.mailbox.folder_settings import Counterparts, KeptAside, among


@dataclass(frozen=True)
class Agreed:
    """The delegates that were last brought, by Member.key of the to side."""

    delegates: dict[str, Delegate] = field(default_factory=dict)
    delivery: str = ""
    # False: some of them were only about to be made delegates.
    sure: bool = True

    def text(self) -> str:
        """As JSON, for the ledger."""
        listed = [
            [list(each.member), each.levels, each.gets_copies, each.sees_private] for each in self.delegates.values()
        ]
        told = {"delegates": listed, "delivery": self.delivery}
        return json.dumps(told if self.sure else {**told, "sure": False})

    @classmethod
    def of(cls, text: str) -> Agreed:
        """From what `text` gave."""
        told = json.loads(text)
        people = [
            Delegate(Member(*member), tuple((name, level) for name, level in levels), copies, private)
            for member, levels, copies, private in told["delegates"]
        ]
        return cls({each.member.key: each for each in people}, told["delivery"], told.get("sure", True))


class Plan(NamedTuple):
    """What is to be done on the to side. `delivery`: empty when it is right."""

    add: list[Delegate]
    update: list[Delegate]
    remove: list[Member]
    delivery: str


def wanted(source: Delegation, counterparts: Counterparts) -> tuple[Agreed, list[KeptAside]]:
    """The delegates as the to side is to have them, and those who are nobody there."""
    people: dict[str, Delegate] = {}
    aside = []
    for each in source.delegates:
        there = counterparts[each.member.key]
        if isinstance(there, str):
            aside.append(KeptAside(each.member.address or each.member.key, "delegate", there))
        else:
            people[there.key] = each._replace(member=there)
    return Agreed(people, source.delivery if people else ""), aside


def plan(want: Agreed, agreed: Agreed, present: Delegation) -> Plan:
    """Delegates that the owner has named on the to side stay."""
    here: Mapping[str, Delegate] = {each.member.key: each for each in present.delegates}
    add = [each for key, each in want.delegates.items() if key not in here]
    update = [each for key, each in want.delegates.items() if key in here and _differ(each, here[key])]
    ours = [each.member for each in agreed.delegates.values()]
    remove = [
        each.member
        for key, each in here.items()
        if key not in want.delegates and among(each.member, agreed.delegates, ours)
    ]
    delivery = want.delivery if want.delivery and want.delivery != present.delivery else ""
    return Plan(add, update, remove, delivery)


def _differ(want: Delegate, here: Delegate) -> bool:
    """Levels that cannot be set by their name are the business of the folders' own lists."""
    present = dict(here.levels)
    levels = any(present.get(name) != level for name, level in want.levels if level != "Custom")
    return levels or (want.gets_copies, want.sees_private) != (here.gets_copies, here.sees_private)
