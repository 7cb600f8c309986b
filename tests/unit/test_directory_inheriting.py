"""An object of the source that was deleted and made anew: whose the counterpart of the old one is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from isthmus_sync.directory import DirectoryObject, Side, pair_id

from tests.unit.directory_values import guid, mailbox, project, recipient
from tests.unit.directory_world import World


def _remade(**attributes: Any) -> tuple[World, DirectoryObject]:
    """Anna, who was in step, was deleted; another account got her address."""
    world = World(project(match=["mail"]))
    old = mailbox("alpha", "anna", title="Buyer")
    world.put(Side.SOURCE, old)
    world.put(Side.TARGET, mailbox("beta", "anna"))
    world.settle()
    world.delete(Side.SOURCE, old)
    world.settle()
    new = replace(mailbox("alpha", "anna", legacyExchangeDN="/o=alpha/cn=new", **attributes), guid=guid("alpha/new"))
    world.put(Side.SOURCE, new)
    return world, new


def _say(world: World, source: str) -> None:
    world.project = project(match=["mail"], pairs=[{"source": source, "target": "anna@x.test"}])


def test_the_rules_do_not_give_it_the_old_counterpart_and_say_what_to_do() -> None:
    world, new = _remade()
    world.run()
    assert world.last is not None
    [refused] = world.last.refused
    twin = world.objects[Side.TARGET][guid("beta/anna")]
    assert "belonged to an object that is gone" in refused.reason
    assert f"isthmus directory pair {UUID(bytes_le=new.guid)} '{twin.dn}'" in refused.reason


def test_named_by_its_guid_it_inherits() -> None:
    world, new = _remade(title="Seller")
    _say(world, str(UUID(bytes_le=new.guid)))
    world.run()
    assert world.last is not None
    old_id, new_id = (pair_id(world.project.project, guid(name)) for name in ("alpha/anna", "alpha/new"))
    assert world.last.inherited == {old_id: new_id}
    assert [(pair.id, pair.target_guid) for pair in world.last.without_source] == [(old_id, None)], "nothing to delete"
    world.pairs[old_id] = replace(world.pairs[old_id], target_guid=None)
    world.settle()
    twin = world.twin(new)
    assert twin.guid == guid("beta/anna")
    assert twin.text("title") == "Seller"
    assert {"X500:/o=alpha/cn=anna", "X500:/o=alpha/cn=new"} <= set(twin.texts("proxyAddresses"))
    assert world.run() == 0


def test_a_name_that_may_stand_for_the_old_one_is_not_enough() -> None:
    world, _ = _remade()
    _say(world, "anna@x.test")
    world.run()
    assert world.last is not None
    [refused] = world.last.refused
    assert "pairs matches" in refused.reason and "is gone" in refused.reason
    assert not world.last.inherited


def test_what_is_in_use_or_not_alike_or_has_an_original_is_not_inherited() -> None:
    world, new = _remade()
    old_id = pair_id(world.project.project, guid("alpha/anna"))
    _say(world, str(UUID(bytes_le=new.guid)))
    world.pairs[old_id] = replace(world.pairs[old_id], active=Side.TARGET)
    world.run()
    assert world.last is not None
    assert not world.last.inherited and "already belongs to another object" in world.last.refused[0].reason

    world, _ = _remade()
    world.put(Side.SOURCE, recipient("alpha", "staff", "group"))
    _say(world, str(UUID(bytes_le=guid("alpha/staff"))))
    world.run()
    assert world.last is not None and not world.last.inherited

    world, new = _remade()
    world.put(Side.SOURCE, replace(mailbox("alpha", "former"), guid=guid("alpha/anna")))
    _say(world, str(UUID(bytes_le=new.guid)))
    world.run()
    assert world.last is not None and not world.last.inherited, "the old one is back under another name"
