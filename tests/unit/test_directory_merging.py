"""Contacts of the target that stand for somebody of the source, merged into the object that takes their place."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from isthmus_sync.directory import DirectoryObject, Side, objection, weigh
from isthmus_sync.directory.objects import as_values

from tests.unit.directory_values import guid, mailbox, project, recipient
from tests.unit.directory_world import World


def _contact(name: str = "anna", **attributes: str | list[str]) -> DirectoryObject:
    """A contact in beta for somebody of alpha, as people make them."""
    values = {
        "targetAddress": f"SMTP:{name}@x.test",
        "proxyAddresses": [f"SMTP:{name}@x.test", f"smtp:{name}@beta.test", "X500:/o=older/cn=c"],
        "legacyExchangeDN": f"/o=beta/cn=contact-{name}",
        "mailNickname": name,
        **attributes,
    }
    return recipient("beta", f"contact {name}", "contact", {"manager": ["boss"]}, mail=f"{name}@x.test", **values)


def _world(policy: str) -> World:
    world = World(project(contacts=policy, match=["mail", "proxyAddresses"]))
    world.put(Side.SOURCE, mailbox("alpha", "anna"))
    world.put(
        Side.TARGET,
        _contact(),
        recipient("beta", "staff", "group", {"member": ["contact anna", "boss"], "managedBy": ["contact anna"]},
                  mail="", proxyAddresses=[]),
        recipient("beta", "boss", mail="boss@y.test", proxyAddresses=["SMTP:boss@y.test"], links=None),
        recipient("beta", "aide", links={"manager": ["contact anna"], "publicDelegates": ["contact anna"]},
                  mail="aide@y.test", proxyAddresses=["SMTP:aide@y.test"]),
    )  # fmt: skip
    return world


def _target(world: World, name: str) -> DirectoryObject:
    return world.objects[Side.TARGET][guid(f"beta/{name}")]


def test_without_being_asked_a_contact_is_reported_with_the_remedy() -> None:
    world = _world("report")
    world.settle()
    assert world.last
    [refused] = world.last.refused
    assert "set directory.contacts to delete or keep" in refused.reason
    assert not world.pairs


@pytest.mark.parametrize("policy", ["delete", "keep"])
def test_the_new_user_takes_the_place_of_the_contact(policy: str) -> None:
    world = _world(policy)
    world.run()
    assert world.last
    [decision] = world.last.decisions
    assert [contact.guid for contact in decision.merges] == [guid("beta/contact anna")]
    world.settle()
    anna = world.source("anna")
    twin = world.twin(anna)
    assert {
        "SMTP:anna@x.test", "smtp:anna@beta.test", "X500:/o=beta/cn=contact-anna", "X500:/o=older/cn=c",
        "X500:/o=alpha/cn=anna",
    } < set(twin.texts("proxyAddresses"))  # fmt: skip
    assert "smtp:anna@beta.test" in anna.texts("proxyAddresses"), "what reaches her there reaches her here"
    assert twin.text("mailNickname") == "anna", "the contact's name is free for her"
    assert [link.guid for link in twin.linked("manager")] == [guid("beta/boss")]
    staff, aide = _target(world, "staff"), _target(world, "aide")
    assert {link.guid for link in staff.linked("member")} == {twin.guid, guid("beta/boss")}
    assert [link.guid for link in staff.linked("managedBy")] == [twin.guid]
    assert [link.guid for link in aide.linked("manager")] == [twin.guid]
    assert [link.guid for link in aide.linked("publicDelegates")] == [twin.guid]
    contact = world.objects[Side.TARGET].get(guid("beta/contact anna"))
    if policy == "delete":
        assert contact is None
    else:
        assert contact is not None
        assert not any(contact.raw(name) for name in ("mail", "proxyAddresses", "targetAddress", "legacyExchangeDN"))
        assert contact.text("cn") == "contact anna"


def test_a_user_that_is_there_already_takes_the_place_too() -> None:
    world = _world("delete")
    world.put(Side.TARGET, mailbox("beta", "anna", userAccountControl="512"))
    world.settle()
    assert world.twin(world.source("anna")).guid == guid("beta/anna")
    assert guid("beta/anna") in {link.guid for link in _target(world, "staff").linked("member")}
    assert guid("beta/contact anna") not in world.objects[Side.TARGET]


def test_a_group_can_have_been_a_contact() -> None:
    world = _world("delete")
    world.put(Side.SOURCE, recipient("alpha", "sales", "group"))
    world.put(Side.TARGET, _contact("sales"))
    world.settle()
    assert "X500:/o=beta/cn=contact-sales" in world.twin(world.source("sales")).texts("proxyAddresses")
    assert guid("beta/contact sales") not in world.objects[Side.TARGET]


def test_a_contact_whose_mail_goes_elsewhere_is_not_hers() -> None:
    world = _world("delete")
    world.put(Side.TARGET, _contact(targetAddress="SMTP:anna@private.test"))
    world.settle()
    assert world.last
    assert "which is a contact while this is a user" in world.last.refused[0].reason
    assert guid("beta/contact anna") in world.objects[Side.TARGET]


def test_a_contact_of_the_source_that_becomes_a_user_becomes_one_in_the_target() -> None:
    world = World(project(contacts="delete"))
    contact = recipient("alpha", "card", "contact", mail="anna@x.test", proxyAddresses=["SMTP:anna@x.test"],
                        targetAddress="SMTP:anna@x.test")  # fmt: skip
    group = recipient("alpha", "staff", "group", {"member": ["card"]})
    world.put(Side.SOURCE, contact, group)
    world.put(Side.TARGET, _contact())
    world.settle()
    assert world.twin(contact).guid == guid("beta/contact anna")
    world.delete(Side.SOURCE, contact)
    world.put(Side.SOURCE, mailbox("alpha", "anna"))
    world.settle()
    assert guid("beta/contact anna") not in world.objects[Side.TARGET]
    assert "X500:/o=beta/cn=contact-anna" in world.twin(world.source("anna")).texts("proxyAddresses")


def test_a_contact_that_stands_for_two_is_merged_once_one_of_them_lets_go() -> None:
    world = World(project(contacts="delete"))
    also_anna = mailbox("alpha", "ann", proxyAddresses=["SMTP:ann@x.test", "smtp:anna@x.test"])
    world.put(Side.SOURCE, mailbox("alpha", "anna"), also_anna)
    world.put(Side.TARGET, _contact())
    world.settle()
    assert world.last
    card = world.objects[Side.TARGET][guid("beta/contact anna")]
    for decision, other in zip(world.last.decisions, ("anna", "ann"), strict=True):
        assert decision.contested
        told = next(problem for problem in decision.problems if card.dn in problem)
        assert "is not merged: its mail goes to anna@x.test" in told
        assert world.source(other).dn in told
    world.write(Side.SOURCE, world.source("ann"), "proxyAddresses", as_values(["SMTP:ann@x.test"]))
    world.settle()
    assert world.last
    assert not any(decision.contested or decision.problems for decision in world.last.decisions)
    assert guid("beta/contact anna") not in world.objects[Side.TARGET]
    assert "SMTP:anna@x.test" in world.twin(world.source("anna")).texts("proxyAddresses")


def test_a_merge_weighs_like_an_overwritten_object() -> None:
    world = _world("delete")
    world.run()
    assert world.last
    assert weigh(world.last.decisions, ()).measure.overwritten == 1
    assert objection(weigh(world.last.decisions, ()), project(guard=1)) is None


@given(st.lists(st.sampled_from(["user", "contact", "contact elsewhere", "twin", "run", "unlisted"]), max_size=8))
@settings(max_examples=80)
def test_whatever_the_order_one_of_each_remains(events: list[str]) -> None:
    """Users, contacts and runs in any order: in the end she is in the target once, and holds every address."""
    world = World(project(contacts="delete"))
    world.put(Side.SOURCE, recipient("alpha", "list", "group", {"member": ["anna"]}))
    for event in [*events, "user", "run"]:
        if event == "user" and guid("alpha/anna") not in world.objects[Side.SOURCE]:
            world.put(Side.SOURCE, mailbox("alpha", "anna"))
        elif event == "contact":
            world.put(Side.TARGET, _contact())
        elif event == "contact elsewhere" and not world.pairs:
            world.put(Side.TARGET, _contact(proxyAddresses=["SMTP:other@beta.test"]))
        elif event == "twin" and not any(o.text("mailNickname") == "anna" for o in world.objects[Side.TARGET].values()):
            world.put(Side.TARGET, mailbox("beta", "anna"))
        elif event == "unlisted" and guid("beta/contact anna") in world.objects[Side.TARGET]:
            world.write(Side.TARGET, _target(world, "contact anna"), "mail", as_values("changed@beta.test"))
        elif event == "run":
            world.settle()
    world.settle()
    holders = [obj for obj in world.objects[Side.TARGET].values() if b"SMTP:anna@x.test" in obj.raw("proxyAddresses")]
    assert [holder.guid for holder in holders] == [world.twin(world.source("anna")).guid]
    assert guid("beta/contact anna") not in world.objects[Side.TARGET]
