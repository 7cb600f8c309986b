"""A run that is cut short between a write and its being written down: nobody's change is taken for another one."""

from __future__ import annotations

import pytest
from isthmus_sync.directory import DirectoryObject, Side

from tests.unit.directory_values import mailbox, project
from tests.unit.directory_world import World

EXTRA = b"smtp:anna.extra@x.test"


def _world() -> World:
    """Anna on both sides, with an address more."""
    world = World(project(attributes={"department": "target"}))
    world.put(Side.SOURCE, mailbox("alpha", "anna", title="a", department="d"))
    world.settle()
    _give(world, Side.SOURCE)
    world.settle()
    assert _have_it(world) == [True, True]
    return world


def _object(world: World, side: Side) -> DirectoryObject:
    source = world.source("anna")
    return source if side is Side.SOURCE else world.twin(source)


def _give(world: World, side: Side) -> None:
    obj = _object(world, side)
    world.write(side, obj, "proxyAddresses", (*obj.raw("proxyAddresses"), EXTRA))


def _take(world: World, side: Side) -> None:
    obj = _object(world, side)
    world.write(side, obj, "proxyAddresses", tuple(v for v in obj.raw("proxyAddresses") if v != EXTRA))


def _have_it(world: World) -> list[bool]:
    return [EXTRA in _object(world, side).raw("proxyAddresses") for side in Side]


@pytest.mark.parametrize("side", list(Side))
def test_an_address_that_was_removed_by_a_run_that_died_can_be_given_back(side: Side) -> None:
    world = _world()
    _take(world, side)
    world.crash(after=1, remembered=False)
    assert _have_it(world) == [False, False]
    _give(world, side)
    world.settle()
    assert _have_it(world) == [True, True]


@pytest.mark.parametrize("side", list(Side))
def test_an_address_that_was_added_by_a_run_that_died_can_be_taken_again(side: Side) -> None:
    world = _world()
    _take(world, side)
    world.settle()
    _give(world, side)
    world.crash(after=1, remembered=False)
    assert _have_it(world) == [True, True]
    _take(world, side)
    world.settle()
    assert _have_it(world) == [False, False]


def test_what_a_run_that_died_did_not_write_is_still_to_be_written() -> None:
    world = _world()
    _take(world, Side.SOURCE)
    world.crash(after=0)
    assert sorted(_have_it(world)) == [False, True]
    world.settle()
    assert _have_it(world) == [False, False]


def test_a_value_that_the_source_has_back_is_written_again() -> None:
    world = _world()
    world.write(Side.SOURCE, _object(world, Side.SOURCE), "title", (b"b",))
    world.crash(after=1, remembered=False)
    assert _object(world, Side.TARGET).raw("title") == (b"b",)
    world.write(Side.SOURCE, _object(world, Side.SOURCE), "title", (b"a",))
    world.settle()
    assert [_object(world, side).raw("title") for side in Side] == [(b"a",), (b"a",)]


def test_an_object_that_is_gone_leaves_what_was_agreed_on_before() -> None:
    world = _world()
    before = [pair.agreed for pair in world.pairs.values()]
    _take(world, Side.SOURCE)
    world.crash(after=1, remembered=False)
    world.delete(Side.TARGET, _object(world, Side.TARGET))
    world._see_what_was_begun()
    [agreed] = {pair.agreed.sets["proxyaddresses"] for pair in world.pairs.values()}
    assert {each.sets["proxyaddresses"] for each in before} == {agreed}
