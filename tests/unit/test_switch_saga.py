"""The switch as a pure function: its story, its refusals, and what no history of observations may ever make it do."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from isthmus_switch.saga import (
    CERTIFICATE_AGE,
    PASS_PATIENCE,
    PROBE_PATIENCE,
    PROOF_ROUNDS,
    REDIRECTION_PATIENCE,
    Action,
    DueCame,
    Failed,
    Flipped,
    LookedUp,
    OrderPass,
    PassAnswered,
    ProbeCleared,
    ProbeFound,
    ProbeSent,
    Redirected,
    Saga,
    Say,
    Seen,
    Side,
    Step,
    Task,
    begin,
    next_action,
)

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
PAIR = bytes(range(16))
REQUEST = bytes(range(16, 32))
BOTH = frozenset(Side)


def started(side: Side = Side.TARGET, redirected: Side | None = Side.SOURCE) -> Saga:
    return begin(PAIR, REQUEST, side, "an operator", redirected, NOW)[0]


def after(saga: Saga, *seen: Seen) -> Saga:
    for one in seen:
        saga, _ = next_action(saga, one, NOW)
    return saga


def equal(saga: Saga) -> PassAnswered:
    return PassAnswered(saga.order_id, proven=True, equal=True, certified_at=NOW)


def differing(saga: Saga, missing: int = 2, surplus: int = 0) -> PassAnswered:
    return PassAnswered(
        saga.order_id, proven=True, missing=missing, surplus=surplus, differences=("Inbox: 'Tickets' is missing",)
    )


def proving() -> Saga:
    return after(started(), LookedUp(Side.SOURCE))


def flipping() -> Saga:
    saga = proving()
    return after(saga, equal(saga))


def last_pass(side: Side = Side.TARGET) -> Saga:
    saga = flipping() if side is Side.TARGET else started(side, redirected=Side.TARGET)
    return after(saga, Flipped(side), Redirected(side))


def probing() -> Saga:
    saga = last_pass()
    return after(saga, equal(saga))


def test_the_whole_story() -> None:
    saga, actions = begin(PAIR, REQUEST, Side.TARGET, "an operator", None, NOW)
    assert (saga.step, saga.task, actions) == (Step.PROOF, Task.LOOK_UP, [Say()])

    saga, actions = next_action(saga, LookedUp(Side.SOURCE), NOW)
    assert saga.task is Task.AWAIT_ANSWER
    assert actions == [OrderPass(saga.order_id), Say()]
    assert saga.waiting_for == "a pass that proves both sides equal"
    first_order = saga.order_id

    saga, actions = next_action(saga, equal(saga), NOW)
    assert (saga.step, saga.task, actions) == (Step.ACTIVE_SIDE, Task.FLIP, [Say()])

    saga, actions = next_action(saga, Flipped(Side.TARGET), NOW)
    assert (saga.step, saga.task, actions) == (Step.REDIRECTION, Task.AWAIT_REDIRECTION, [Say()])

    saga, actions = next_action(saga, Redirected(Side.TARGET), NOW)
    assert (saga.step, saga.task) == (Step.LAST_PASS, Task.AWAIT_ANSWER)
    assert actions == [OrderPass(saga.order_id), Say()]
    assert saga.order_id != first_order

    saga, actions = next_action(saga, PassAnswered(saga.order_id, proven=True, surplus=3), NOW)
    assert (saga.step, saga.task) == (Step.PROBE, Task.SEND_PROBE), "new mail on the target is no reason to wait"

    saga = after(saga, ProbeSent(), ProbeFound(frozenset({Side.SOURCE}), frozenset()))
    assert saga.task is Task.FIND_PROBE, "one organisation's probe is not both"
    saga = after(saga, ProbeFound(frozenset({Side.TARGET}), frozenset()))
    assert saga.task is Task.CLEAR_PROBE

    saga, actions = next_action(saga, ProbeCleared(), NOW)
    assert (saga.step, saga.task, saga.due, saga.problem, actions) == (Step.DONE, Task.NOTHING, None, "", [Say()])


def test_people_at_work_make_another_round_and_too_many_of_them_a_refusal() -> None:
    saga = proving()
    orders = {saga.order_id}
    for _ in range(PROOF_ROUNDS - 1):
        saga = after(saga, differing(saga))
        assert saga.task is Task.PAUSE
        assert saga.due is not None
        assert saga.due > NOW
        saga, actions = next_action(saga, DueCame(), saga.due)
        orders.add(saga.order_id)
        assert OrderPass(saga.order_id) in actions
    saga = after(saga, differing(saga))
    assert saga.step is Step.REFUSED
    assert "'Tickets' is missing" in saga.problem
    assert "nothing was changed" in saga.problem
    assert len(orders) == PROOF_ROUNDS, "every round has an order of its own"


def test_proof_without_a_certificate_is_refused_with_the_reason() -> None:
    saga = proving()
    doubt = "the mailbox service has no key"
    saga = after(saga, PassAnswered(saga.order_id, proven=True, equal=True, doubt=doubt))
    assert saga.step is Step.REFUSED
    assert doubt in saga.problem


def test_a_stale_certificate_is_not_believed() -> None:
    saga = proving()
    for _ in range(PROOF_ROUNDS):
        assert saga.step is Step.PROOF
        stale = replace(equal(saga), certified_at=NOW - CERTIFICATE_AGE - timedelta(seconds=1))
        saga = after(saga, stale)
        if not saga.finished:
            assert saga.due is not None
            saga, _ = next_action(saga, DueCame(), saga.due)
    assert saga.step is Step.REFUSED
    assert "too old" in saga.problem


def test_who_is_switched_already_needs_no_proof() -> None:
    saga = after(started(redirected=Side.TARGET), LookedUp(Side.TARGET))
    assert (saga.step, saga.task) == (Step.ACTIVE_SIDE, Task.FLIP)


def test_a_pair_that_cannot_be_switched_is_refused_with_the_reason() -> None:
    saga = after(started(), LookedUp(Side.SOURCE, obstacle="anna has no mailbox on the target"))
    assert (saga.step, saga.problem) == (Step.REFUSED, "anna has no mailbox on the target")


def test_redirection_that_was_quicker_than_we() -> None:
    saga = after(flipping(), Redirected(Side.TARGET), Flipped(Side.TARGET))
    assert saga.step is Step.LAST_PASS


def test_redirection_that_does_not_come_is_named() -> None:
    saga = after(flipping(), Flipped(Side.TARGET), Redirected(Side.SOURCE))
    assert saga.task is Task.AWAIT_REDIRECTION
    saga, actions = next_action(saga, DueCame(), NOW + REDIRECTION_PATIENCE)
    assert actions == [Say()]
    assert "isthmus logs dirsync" in saga.problem
    assert saga.waiting_for == "directory synchronisation to redirect mail in both forests"
    saga = after(saga, Redirected(Side.TARGET))
    assert (saga.step, saga.problem) == (Step.LAST_PASS, "")


def test_a_mailbox_service_that_does_not_answer_is_named_and_asked_again() -> None:
    saga = proving()
    later = NOW + PASS_PATIENCE
    saga, actions = next_action(saga, DueCame("paused"), later)
    assert actions == [Say()]
    assert "since 2026-03-01 09:00:00 UTC" in saga.problem
    assert "paused" in saga.problem
    assert saga.due is not None
    order = saga.order_id
    saga, actions = next_action(saga, DueCame(), saga.due)
    assert OrderPass(order) in actions, "the same order, so that a late answer to the first one counts too"


def test_what_the_source_still_has_keeps_the_last_pass_going() -> None:
    saga = last_pass()
    for _ in range(PROOF_ROUNDS + 2):
        saga = after(saga, differing(saga))
        assert (saga.step, saga.task) == (Step.LAST_PASS, Task.PAUSE), "mail flows to the target: no way back by itself"
        assert saga.due is not None
        saga = next_action(saga, DueCame(), saga.due)[0]
    assert "did not reach the target" in saga.problem
    saga = after(saga, equal(saga))
    assert (saga.step, saga.problem) == (Step.PROBE, "")


def test_what_the_owner_removed_on_the_target_is_not_missing() -> None:
    saga = last_pass()
    saga = after(saga, PassAnswered(saga.order_id, proven=True, missing=2, removed_on_target=2))
    assert saga.step is Step.PROBE


def test_what_is_in_a_folder_that_was_not_compared_may_be_missing() -> None:
    """An archive that went away after the proof, or a folder that is not listed any more."""
    saga = last_pass()
    for _ in range(PROOF_ROUNDS):
        saga = after(saga, PassAnswered(saga.order_id, proven=True, unread_folders=1, differences=("/Archive: away",)))
        assert (saga.step, saga.task) == (Step.LAST_PASS, Task.PAUSE)
        assert saga.due is not None
        saga = next_action(saga, DueCame(), saga.due)[0]
    assert "1 folder could not be compared. /Archive: away." in saga.problem
    assert after(saga, equal(saga)).step is Step.PROBE


def test_a_probe_on_the_wrong_side_proves_nothing_even_when_a_pass_copied_it() -> None:
    saga = after(probing(), ProbeSent())
    subject = saga.probe_subject(Side.SOURCE)
    saga = after(saga, ProbeFound(BOTH, frozenset({Side.SOURCE})))
    assert (saga.task, saga.round, saga.arrived) == (Task.SEND_PROBE, 2, frozenset())
    assert "arrived on the source side although the target is active" in saga.problem
    assert saga.probe_subject(Side.SOURCE) != subject
    saga = after(saga, ProbeSent())
    assert saga.problem, "it stands until a probe arrives"
    assert after(saga, ProbeFound(BOTH, frozenset())).problem == ""


def test_where_a_probe_went_astray_other_mail_did_and_a_pass_brings_it() -> None:
    saga = after(probing(), ProbeSent(), ProbeFound(frozenset(), frozenset({Side.SOURCE})), ProbeSent())
    saga, actions = next_action(saga, ProbeFound(BOTH, frozenset()), NOW)
    assert (saga.step, saga.problem, saga.waiting_for) == (Step.PROBE, "", "the last pass")
    assert actions == [OrderPass(saga.order_id), Say()]
    saga = after(saga, differing(saga))
    assert saga.task is Task.PAUSE, "what came to the source is not on the target yet"
    assert saga.due is not None
    saga = next_action(saga, DueCame(), saga.due)[0]
    saga = after(saga, equal(saga))
    assert saga.task is Task.CLEAR_PROBE
    assert after(saga, ProbeCleared()).step is Step.DONE


def test_mail_that_goes_right_at_once_needs_no_other_pass() -> None:
    assert after(probing(), ProbeSent(), ProbeFound(BOTH, frozenset())).task is Task.CLEAR_PROBE


def test_after_an_undo_a_pass_may_copy_the_probe_to_the_target() -> None:
    saga = last_pass(Side.SOURCE)
    saga = after(saga, equal(saga), ProbeSent())
    assert after(saga, ProbeFound(BOTH, BOTH)).task is Task.CLEAR_PROBE
    assert after(saga, ProbeFound(frozenset(), frozenset({Side.TARGET}))).task is Task.SEND_PROBE


def test_a_probe_that_does_not_arrive_is_named_and_sent_again() -> None:
    saga = after(probing(), ProbeSent())
    saga, _ = next_action(saga, ProbeFound(frozenset({Side.TARGET}), frozenset()), NOW + PROBE_PATIENCE)
    assert saga.task is Task.SEND_PROBE
    assert "through the source did not arrive on the target side" in saga.problem


def test_a_task_that_fails_is_tried_again_after_longer_and_longer_pauses() -> None:
    saga = flipping()
    pauses: list[timedelta] = []
    for _ in range(12):
        saga = after(saga, Failed("the account map cannot be reached"))
        assert saga.due is not None
        pauses.append(saga.due - NOW)
    assert saga.problem == "the account map cannot be reached"
    assert pauses == sorted(pauses)
    assert pauses[0] == timedelta(seconds=2)
    assert pauses[-1] == timedelta(minutes=5)
    assert after(saga, Flipped(Side.TARGET)).problem == ""


def test_undo_needs_no_proof_and_says_what_stays_behind() -> None:
    saga = started(Side.SOURCE, redirected=Side.TARGET)
    assert (saga.step, saga.task) == (Step.ACTIVE_SIDE, Task.FLIP)
    saga = after(saga, Flipped(Side.SOURCE))
    assert saga.task is Task.AWAIT_REDIRECTION
    saga = after(saga, Redirected(Side.SOURCE))
    saga = after(saga, PassAnswered(saga.order_id, proven=True, missing=1, surplus=4))
    saga = after(saga, ProbeSent(), ProbeFound(BOTH, frozenset()), ProbeCleared())
    assert saga.step is Step.DONE
    assert "4 items that came to the target since the switch stay there" in saga.problem


def test_answers_to_other_orders_change_nothing() -> None:
    saga = proving()
    stranger = PassAnswered(bytes(16), proven=True, equal=True)
    assert next_action(saga, stranger, NOW) == (saga, [])
    old = equal(saga)
    assert next_action(last_pass(), old, NOW) == (last_pass(), [])


# --- any history -----------------------------------------------------------------------------------------------------

SIDES = st.sampled_from(Side)
SOME_SIDES = st.frozensets(SIDES)


@st.composite
def observations(draw: st.DrawFn) -> Seen | str:
    """Anything that may be seen at any time; "answer …" stands for an answer to the order that is open then."""
    seen: Seen | str = draw(
        st.one_of(
            st.builds(LookedUp, SIDES, st.sampled_from(["", "no mailbox"])),
            st.builds(Flipped, SIDES),
            st.builds(Redirected, SIDES),
            st.builds(ProbeFound, SOME_SIDES, SOME_SIDES),
            st.sampled_from([ProbeSent(), ProbeCleared(), Failed("no route"), DueCame(), DueCame("paused")]),
            st.just(PassAnswered(bytes(16), proven=True, equal=True)),
            st.sampled_from(["answer equal", "answer different", "answer unproven"]),
        )
    )
    return seen


def concrete(saga: Saga, seen: Seen | str) -> Seen:
    match seen:
        case "answer equal":
            return equal(saga)
        case "answer different":
            return differing(saga)
        case "answer unproven":
            return PassAnswered(saga.order_id, proven=False)
        case str():
            raise AssertionError(seen)
        case _:
            return seen


@settings(max_examples=150)
@given(SIDES, st.none() | SIDES, st.lists(st.tuples(observations(), st.integers(0, 700)), max_size=40))
def test_no_history_leads_astray(side: Side, redirected: Side | None, history: list[tuple[Seen | str, int]]) -> None:
    saga, _ = begin(PAIR, REQUEST, side, "an operator", redirected, NOW)
    now = NOW
    steps = [saga.step]
    proven = switched_already = flipped = found = False
    for what, seconds in history:
        now += timedelta(seconds=seconds)
        seen = concrete(saga, what)
        before = saga
        saga, actions = next_action(saga, seen, now)
        proven |= before.step is Step.PROOF and what == "answer equal" and before.task is Task.AWAIT_ANSWER
        switched_already |= isinstance(seen, LookedUp) and seen.active is side and before.task is Task.LOOK_UP
        flipped |= seen == Flipped(side) and before.task is Task.FLIP
        if before.task is Task.FIND_PROBE and isinstance(seen, ProbeFound):
            arrived = before.arrived | seen.arrived
            found = arrived == BOTH and (side is Side.SOURCE or not seen.astray)
        steps.append(saga.step)

        # Each order is for the round that waits for it, and whatever people see is said.
        assert all(action.order_id == saga.order_id for action in actions if isinstance(action, OrderPass))
        if (before.step, before.problem, before.waiting_for) != (saga.step, saga.problem, saga.waiting_for):
            assert Say() in actions
        # What is unfinished is never forgotten: an event, or the clock, goes on with it.
        assert saga.due is not None or saga.finished or saga.task is Task.AWAIT_REDIRECTION
        if saga.finished:
            assert saga.due is None
        if saga.step is Step.REFUSED:
            assert saga.problem
        # The same thing seen again, at the same moment, changes nothing more.
        if not isinstance(seen, DueCame | Failed | ProbeFound):
            assert next_action(saga, concrete(before, what), now) == (saga, [])

    assert steps == sorted(steps), "a step is never gone back to"
    if side is Side.TARGET and any(Step.ACTIVE_SIDE <= step <= Step.DONE for step in steps):
        assert proven or switched_already
    if any(Step.REDIRECTION <= step <= Step.DONE for step in steps):
        assert flipped
        assert Step.REFUSED not in steps, "mail goes to the new side: it waits, but is not refused"
    if saga.step is Step.DONE:
        assert found


@settings(max_examples=100)
@given(SIDES, st.none() | SIDES, st.integers(0, PROOF_ROUNDS - 1), st.integers(0, 3), st.integers(0, 3), st.data())
def test_a_kind_world_always_ends_in_done(
    side: Side, redirected: Side | None, differences: int, failures: int, lost_probes: int, data: st.DataObject
) -> None:
    """The outside fails now and then, each task is carried out twice now and then, and still it is done in the end."""
    saga, _ = begin(PAIR, REQUEST, side, "an operator", redirected, NOW)
    now = NOW
    for _ in range(400):
        if saga.finished:
            break
        if saga.due is not None:
            now = max(now, saga.due)
        seen: Seen
        if saga.task.is_effect and failures and data.draw(st.booleans()):
            failures -= 1
            seen = Failed("not now")
        elif saga.task is Task.LOOK_UP:
            seen = LookedUp(Side.SOURCE)
        elif saga.task is Task.AWAIT_ANSWER:
            seen = differing(saga) if differences else replace(equal(saga), certified_at=now)
            differences = max(0, differences - 1)
        elif saga.task is Task.FLIP:
            seen = Flipped(side)
        elif saga.task is Task.AWAIT_REDIRECTION:
            seen = Redirected(side)
        elif saga.task is Task.SEND_PROBE:
            seen = ProbeSent()
        elif saga.task is Task.FIND_PROBE:
            seen = ProbeFound(frozenset(), BOTH) if lost_probes else ProbeFound(BOTH, frozenset())
            lost_probes = max(0, lost_probes - 1)
        elif saga.task is Task.CLEAR_PROBE:
            seen = ProbeCleared()
        else:
            seen = DueCame()
        for _ in range(data.draw(st.integers(1, 2))):
            saga, actions = next_action(saga, seen, now)
            assert all(isinstance(action, Action) for action in actions)
    assert saga.step is Step.DONE
