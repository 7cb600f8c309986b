"""Two-way synchronisation of single attributes and of sets: converges, echoes nothing, loses nothing."""

from __future__ import annotations

from typing import Literal

from hypothesis import given
from hypothesis import strategies as st
from isthmus_sync.directory import Agreed, Side
from isthmus_sync.directory.pairs import fingerprint
from isthmus_sync.directory.settling import merge, settle

OWNERS: list[Literal["source", "target", "newest"]] = ["source", "target", "newest"]
owners = st.sampled_from(OWNERS)
values = st.sampled_from([(), (b"a",), (b"b",), (b"c",), (b"a", b"b")])
# What people do between two looks: write a value on one side or the other.
histories = st.lists(st.tuples(st.sampled_from(list(Side)), values), max_size=12)


def _carried_out(
    winner: Side | None, source: tuple[bytes, ...], target: tuple[bytes, ...]
) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    if winner is None:
        return source, target
    value = source if winner is Side.SOURCE else target
    return value, value


@given(owners, values, values, histories, st.data())
def test_every_history_settles_at_once_and_stays_settled(
    owner: Literal["source", "target", "newest"],
    source: tuple[bytes, ...],
    target: tuple[bytes, ...],
    history: list[tuple[Side, tuple[bytes, ...]]],
    data: st.DataObject,
) -> None:
    agreed: tuple[str, str] | None = None
    last = Side.SOURCE
    for side, value in [(None, ()), *history]:
        if side is Side.SOURCE:
            source, last = value, side
        elif side is Side.TARGET:
            target, last = value, side
        if not data.draw(st.booleans()):
            continue  # several changes come between two looks
        winner = settle(owner, source, target, agreed, lambda last=last: last)  # type: ignore[misc]
        source, target = _carried_out(winner, source, target)
        agreed = fingerprint(source), fingerprint(target)
        assert settle(owner, source, target, agreed, lambda: Side.SOURCE) is None


@given(owners, values, values)
def test_a_first_comparison_erases_nothing(
    owner: Literal["source", "target", "newest"], source: tuple[bytes, ...], target: tuple[bytes, ...]
) -> None:
    after = _carried_out(settle(owner, source, target, None, lambda: Side.SOURCE), source, target)
    assert bool(after[0]) >= bool(source)
    assert bool(after[1]) >= bool(target)


def test_the_owner_wins_and_without_one_whoever_changed() -> None:
    agreed = fingerprint((b"old",)), fingerprint((b"old",))
    old, new, newer = (b"old",), (b"new",), (b"newer",)
    assert settle("source", old, new, agreed, lambda: Side.TARGET) is Side.SOURCE
    assert settle("target", new, old, agreed, lambda: Side.SOURCE) is Side.TARGET
    assert settle("newest", old, new, agreed, lambda: Side.SOURCE) is Side.TARGET
    assert settle("newest", new, old, agreed, lambda: Side.TARGET) is Side.SOURCE
    assert settle("newest", new, newer, agreed, lambda: Side.TARGET) is Side.TARGET
    assert settle("source", (), old, agreed, lambda: Side.TARGET) is Side.SOURCE, "a value the owner clears is cleared"
    assert settle("newest", (b"b", b"a"), (b"a", b"b"), None, lambda: Side.SOURCE) is None, "values have no order"


sets = st.frozensets(st.sampled_from("abcdef"))


@given(owners, sets, sets, sets)
def test_merged_sets_agree_and_merge_to_themselves(
    owner: Literal["source", "target", "newest"], source: frozenset[str], target: frozenset[str], agreed: frozenset[str]
) -> None:
    after = merge(owner, source, target, agreed)
    assert merge(owner, *after, after[0] & after[1]) == after
    if owner == "newest":
        assert after[0] == after[1]


@given(sets, sets, sets)
def test_nothing_is_removed_that_nobody_removed(
    source: frozenset[str], target: frozenset[str], agreed: frozenset[str]
) -> None:
    both, _ = merge("newest", source, target, agreed)
    assert both >= (source | target) - agreed
    assert both.isdisjoint((agreed - source) | (agreed - target))
    assert merge("source", source, target, agreed)[1] >= target - (agreed - source)


prints = st.sampled_from(["", fingerprint((b"a",)), fingerprint((b"b",))])
names = st.sampled_from(["cn", "l", "mail", "title"])


@given(st.dictionaries(names, st.tuples(prints, prints)), st.dictionaries(names, sets))
def test_what_was_agreed_is_remembered(agreed: dict[str, tuple[str, str]], members: dict[str, frozenset[str]]) -> None:
    assert Agreed.from_json(Agreed(agreed, members).to_json()) == Agreed(agreed, members)


def test_what_an_earlier_version_remembered_is_read() -> None:
    text = '{"values": {"cn": ["1f", "1f"], "l": ["", ""], "title": ["1f", ""]}, "sets": {"member": ["a"]}}'
    values = {"cn": ("1f", "1f"), "l": ("", ""), "title": ("1f", "")}
    assert Agreed.from_json(text) == Agreed(values, {"member": frozenset("a")})
    assert Agreed.from_json("{}") == Agreed()
