"""Several objects of the source that are one in the target: who is merged, what the target takes over, what stays."""

from __future__ import annotations

from typing import Any

import pytest
from isthmus.accounts.v1.accounts_pb2 import SIDE_SOURCE, Account, Identity, Pair
from isthmus_accounts.cache import Cache
from isthmus_project import Project
from isthmus_sync.directory import Side
from pydantic import ValidationError

from tests.unit.directory_values import guid, link, mailbox, project, recipient
from tests.unit.directory_world import World


def _named(*lines: tuple[str, str | None], **directory: Any) -> Project:
    return project(pairs=[{"source": source, "target": target} for source, target in lines], **directory)


def _world(the_project: Project) -> World:
    """Anna with a mailbox, an account of hers without one, and her one account in the target."""
    world = World(the_project)
    world.put(Side.SOURCE, mailbox("alpha", "anna", title="Buyer"), recipient("alpha", "anna2", title="Old"))
    world.put(Side.TARGET, mailbox("beta", "berg"))
    return world


def _smtp(world: World, side: Side, name: str) -> set[str]:
    obj = world.objects[side][guid(name)]
    return {v.partition(":")[2] for v in obj.texts("proxyAddresses") if v.lower().startswith("smtp") and "red" not in v}


BOTH = (("anna@x.test", "berg@x.test"), ("anna2@x.test", "berg@x.test"))


def test_the_first_named_gives_the_attributes_and_all_give_their_addresses() -> None:
    world = _world(_named(*BOTH))
    world.settle()
    twin = world.objects[Side.TARGET][guid("beta/berg")]
    assert len(world.objects[Side.TARGET]) == 1, "nothing is created for the second"
    assert twin.text("title") == "Buyer"
    assert _smtp(world, Side.TARGET, "beta/berg") == {"anna@x.test", "anna2@x.test", "berg@x.test"}
    assert {"X500:/o=alpha/cn=anna", "X500:/o=alpha/cn=anna2"} <= set(twin.texts("proxyAddresses"))
    # The first does not get what the second still has, and nothing is written to the second.
    assert _smtp(world, Side.SOURCE, "alpha/anna") == {"anna@x.test", "berg@x.test"}
    assert "X500:/o=alpha/cn=anna2" not in world.source("anna").texts("proxyAddresses")
    assert world.source("anna2") == recipient("alpha", "anna2", title="Old")
    [pair] = world.pairs.values()
    assert (pair.source_guid, pair.merged) == (guid("alpha/anna"), (guid("alpha/anna2"),))
    assert not any(decision.problems for decision in world.last.decisions) if world.last else False
    assert world.run() == 0


def test_what_was_made_for_the_first_is_known_again_when_our_records_are_lost() -> None:
    """The project has an object made, so nothing that is there is meant, but for what was made."""
    anna = mailbox("alpha", "anna")
    world = World(_named(("anna@x.test", None), ("anna2@x.test", "anna@x.test")))
    world.put(Side.SOURCE, anna, recipient("alpha", "anna2", title="Old"))
    world.settle()
    made = world.twin(anna)
    world.pairs.clear()
    world.settle()
    assert [*world.objects[Side.TARGET]] == [made.guid], "not a second one"
    [pair] = world.pairs.values()
    assert (pair.source_guid, pair.target_guid, pair.merged) == (anna.guid, made.guid, (guid("alpha/anna2"),))


def test_whoever_names_any_of_them_names_the_one() -> None:
    world = _world(_named(*BOTH, attributes={"member": "newest"}))
    world.put(
        Side.SOURCE,
        recipient("alpha", "one", "group", {"member": ["anna2"]}),
        recipient("alpha", "both", "group", {"member": ["anna", "anna2"]}),
        mailbox("alpha", "bert", {"manager": ["anna2"]}),
    )
    world.settle()
    twin = guid("beta/berg")
    assert [found.guid for found in world.twin(world.source("one")).linked("member")] == [twin]
    assert [found.guid for found in world.twin(world.source("both")).linked("member")] == [twin]
    assert [found.guid for found in world.twin(world.source("bert")).linked("manager")] == [twin]
    assert len(world.source("both").linked("member")) == 2, "neither is taken out of her group"
    # One of them leaves: the person is still a member. Both do: no longer.
    both = world.source("both")
    world.link(Side.SOURCE, both, "member", (link("alpha", "anna2"),))
    world.settle()
    assert len(world.twin(both).linked("member")) == 1
    world.link(Side.SOURCE, both, "member", ())
    world.settle()
    assert world.twin(both).linked("member") == ()


def test_one_that_is_paired_already_takes_the_others_only_when_it_is_named_too() -> None:
    world = _world(project(match=["mail"]))
    world.put(Side.TARGET, mailbox("beta", "anna"))
    world.settle()
    pair = next(pair for pair in world.pairs.values() if pair.source_guid == guid("alpha/anna"))
    assert pair.target_guid == guid("beta/anna")
    world = _world(_named(("anna2@x.test", "anna@x.test")))
    world.put(Side.TARGET, mailbox("beta", "anna"))
    world.pairs = {pair.id: pair}
    world.run()
    assert world.last is not None
    [refused] = world.last.refused
    assert "already belongs to another object" in refused.reason
    for first in (("anna@x.test", "anna@x.test"), ("anna@x.test", None)):
        world.project = _named(first, ("anna2@x.test", "anna@x.test"))
        world.settle()
        assert world.pairs[pair.id].merged == (guid("alpha/anna2"),)
    # Named no longer, it is let go, and reported.
    world.project = _named(("anna@x.test", "anna@x.test"))
    world.run()
    assert world.pairs[pair.id].merged == ()


def test_when_the_first_goes_the_target_stays_for_the_others() -> None:
    world = _world(_named(*BOTH))
    world.put(Side.SOURCE, recipient("alpha", "one", "group", {"member": ["anna2"]}))
    world.settle()
    world.delete(Side.SOURCE, world.source("anna"))
    world.settle()
    assert world.last is not None
    assert [pair.merged for pair in world.last.without_source] == [(guid("alpha/anna2"),)]
    assert [found.guid for found in world.twin(world.source("one")).linked("member")] == [guid("beta/berg")]


def test_a_second_mailbox_is_told_of() -> None:
    world = _world(_named(*BOTH))
    world.put(Side.SOURCE, mailbox("alpha", "anna2"))
    world.run()
    assert world.last is not None
    [decision] = world.last.decisions
    assert "has a mailbox of its own: what is in it is not copied" in decision.problems[0]


def test_one_of_another_kind_is_refused() -> None:
    world = _world(_named(*BOTH, ("staff@x.test", "berg@x.test")))
    world.put(Side.SOURCE, recipient("alpha", "staff", "group"))
    world.run()
    assert world.last is not None
    assert ["which is a user while this is a group" in refused.reason for refused in world.last.refused] == [True]
    assert len(world.last.decisions) == 1


def test_a_source_is_named_once() -> None:
    with pytest.raises(ValidationError, match="named more than once"):
        _named(("anna@x.test", "a@x.test"), ("Anna@x.test", "b@x.test"))


def test_the_account_map_finds_the_pair_by_every_name_of_all_of_them() -> None:
    cache = Cache()
    cache.put(
        Pair(
            id=b"p" * 16,
            revision=1,
            source=Account(smtp_addresses=["anna@x.test"], object_sid="S-1-1"),
            target=Account(smtp_addresses=["anna@x.test", "anna2@x.test"], object_sid="S-1-9"),
            merged=[Account(smtp_addresses=["anna2@x.test"], object_sid="S-1-2", sam_account_name="anna2")],
        )
    )
    for identity in (
        Identity(smtp_address="anna2@x.test"),
        Identity(object_sid="S-1-2"),
        Identity(sam_account_name="ANNA2", side=SIDE_SOURCE),
    ):
        assert cache.resolve(identity).id == b"p" * 16
