"""New objects: in which order they are made, and with which links."""

from __future__ import annotations

from dataclasses import replace

import pytest
from isthmus_project import Project
from isthmus_sync.directory import Decision, Modification, Side, decide, in_order, once_made, with_links
from isthmus_sync.directory.objects import DirectoryObject, Link

from tests.unit.directory_values import guid, project
from tests.unit.directory_world import World


def _person(name: str, manager: str = "") -> DirectoryObject:
    links = {"manager": (Link(guid(f"alpha/{manager}"), f"CN={manager}"),)} if manager else {}
    plain = DirectoryObject.of(
        guid(f"alpha/{name}"),
        f"CN={name},OU=Staff,DC=corp,DC=alpha,DC=example",
        objectClass=("top", "user"),
        cn=name,
        sAMAccountName=name,
        mail=f"{name}@alpha.example",
        proxyAddresses=f"SMTP:{name}@alpha.example",
        mailNickname=name,
    )
    return DirectoryObject(plain.guid, plain.dn, plain.attributes, links)


def _once_made(the_project: Project, **added: bytes) -> tuple[Decision, Decision]:
    """What comes of somebody who was made with something added by the server, decided in short and at length."""
    world = World(the_project)
    world.put(Side.SOURCE, _person("anna"))
    world.crash(after=0)
    assert world.last is not None
    around, [decision] = world.last.around, _new(world)
    assert decision.creation is not None
    held = {name.lower(): values for name, values in decision.creation.attributes.items()}
    held |= {"objectclass": (b"top", b"user"), **{name: (value,) for name, value in added.items()}}
    made = DirectoryObject(guid("made"), decision.creation.dn, held)
    around.target.put(made)
    around.target.drop(decision.pair.id)
    pair = replace(decision.pair, target_guid=made.guid)
    around.twins.put(pair)
    return once_made(decision, pair, made, around), decide(pair, decision.source, made, around)


def _new(world: World) -> list[Decision]:
    assert world.last is not None
    return [decision for decision in world.last.decisions if decision.creation is not None]


def test_whoever_is_named_is_made_first_and_circles_come_last() -> None:
    world = World()
    world.put(
        Side.SOURCE,
        _person("a", "b"), _person("b", "c"), _person("c"), _person("d", "d"),
        _person("e", "f"), _person("f", "e"), _person("g", "e"), _person("h", "nobody"),
    )  # fmt: skip
    world.run()
    assert world.last is not None
    decisions = _new(world)
    ordered = in_order([(decision.pair, decision.source) for decision in decisions], world.last.around)
    assert [source.text("cn") for _, source in ordered] == ["c", "d", "h", "b", "a", "e", "f", "g"]


def test_what_is_there_is_named_from_the_start_and_needs_no_write_of_its_own() -> None:
    world = World()
    boss, staff = _person("boss"), _person("staff", "boss")
    world.put(Side.SOURCE, boss, staff)
    world.run()
    assert [link.guid for link in world.twin(staff).linked("manager")] == [world.twin(boss).guid]
    assert world.run() == 0


def test_what_is_not_there_yet_is_left_out() -> None:
    world = World()
    one, two = _person("one", "two"), _person("two", "one")
    world.put(Side.SOURCE, one, two)
    world.run()
    assert world.last is not None
    first, second = _new(world)
    assert [link.guid for link in with_links(first, world.last.around).links["manager"]] == [world.twin(two).guid]
    world = World()
    world.put(Side.SOURCE, one, two)
    world.crash(after=0)
    assert world.last is not None
    assert [with_links(decision, world.last.around).links for decision in _new(world)] == [{}]
    world.run()
    assert [link.guid for link in world.twin(one).linked("manager")] == [world.twin(two).guid]
    assert second.source.guid == two.guid


@pytest.mark.parametrize("added", [{}, {"countrycode": b"0"}, {"useraccountcontrol": b"512"}, {"title": b"New"}])
def test_what_is_left_to_do_is_what_a_decision_about_both_objects_says(added: dict[str, bytes]) -> None:
    for rules in ({}, {"countryCode": {"owner": "target"}}, {"info": {"owner": "target", "template": "{mail}"}}):
        short, long = _once_made(project(attributes=rules), **added)
        assert short == long


def test_what_the_server_added_goes_to_the_source_where_the_target_owns_it() -> None:
    short, _ = _once_made(project(attributes={"countryCode": {"owner": "target"}}), countrycode=b"0")
    assert Modification("countryCode", (), (b"0",), whole=True) in short.modifications[Side.SOURCE]
