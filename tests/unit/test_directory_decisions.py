"""What a pair needs: new recipients, mail redirection, addresses, links."""

from __future__ import annotations

import pytest
from isthmus_sync.directory import (
    Agreed,
    Kind,
    Link,
    Measure,
    Modification,
    Pair,
    Side,
    Weight,
    compare,
    objection,
    weigh,
)
from isthmus_sync.directory.objects import as_values

from tests.unit.directory_values import FACTS, MAIL_USERS, guid, link, mailbox, project, recipient
from tests.unit.directory_world import World


def test_a_new_user_gets_a_mailbox_and_its_mail_goes_to_the_source() -> None:
    world = World()
    world.put(Side.SOURCE, mailbox("alpha", "anna", userAccountControl="512", title="Buyer"))
    world.settle()
    twin = world.twin(world.source("anna"))
    assert twin.kind is Kind.USER
    assert twin.has_mailbox
    assert twin.text("title") == "Buyer"
    assert twin.text("targetAddress") == "SMTP:anna@alpha.redirect.test"
    assert set(twin.texts("proxyAddresses")) == {
        "SMTP:anna@x.test",
        "smtp:anna@beta.redirect.test",
        "X500:/o=alpha/cn=anna",
    }
    source = world.source("anna")
    assert set(source.texts("proxyAddresses")) == {
        "SMTP:anna@x.test",
        "smtp:anna@alpha.redirect.test",
        f"X500:{twin.text('legacyExchangeDN')}",
    }
    assert not source.raw("targetAddress")
    assert (twin.text("msExchRecipientTypeDetails"), twin.text("msExchRecipientDisplayType")) == ("1", "1073741824")


def test_without_a_database_users_stay_mail_users_until_they_get_one() -> None:
    world = World(facts=MAIL_USERS)
    world.put(Side.SOURCE, mailbox("alpha", "anna"))
    world.settle()
    twin = world.twin(world.source("anna"))
    assert (twin.has_mailbox, twin.text("msExchRecipientTypeDetails")) == (False, "128")
    world.facts = World().facts
    world.settle()
    twin = world.twin(world.source("anna"))
    assert (twin.has_mailbox, twin.text("msExchRecipientTypeDetails")) == (True, "1")


def test_redirection_flips_with_the_active_side_and_back() -> None:
    world = World()
    world.put(Side.SOURCE, mailbox("alpha", "anna"))
    world.settle()
    world.switch(world.source("anna"), Side.TARGET)
    world.settle()
    assert world.source("anna").text("targetAddress") == "SMTP:anna@beta.redirect.test"
    assert not world.twin(world.source("anna")).raw("targetAddress")
    assert world.last
    assert all(decision.redirected for decision in world.last.decisions)
    world.switch(world.source("anna"), Side.SOURCE)
    world.settle()
    assert not world.source("anna").raw("targetAddress")
    assert world.twin(world.source("anna")).text("targetAddress") == "SMTP:anna@alpha.redirect.test"


def test_mail_is_not_sent_to_a_target_without_a_mailbox() -> None:
    world = World(facts=MAIL_USERS)
    world.put(Side.SOURCE, mailbox("alpha", "anna"))
    world.settle()
    world.switch(world.source("anna"), Side.TARGET)
    world.settle()
    assert not world.source("anna").raw("targetAddress")
    assert world.last
    assert "has no mailbox" in world.last.decisions[0].problems[0]


def test_addresses_are_merged_removed_on_both_sides_and_never_taken_from_somebody_else() -> None:
    world = World()
    anna = mailbox("alpha", "anna", proxyAddresses=["SMTP:anna@x.test", "smtp:a@x.test", "smtp:held@x.test"])
    twin = mailbox("beta", "anna", proxyAddresses=["SMTP:anna.b@y.test", "sip:anna@y.test", "smtp:anna@x.test"])
    world.put(Side.SOURCE, anna)
    world.put(Side.TARGET, twin, recipient("beta", "holder", proxyAddresses=["SMTP:held@x.test"], mail="held@x.test"))
    world.settle()
    addresses = set(world.twin(anna).texts("proxyAddresses"))
    assert {"SMTP:anna.b@y.test", "sip:anna@y.test", "smtp:a@x.test"} < addresses
    assert "smtp:held@x.test" not in addresses
    assert "smtp:anna.b@y.test" in world.source("anna").texts("proxyAddresses")
    assert world.last
    assert "held@x.test cannot be added in beta: CN=holder" in world.last.decisions[0].problems[0]
    left = tuple(value for value in world.source("anna").raw("proxyAddresses") if value != b"smtp:a@x.test")
    world.write(Side.SOURCE, world.source("anna"), "proxyAddresses", left)
    world.settle()
    assert "smtp:a@x.test" not in world.twin(anna).texts("proxyAddresses")
    world.write(Side.TARGET, world.twin(anna), "proxyAddresses", ())
    world.settle()
    assert "SMTP:anna@x.test" in world.source("anna").texts("proxyAddresses"), "an emptied side empties nothing"
    assert "smtp:anna@x.test" in [text.lower() for text in world.twin(anna).texts("proxyAddresses")]


def test_an_old_x500_address_stays_for_ever() -> None:
    world = World()
    old = "X500:/o=Old/cn=a"
    world.put(Side.SOURCE, mailbox("alpha", "anna", proxyAddresses=["SMTP:anna@x.test", old]))
    world.settle()
    world.write(Side.SOURCE, world.source("anna"), "proxyAddresses", as_values("SMTP:anna@x.test"))
    world.settle()
    assert old in world.twin(world.source("anna")).texts("proxyAddresses")
    assert old in world.source("anna").texts("proxyAddresses")


def test_a_new_primary_address_follows_and_a_matched_one_is_left() -> None:
    world = World()
    world.put(Side.SOURCE, mailbox("alpha", "anna"))
    world.settle()
    anna = world.source("anna")
    renamed = [v for v in anna.texts("proxyAddresses") if not v.startswith("SMTP:")]
    renamed += ["SMTP:anna.new@x.test", "smtp:anna@x.test"]
    world.write(Side.SOURCE, anna, "proxyAddresses", as_values(renamed))
    world.write(Side.SOURCE, world.source("anna"), "mail", as_values("anna.new@x.test"))
    world.settle()
    assert "SMTP:anna.new@x.test" in world.twin(anna).texts("proxyAddresses")
    assert "smtp:anna@x.test" in world.twin(anna).texts("proxyAddresses")


def test_names_that_are_taken_get_a_number() -> None:
    world = World()
    long = "a-very-long-account-name"
    world.put(Side.SOURCE, mailbox("alpha", "anna", sAMAccountName=long), mailbox("alpha", "bert", cn="anna"))
    world.put(
        Side.TARGET,
        recipient("beta", "x", sAMAccountName=long[:20], mailNickname="anna", mail="x@y.test", proxyAddresses=[]),
    )
    world.settle()
    anna, bert = (world.twin(world.source(name)) for name in ("anna", "bert"))
    assert anna.text("sAMAccountName") == long[:19] + "2"
    assert anna.text("mailNickname") == "anna2"
    assert {anna.dn, bert.dn} == {"CN=anna,OU=New,DC=beta,DC=test", "CN=anna (bert),OU=New,DC=beta,DC=test"}


def test_links_wait_for_both_ends_and_circles_end() -> None:
    world = World()
    world.put(
        Side.SOURCE,
        mailbox("alpha", "anna", {"manager": ["bert"]}),
        recipient("alpha", "outer", "group", {"member": ["inner", "anna", "stranger"]}, groupType="-2147483646"),
        recipient("alpha", "inner", "group", {"member": ["outer"]}),
    )
    world.settle()
    outer, inner, anna = (world.twin(world.source(name)) for name in ("outer", "inner", "anna"))
    assert {found.guid for found in outer.linked("member")} == {inner.guid, anna.guid}
    assert [found.guid for found in inner.linked("member")] == [outer.guid]
    assert not anna.linked("manager")
    assert outer.number("groupType") == -2147483640, "security groups become universal security groups"
    world.put(Side.SOURCE, mailbox("alpha", "bert"), recipient("alpha", "stranger", "contact"))
    world.settle()
    assert [found.guid for found in world.twin(world.source("anna")).linked("manager")] == [
        world.twin(world.source("bert")).guid
    ]
    assert len(world.twin(world.source("outer")).linked("member")) == 3


def test_members_that_only_the_target_has_stay() -> None:
    world = World(project(match=["mail"]))
    world.put(Side.SOURCE, mailbox("alpha", "anna"), recipient("alpha", "staff", "group", {"member": ["anna"]}))
    world.put(
        Side.TARGET,
        recipient("beta", "staff", "group", {"member": ["local"]}),
        recipient("beta", "local", mail="local@y.test"),
    )
    world.settle()
    staff, anna = world.twin(world.source("staff")), world.twin(world.source("anna"))
    assert {found.guid for found in staff.linked("member")} == {anna.guid, guid("beta/local")}
    world.link(Side.SOURCE, world.source("staff"), "member", ())
    world.settle()
    assert [found.guid for found in world.twin(world.source("staff")).linked("member")] == [guid("beta/local")]


def test_a_target_that_was_deleted_is_not_made_again() -> None:
    world = World()
    world.put(Side.SOURCE, mailbox("alpha", "anna"), mailbox("alpha", "bert", {"manager": ["anna"]}))
    world.settle()
    world.delete(Side.TARGET, world.twin(world.source("anna")))
    world.settle()
    assert world.last
    assert [pair.source_guid for pair in world.last.without_target] == [guid("alpha/anna")]
    assert len(world.objects[Side.TARGET]) == 1


def test_contacts_and_rooms_are_what_they_are() -> None:
    world = World()
    world.put(
        Side.SOURCE,
        recipient("alpha", "guest", "contact", targetAddress="SMTP:guest@far.test"),
        mailbox(
            "alpha", "room", msExchRecipientTypeDetails="16", msExchResourceCapacity="12", userAccountControl="514"
        ),
    )
    world.run()
    assert world.last
    creations = {decision.source.text("cn"): decision.creation for decision in world.last.decisions}
    assert creations["room"] is not None
    assert not creations["room"].enabled
    guest, room = (world.twin(world.source(name)) for name in ("guest", "room"))
    assert (guest.kind, guest.text("targetAddress")) == (Kind.CONTACT, "SMTP:guest@far.test")
    assert (room.kind, room.text("msExchResourceCapacity")) == (Kind.ROOM, "12")


def test_the_guard_counts_what_would_be_lost() -> None:
    world = World()
    for number in range(3):
        world.put(Side.SOURCE, mailbox("alpha", f"p{number}", title="New"))
        world.put(Side.TARGET, mailbox("beta", f"p{number}", title="Old"))
    world.put(Side.SOURCE, mailbox("alpha", "new"))
    world.run()
    assert world.last
    weight = weigh(world.last.decisions, gone=[b"g"])
    assert weight.measure == Measure(3, 1)
    assert objection(weight, project(guard=3)) is None
    assert "3 objects would be overwritten (directory.guard allows 2)" in (objection(weight, project(guard=2)) or "")
    many = Weight(gone=frozenset((b"1", b"2")))
    assert "2 are gone (directory.guard_deletions allows 1)" in (objection(many, project(guard_deletions=1)) or "")
    assert objection(many, project(guard_deletions=1), allowed=Measure(5, 2)) is None
    assert objection(many, project(guard_deletions=1), allowed=Measure(5, 1)) is not None


def test_what_only_adds_is_left_to_whoever_makes_it() -> None:
    sources = [mailbox("alpha", "there", title="New"), mailbox("alpha", "new"), mailbox("alpha", "agreed")]
    targets = [mailbox("beta", "there", title="Old")]
    agreed = Pair(guid("pair"), sources[2].guid, agreed=Agreed({"title": ("", "")}))
    found = compare(sources, targets, [agreed], project(), FACTS)
    assert [decision.source.text("cn") for decision in found.decisions] == ["agreed", "there"]
    assert [source.text("cn") for _, source in found.undecided] == ["new"]
    assert found.created == 2
    found.decide()
    assert [decision.source.text("cn") for decision in found.decisions] == ["agreed", "new", "there"]
    assert (found.undecided, found.created) == ([], 2)
    made_for_the_source = {"info": {"owner": "target", "template": "{mail}"}}
    for weighty in (project(contacts="delete"), project(attributes=made_for_the_source)):
        assert not compare(sources, targets, [agreed], weighty, FACTS).undecided


def test_a_mass_change_in_small_portions_is_one() -> None:
    limited = project(guard=5, guard_deletions=1)

    def overwriting(*names: str) -> Weight:
        return Weight(frozenset(name.encode() for name in names))

    before = overwriting("a", "b", "c")
    assert objection(overwriting("d", "e"), limited, before) is None
    stop = objection(overwriting("d", "e", "f"), limited, before)
    assert "6 objects would be overwritten" in (stop or "")
    assert "3 and 0 of them in the 60 minutes before" in (stop or "")
    assert objection(overwriting("a", "b", "c"), limited, before) is None, "the same objects again are not more"
    high = overwriting(*"abcdefgh")
    assert objection(overwriting("a"), limited, high) is None, "what adds nothing is not stopped"
    assert objection(Weight(gone=frozenset((b"x",))), limited, high) is None
    assert objection(overwriting("z"), limited, high) is not None
    assert objection(overwriting("z"), limited, high, allowed=Measure(9, 0)) is None
    assert objection(Weight(gone=frozenset((b"x",))), limited, Weight(gone=frozenset((b"y",)))) is not None


def test_a_change_is_spoken_without_binary_values() -> None:
    change = Modification("thumbnailPhoto", (b"\xff\xd8",), (link("alpha", "anna"),), whole=True)
    assert change.spoken() == "thumbnailPhoto: (2 bytes) -> CN=anna,OU=Staff,DC=alpha,DC=test"


@pytest.mark.parametrize("count", [1, 2])
def test_deciding_again_writes_nothing(count: int) -> None:
    world = World()
    for number in range(count):
        world.put(Side.SOURCE, mailbox("alpha", f"p{number}", {"manager": ["p0"]}))
    world.run()
    assert world.run() == 0


def test_of_two_new_managers_the_newest_wins() -> None:
    for last in Side:
        world = World(project(attributes={"manager": "newest"}))
        world.put(Side.SOURCE, *(mailbox("alpha", name) for name in ("anna", "bert", "carl")))
        world.settle()
        bert, carl = (world.source(name) for name in ("bert", "carl"))
        for side in (last.other, last):
            anna = world.source("anna") if side is Side.SOURCE else world.twin(world.source("anna"))
            boss = bert if side is Side.SOURCE else world.twin(carl)
            world.link(side, anna, "manager", (Link(boss.guid, boss.dn),))
        world.settle()
        wanted = bert if last is Side.SOURCE else carl
        assert [found.guid for found in world.source("anna").linked("manager")] == [wanted.guid]
        assert [found.guid for found in world.twin(world.source("anna")).linked("manager")] == [world.twin(wanted).guid]


def test_two_who_swap_their_addresses_get_past_each_other() -> None:
    world = World()
    world.put(Side.SOURCE, *(mailbox("alpha", name) for name in ("anna", "bert")))
    world.settle()
    for name, other in (("anna", "bert"), ("bert", "anna")):
        held = tuple(v for v in world.source(name).raw("proxyAddresses") if not v.startswith(b"SMTP:"))
        world.write(Side.SOURCE, world.source(name), "mail", as_values(f"{other}@x.test"))
        world.write(Side.SOURCE, world.source(name), "proxyAddresses", (f"SMTP:{other}@x.test".encode(), *held))
    world.settle()
    for name, other in (("anna", "bert"), ("bert", "anna")):
        twin = world.twin(world.source(name))
        assert twin.text("mail") == f"{other}@x.test"
        assert f"smtp:{other}@x.test" in {value.lower() for value in twin.texts("proxyAddresses")}
        assert f"smtp:{name}@x.test" not in {value.lower() for value in twin.texts("proxyAddresses")}


def test_an_address_that_somebody_else_has_is_told_of_and_never_copied() -> None:
    world = World()
    world.put(Side.SOURCE, mailbox("alpha", "anna"), mailbox("alpha", "bert", mail="anna@x.test",
                                                             proxyAddresses=["SMTP:anna@x.test"]))  # fmt: skip
    for _ in range(2):
        world.settle()
        assert world.last is not None
        told = {d.source.dn: d.problems for d in world.last.decisions}
        assert not told[world.source("anna").dn]
        assert "anna has it" in told[world.source("bert").dn][0].replace("CN=", "").replace(
            ",OU=New,DC=beta,DC=test", ""
        )
    bert = world.twin(world.source("bert"))
    assert (bert.text("mail"), "smtp:anna@x.test" in str(bert.texts("proxyAddresses")).lower()) == ("", False)
