"""Matching: the first rule that finds something counts, and nothing is guessed."""

from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from isthmus_sync.directory import Index, Pair, Twins, attributes_to_read, match

from tests.unit.directory_values import project, recipient


def test_rules_are_tried_in_order() -> None:
    rules = project(match=["mail", "proxyAddresses", "sAMAccountName"])
    sources = [
        recipient("alpha", "anna"),
        recipient("alpha", "bert", mail="bert@old.test", proxyAddresses=["SMTP:bert@old.test", "smtp:bb@x.test"]),
        recipient("alpha", "carla", mail="c@old.test", proxyAddresses=["SMTP:c@old.test"]),
        recipient("alpha", "dora", mail="d@old.test", proxyAddresses=[]),
    ]
    targets = Index(
        [
            recipient("beta", "a", mail="ANNA@x.test"),
            recipient("beta", "b", mail="other@x.test", proxyAddresses=["smtp:BB@x.test"]),
            recipient("beta", "carla", mail="", proxyAddresses=[]),
        ]
    )
    found = match(sources, targets, Twins(), rules)
    assert [(m.source.text("cn"), m.target.text("cn"), m.rule) for m in found.matches] == [
        ("anna", "a", "mail"),
        ("bert", "b", "proxyAddresses"),
        ("carla", "carla", "sAMAccountName"),
    ]
    assert [obj.text("cn") for obj in found.unmatched] == ["dora"]


def test_what_needs_a_person_is_refused_with_a_reason() -> None:
    anna = recipient("alpha", "anna", proxyAddresses=["SMTP:anna@x.test", "smtp:b1@x.test", "smtp:b2@x.test"], mail="")
    twice = [recipient("alpha", name, mail="shared@x.test") for name in ("bert", "carla")]
    late = recipient("alpha", "dora", mail="taken@x.test")
    guest = recipient("alpha", "guest")
    targets = Index(
        [
            recipient("beta", "b1"),
            recipient("beta", "b2"),
            recipient("beta", "shared"),
            recipient("beta", "taken"),
            recipient("beta", "guest", "contact"),
        ]
    )
    [taken] = targets.holders("mail", "taken@x.test")
    owner = recipient("alpha", "owner")
    sources = [anna, *twice, late, guest]
    twins = Twins([Pair(b"1" * 16, owner.guid, taken.guid)])
    found = match(sources, targets, twins, project(), Index([*sources, owner]))
    reasons = {refused.source.text("cn"): refused.reason for refused in found.refused}
    assert "proxyAddresses matches 2 objects: CN=b1" in reasons["anna"]
    assert "which CN=carla" in reasons["bert"]
    assert "which CN=bert" in reasons["carla"]
    assert "already belongs to another object" in reasons["dora"]
    assert "is a contact while this is a user" in reasons["guest"]
    assert not found.matches
    assert not found.unmatched


def test_the_mark_of_an_earlier_run_comes_first() -> None:
    anna = recipient("alpha", "anna")
    made = recipient("beta", "made", proxyAddresses=["X500:/O=ALPHA/cn=anna"], mail="renamed@x.test")
    [found] = match([anna], Index([made]), Twins(), project()).matches
    assert (found.target, found.rule) == (made, "legacyExchangeDN")


def test_what_a_person_says_comes_before_every_rule() -> None:
    anna, bert, carla, dora, eva = (recipient("alpha", name) for name in ("anna", "bert", "carla", "dora", "eva"))
    targets = Index(
        [recipient("beta", name) for name in ("anna", "bert", "x")]
        + [recipient("beta", f"c{n}", proxyAddresses=["smtp:carla@x.test"]) for n in (1, 2)]
    )
    rules = project(
        pairs=[
            {"source": "ANNA@x.test", "target": "CN=x,OU=Staff,DC=beta,DC=test"},
            {"source": "bert", "target": ""},
            {"source": str(UUID(bytes_le=carla.guid)), "target": "c2"},
            {"source": "dora@x.test", "target": "nobody@x.test"},
            {"source": "zoe@x.test", "target": "zoe"},
        ]
    )
    found = match([anna, bert, carla, dora, eva], targets, Twins(), rules)
    assert {(m.source.text("cn"), m.target.text("cn"), m.rule) for m in found.matches} == {
        ("anna", "x", "pairs"),
        ("carla", "c2", "pairs"),
    }
    assert [obj.text("cn") for obj in found.unmatched] == ["bert", "eva"]
    [refused] = found.refused
    assert refused.reason == "the project's pairs name nobody@x.test, which beta does not have"


def test_a_name_that_means_two_is_refused_even_when_only_one_of_them_is_looked_at() -> None:
    twins = [recipient("alpha", name, mail="both@x.test") for name in ("anna", "bert")]
    rules = project(pairs=[{"source": "both@x.test", "target": "x"}])
    found = match(twins[:1], Index([recipient("beta", "x")]), Twins(), rules, Index(twins))
    [refused] = found.refused
    assert refused.reason == f"the project's pairs name both@x.test, which is also {twins[1].dn}"


def test_accounts_are_matched_by_the_sid_that_they_had_and_by_any_two_attributes() -> None:
    rules = project(match=["sIDHistory", "employeeID=extensionAttribute5", "info=info"])
    sources = [
        recipient("alpha", "anna", objectSid=b"\x01A"),
        recipient("alpha", "bert", objectSid=b"\x01b", employeeID="E7"),
        recipient("alpha", "carla", info="The only one"),
        recipient("alpha", "dora", objectSid=b"\x01c"),
    ]
    targets = Index(
        [
            recipient("beta", "a", sIDHistory=[b"\x01Z", b"\x01A"]),
            recipient("beta", "b", extensionAttribute5="e7"),
            recipient("beta", "c", info="THE ONLY ONE"),
            recipient("beta", "d", sIDHistory=[b"\x01C"]),
        ]
    )
    found = match(sources, targets, Twins(), rules)
    assert [(m.source.text("cn"), m.target.text("cn")) for m in found.matches] == [
        ("anna", "a"),
        ("bert", "b"),
        ("carla", "c"),
    ]
    assert [obj.text("cn") for obj in found.unmatched] == ["dora"], "SIDs are bytes: no case"
    assert {"objectSid", "sIDHistory", "employeeID", "extensionAttribute5"} <= set(attributes_to_read(rules))


addresses = st.lists(st.sampled_from([f"n{i}@x.test" for i in range(6)]), max_size=3)


@given(st.lists(addresses, max_size=6), st.lists(addresses, max_size=6))
def test_no_object_is_matched_twice_and_none_is_forgotten(sources: list[list[str]], targets: list[list[str]]) -> None:
    def people(side: str, everybody: list[list[str]]) -> list:  # type: ignore[type-arg]
        return [
            recipient(side, f"{side}{i}", mail=found[0] if found else "", proxyAddresses=[f"smtp:{a}" for a in found])
            for i, found in enumerate(everybody)
        ]

    left, right = people("alpha", sources), people("beta", targets)
    found = match(left, Index(right), Twins(), project())
    assert len({m.target.guid for m in found.matches}) == len(found.matches)
    answered = [m.source.guid for m in found.matches] + [r.source.guid for r in found.refused]
    answered += [obj.guid for obj in found.unmatched]
    assert sorted(answered) == sorted(obj.guid for obj in left)
    for one in found.matches:
        assert set(one.source.texts("proxyAddresses")) & set(one.target.texts("proxyAddresses"))
