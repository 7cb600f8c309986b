"""What was written put back: only what is as it was written, and only what then stays."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from isthmus_sync.directory import DirectoryObject, Modification, Side, Surroundings, applied
from isthmus_sync.directory.objects import as_values
from isthmus_sync.directory.reverting import PutBack, inverse, put_back

from tests.unit.directory_values import mailbox, project, recipient
from tests.unit.directory_world import World


def _settled(**directory: Any) -> tuple[World, DirectoryObject]:
    world = World(project(**directory))
    world.put(Side.SOURCE, mailbox("alpha", "anna", title="New"), mailbox("alpha", "bert"))
    world.put(Side.TARGET, mailbox("beta", "anna", title="Old"))
    world.settle()
    return world, world.source("anna")


def _put_back(world: World, obj: DirectoryObject, side: Side, *changes: Modification) -> PutBack:
    [pair] = [pair for pair in world.pairs.values() if pair.source_guid == obj.guid]
    world.run()
    assert world.last
    around: Surroundings = world.last.around
    objects = {s: world.objects[s].get(pair.guid(s) or b"") for s in Side}
    return put_back(pair, objects, side, changes, around)


def _take(world: World, obj: DirectoryObject, side: Side, back: PutBack) -> None:

    [pair] = [pair for pair in world.pairs.values() if pair.source_guid == obj.guid]
    held = world.objects[side][pair.guid(side) or b""]
    world.put(side, applied(held, back.modifications))
    world.pairs[pair.id] = replace(pair, agreed=back.agreed)


TITLE = Modification("title", as_values("Old"), as_values("New"), whole=True)


def test_a_value_put_back_stays_until_somebody_changes_it() -> None:
    world, anna = _settled()
    assert world.twin(anna).text("title") == "New"
    back = _put_back(world, anna, Side.TARGET, TITLE)
    assert (back.modifications, back.refused) == ((inverse(TITLE),), [])
    _take(world, anna, Side.TARGET, back)
    assert world.run() == 0
    assert world.twin(anna).text("title") == "Old"
    world.write(Side.SOURCE, world.source("anna"), "title", as_values("Newest"))
    world.settle()
    assert world.twin(anna).text("title") == "Newest"


def test_what_changed_since_is_left_and_named() -> None:
    world, anna = _settled()
    world.write(Side.SOURCE, anna, "title", as_values("Newer"))
    world.settle()
    back = _put_back(world, anna, Side.TARGET, TITLE)
    assert back.modifications == ()
    assert back.refused == ["title was changed since; set it by hand if it is wrong"]


def test_what_the_rules_would_write_again_is_left_and_named() -> None:
    world, anna = _settled()
    twin = world.twin(anna)
    redirection = Modification("targetAddress", (), twin.raw("targetAddress"), whole=True)
    x500 = Modification("proxyAddresses", (), as_values("X500:/o=alpha/cn=anna"), whole=False)
    back = _put_back(world, anna, Side.TARGET, redirection, x500, TITLE)
    assert [change.attribute for change in back.modifications] == ["title"]
    assert len(back.refused) == 2
    assert all("would be written again at once" in reason for reason in back.refused)


def test_a_member_that_went_comes_back_and_one_that_came_does_not_go() -> None:
    world = World()
    world.put(Side.SOURCE, mailbox("alpha", "anna"), mailbox("alpha", "bert"))
    world.put(Side.SOURCE, recipient("alpha", "staff", "group", {"member": ["anna", "bert"]}))
    world.settle()
    staff = world.source("staff")
    here = {link.guid: link for link in world.twin(staff).linked("member")}
    anna, bert = (here[world.twin(world.source(name)).guid] for name in ("anna", "bert"))
    world.link(Side.SOURCE, staff, "member", staff.linked("member")[:1])
    world.settle()
    went = Modification("member", (bert,), (), whole=False)
    back = _put_back(world, staff, Side.TARGET, went)
    assert (back.modifications, back.refused) == ((inverse(went),), [])
    _take(world, staff, Side.TARGET, back)
    assert world.run() == 0
    came = Modification("member", (), (anna,), whole=False)
    refused = _put_back(world, staff, Side.TARGET, came)
    assert refused.modifications == ()
    assert "member would be written again" in refused.refused[0]


def test_where_the_original_is_gone_everything_stays_put_back() -> None:
    world, anna = _settled()
    twin = world.twin(anna)
    world.delete(Side.SOURCE, anna)
    x500 = Modification("proxyAddresses", (), as_values("X500:/o=alpha/cn=anna"), whole=False)
    back = _put_back(world, anna, Side.TARGET, x500)
    assert back.modifications == (inverse(x500),)
    assert twin.guid in world.objects[Side.TARGET]
