"""Whatever people do in a mailbox and whenever anything fails: in the end the other side has each item exactly once."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from isthmus_mailbox.proving import Proof
from isthmus_project.filters import Filter
from isthmus_sync.mailbox.model import Work

from tests.unit.mailbox_case import POLICIES, Case, Policy, Streams, assert_as_promised

_FATES = st.lists(st.sampled_from([0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]), max_size=40)
_DEEDS = st.lists(st.tuples(st.integers(0, 11), st.integers(0, 10**6)), max_size=12)
_NOTICES = st.sampled_from(["none", "all", "some are lost"])
_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("people"), _DEEDS),
        st.tuples(st.sampled_from(["pass", "proof"]), st.tuples(_FATES, _DEEDS, _NOTICES)),
    ),
    max_size=8,
)


@settings(max_examples=250)
@given(_STEPS, st.sampled_from(Streams), st.booleans(), st.sampled_from(POLICIES))
def test_any_history_with_any_failures_ends_as_the_policy_says(
    steps: list[tuple[str, Any]], streams: Streams, takes_turns: bool, policy: Policy
) -> None:
    case = Case()
    case.policy = policy
    case.world.takes_turns = takes_turns
    streams.arrange(case)

    async def run() -> Proof:
        await case.play(steps)
        return await case.come_to_rest()

    proof = asyncio.run(run())
    assert_as_promised(case)
    assert proof.equal, proof.differences
    assert not proof.healed
    assert not case.ledger.staged_rows


@settings(max_examples=80)
@given(_STEPS, _STEPS, st.sampled_from(POLICIES))
def test_any_history_over_a_target_that_is_made_anew_ends_as_the_policy_says(
    before: list[tuple[str, Any]], after: list[tuple[str, Any]], policy: Policy
) -> None:
    case = Case()
    case.policy = policy

    async def run() -> Proof:
        await case.play(before)
        case.target.make_anew()
        await case.play(after)
        return await case.come_to_rest()

    proof = asyncio.run(run())
    assert_as_promised(case)
    assert proof.equal, proof.differences
    assert not case.ledger.staged_rows


_RULES: list[list[dict[str, Any]]] = [
    [],
    [{"exclude": {"folders": "notes"}}],
    [{"exclude": {"folders": ["Posteingang/Travel", "deleteditems"]}}],
    [{"exclude": {"larger_than": "0.007 kB"}}],
    [{"include": {"folders": "inbox", "subfolders": False}}, {"exclude": "everything"}],
]
_FILTERS = st.sampled_from(_RULES).map(lambda rules: [Filter.model_validate(rule) for rule in rules])


@settings(max_examples=100)
@given(_STEPS, st.lists(_FILTERS, min_size=1, max_size=6), st.sampled_from(POLICIES))
def test_any_filters_in_between_leave_everything_equal_without_them(
    steps: list[tuple[str, Any]], filters: list[list[Filter]], policy: Policy
) -> None:
    case = Case()
    case.policy = policy
    case.filters = iter(filters)

    async def run() -> tuple[Proof, Proof]:
        await case.play(steps)
        case.filters = iter(())
        filtered = await case.come_to_rest()
        assert {row.work for row in case.ledger.staged_rows.values()} <= {Work.LEFT_OUT}
        assert filtered.left_out.total() == len(case.ledger.staged_rows)
        case.filters = iter([[]])
        return filtered, await case.come_to_rest()

    filtered, whole = asyncio.run(run())
    assert filtered.equal, filtered.differences
    assert whole.equal, whole.differences
    assert not case.ledger.staged_rows
    assert_as_promised(case)
