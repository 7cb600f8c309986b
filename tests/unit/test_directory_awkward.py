"""Awkward objects by the thousand, decided as values: each meets its fate, and nothing is written a second time. The
same against real forests is in tests/lab."""

from __future__ import annotations

import random

from isthmus_lab.forests import Change, Entry
from isthmus_sync.directory import DirectoryObject, Link, Side
from isthmus_sync.directory.objects import as_values

from tests.lab.awkward_forest import Fate, objects
from tests.unit.directory_values import MAIL_USERS, guid, project
from tests.unit.directory_world import World

_UNITS = ("OU=Staff,DC=alpha,DC=test", "OU=New,DC=beta,DC=test")


def test_each_of_thousands_meets_its_fate() -> None:
    seed = random.SystemRandom().randrange(1_000_000)
    print(f"seed {seed}")
    made = objects(seed, 1000, _UNITS, "DC=alpha,DC=test", "x.test", "a")
    world = World(project(create={"mailbox_database": None}), MAIL_USERS)
    links = {change.dn: change for change in made.links}
    world.put(Side.SOURCE, *(_object(entry, links.get(entry.dn)) for entry in made.source))
    world.put(Side.TARGET, *(_object(entry, None) for entry in made.target))
    world.settle()
    assert world.last is not None
    assert {refused.source.dn for refused in world.last.refused} == made.of(Fate.REFUSED)
    assert {d.source.dn for d in world.last.decisions} == made.of(Fate.CARRIED, Fate.TROUBLED)
    assert {d.source.dn for d in world.last.decisions if d.problems} == made.of(Fate.TROUBLED)
    assert sum(world.last.left_out.values()) == len(made.of(Fate.LEFT_OUT))
    for decision in world.last.decisions:
        if (members := made.members.get(decision.source.dn)) is not None:
            assert decision.target is not None
            found = {link.guid for link in decision.target.linked("member")}
            assert found == {world.twin(world.objects[Side.SOURCE][guid(dn)]).guid for dn in members}


def _object(entry: Entry, change: Change | None) -> DirectoryObject:
    """An entry as a forest gives it back."""
    attributes = {name.lower(): as_values([*values]) for name, values in entry.attributes.items()}
    found = {name: [*values] for name, values in (change.attributes.items() if change else ())}
    links = {name: tuple(Link(guid(str(dn)), str(dn)) for dn in values) for name, values in found.items()}
    return DirectoryObject(guid(entry.dn), entry.dn, attributes, links)
