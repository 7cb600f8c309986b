"""Rules as bytes: what is written is read again, and bytes that are no rule are refused, whatever they are."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from isthmus_lab.exchange.rules.conditions import met
from isthmus_lab.exchange.rules.format import read_actions, read_condition, write_actions, write_condition
from isthmus_lab.exchange.rules.model import Action, Condition, Flavor, Kind, Recipients, every, negated, some
from isthmus_lab.mapi import tags
from isthmus_lab.mapi.bag import Bag
from isthmus_lab.store import Bitmask, Compare, Contains, Exists

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
NUMBERS = st.integers(-(2**31), 2**31 - 1)
KEYS = st.sampled_from([tags.PidTagSubject, tags.PidTagBody, tags.PidNameAcceptLanguage, tags.PidLidLocation])
LEAVES: st.SearchStrategy[Condition] = st.one_of(
    st.builds(Contains, KEYS, TEXTS, st.sampled_from(["full", "prefix", "substring"]), st.booleans()),
    st.builds(Compare, KEYS, st.sampled_from(["<", "<=", ">", ">=", "=", "!="]), TEXTS),
    st.builds(Compare, st.just(tags.PidTagImportance), st.just("="), NUMBERS),
    st.builds(Compare, st.just(tags.PidTagMessageToMe), st.just("="), st.booleans()),
    st.builds(Compare, st.just(tags.PidTagMessageDeliveryTime), st.just(">"), st.integers(0, 2**63)),
    st.builds(Exists, KEYS),
    st.builds(Bitmask, st.just(tags.PidTagMessageFlags), st.integers(0, 2**32 - 1), st.booleans()),
)
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(every),
        st.lists(inner, max_size=3).map(some),
        inner.map(negated),
        inner.map(Recipients),
    ),
    max_leaves=10,
)
PEOPLE = st.lists(
    st.fixed_dictionaries({tags.PidTagDisplayName: TEXTS, tags.PidTagEntryId: st.binary(max_size=40)}), max_size=3
).map(tuple)
ACTIONS: st.SearchStrategy[Action] = st.one_of(
    st.builds(Action, st.sampled_from([Kind.MOVE, Kind.COPY]), folder=st.binary(max_size=46)),
    st.builds(Action, st.just(Kind.FORWARD), st.sampled_from([*Flavor, Flavor.NONE]), recipients=PEOPLE),
    st.builds(Action, st.just(Kind.DELEGATE), recipients=PEOPLE),
    st.builds(Action, st.just(Kind.TAG), tag=st.tuples(st.just(tags.PidNameKeywords), st.lists(TEXTS, max_size=3))),
    st.builds(Action, st.sampled_from([Kind.DELETE, Kind.MARK_AS_READ])),
    st.builds(Action, st.just(Kind.DEFER), data=st.binary(max_size=20)),
)


@given(CONDITIONS)
def test_a_condition_is_read_as_it_was_written(condition: Condition) -> None:
    assert read_condition(write_condition(condition)) == condition


@given(st.lists(ACTIONS, max_size=4).map(tuple))
def test_actions_are_read_as_they_were_written(actions: tuple[Action, ...]) -> None:
    assert read_actions(write_actions(actions)) == actions


@given(st.data())
def test_what_is_no_rule_is_refused(data: Any) -> None:
    """Clients upload rules; a broken one must not stop anybody's mail."""
    good = data.draw(st.one_of(CONDITIONS.map(write_condition), st.lists(ACTIONS).map(tuple).map(write_actions)))
    raw = bytearray(good)
    for at, value in data.draw(st.lists(st.tuples(st.integers(0, max(0, len(raw) - 1)), st.integers(0, 255)))):
        if raw:
            raw[at] = value
    for read in (read_condition, read_actions):
        try:
            read(bytes(raw[: data.draw(st.integers(0, len(raw)))]))
        except ValueError:
            continue


@pytest.mark.parametrize("depth", [5_000])
def test_a_bottomless_condition_is_refused(depth: int) -> None:
    with pytest.raises(ValueError, match="deep"):
        read_condition(b"\0\0" + b"\2" * depth)


@given(CONDITIONS)
def test_a_negation_is_the_opposite(condition: Condition) -> None:
    message = Bag({tags.PidTagSubject: "Größe", tags.PidTagImportance: 1}, [{tags.PidTagDisplayName: "Anna"}])
    assert met(negated(condition), message) is not met(condition, message)
