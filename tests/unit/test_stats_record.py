"""Events folded into records: in any order, twice, and for as long as a migration lasts."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from isthmus.accounts.v1 import accounts_pb2
from isthmus.events.v1 import mailbox_pb2, switch_pb2
from isthmus_stats import record
from isthmus_stats.record import Journal, Mailbox

PAIR = bytes(range(16))
SECOND = 1_000_000


def pair(revision: int = 1, side: int = 1, **changes: object) -> accounts_pb2.Pair:
    made = accounts_pb2.Pair(id=PAIR, kind=1, collection="Everybody", revision=revision, active_side=side)  # type: ignore[arg-type]
    made.source.display_name = "Anna Berg"
    made.source.primary_smtp_address = "anna@alpha.example"
    made.source.mailbox_guid = bytes(16)
    made.target.primary_smtp_address = "anna@beta.example"
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def progress(at: int, done: int, state: Any = mailbox_pb2.MAILBOX_STATE_FIRST_PASS) -> mailbox_pb2.MailboxProgress:
    made = mailbox_pb2.MailboxProgress(
        pair_id=PAIR,
        collection="Everybody",
        state=state,
        items_total=100,
        items_done=done,
        at=at * SECOND,
    )
    setattr(made, "pass", 1)
    return made


def switch(at: int, step: int, side: int = 2, **fields: str) -> record.Switch:
    return record.switch_of(
        switch_pb2.SwitchProgress(pair_id=PAIR, request_id=PAIR, side=side, step=step, at=at * SECOND, **fields)  # type: ignore[arg-type]
    )


def mailbox(**fields: object) -> Mailbox:
    return Mailbox(PAIR.hex(), collection="Everybody", has_mailbox=True, **fields)  # type: ignore[arg-type]


def test_a_mailbox_is_put_together_from_what_different_services_say() -> None:
    made = record.with_pair(Mailbox(PAIR.hex()), pair())
    assert made.shown
    assert made.status == "waiting"
    made = record.with_progress(made, progress(1, 40))
    assert (made.name, made.source_address, made.target_address) == (
        "Anna Berg",
        "anna@alpha.example",
        "anna@beta.example",
    )
    assert (made.status, made.percent, made.items_left) == ("copying", 40.0, 60)
    made = record.with_switch(made, switch(2, switch_pb2.SWITCH_STEP_REDIRECTION))
    assert made.status == "switching"
    made = record.with_switch(made, switch(3, switch_pb2.SWITCH_STEP_DONE))
    made = record.with_pair(made, pair(revision=2, side=2))
    assert (made.status, made.switched) == ("switched", True)
    paused = record.with_progress(made, progress(4, 100, state=mailbox_pb2.MAILBOX_STATE_PAUSED))
    assert (paused.status, paused.switched) == ("paused", True), "both are told: nothing goes until it is resumed"


def test_groups_people_without_a_mailbox_and_what_is_in_no_collection_are_not_shown() -> None:
    empty = Mailbox(PAIR.hex())
    assert not record.with_pair(empty, pair(kind=2)).shown
    assert not record.with_pair(empty, pair(collection="")).shown
    without = pair()
    without.source.mailbox_guid = b""
    assert not record.with_pair(empty, without).shown
    assert not record.with_pair(empty, pair(removed=True)).shown


def test_a_refused_switch_and_a_blocked_mailbox_need_attention_and_say_why() -> None:
    refused = record.with_switch(mailbox(), switch(1, switch_pb2.SWITCH_STEP_REFUSED, problem="both sides differ"))
    assert refused.needs_attention
    assert refused.trouble == "both sides differ"
    assert not refused.switch.running if refused.switch else False
    assert mailbox(state="blocked").needs_attention
    assert mailbox(items_set_aside=1).needs_attention
    assert not mailbox().needs_attention


def test_never_a_hundred_per_cent_while_something_is_left() -> None:
    assert mailbox(items_total=100_000, items_done=99_999).percent == 99.9
    assert mailbox(items_total=3, items_done=3).percent == 100.0
    assert mailbox(state="in step").percent == 100.0
    assert mailbox(state="waiting").percent == 0.0


def test_a_state_of_a_newer_version_is_shown_as_unknown() -> None:
    assert record.with_progress(mailbox(), progress(1, 1, state=99)).state == "unknown (99)"


@settings(max_examples=60)
@given(st.randoms(use_true_random=False), st.integers(1, 20))
def test_the_end_is_the_same_in_any_order_and_with_repeats(rnd: random.Random, count: int) -> None:
    said = [progress(at, min(100, at * 10)) for at in range(1, count + 1)]
    steps = [switch(at, min(at, 6)) for at in range(1, count + 1)]

    def folded(progresses: list[mailbox_pb2.MailboxProgress], switches: list[record.Switch]) -> tuple[Mailbox, Journal]:
        made, journal = Mailbox(PAIR.hex()), Journal()
        for one in progresses:
            made = record.with_progress(made, one)
        for other in switches:
            made, journal = record.with_switch(made, other), record.with_step(journal, other)
        return made, journal

    assert folded(said, steps) == folded(rnd.sample([*said, *said], 2 * count), rnd.sample([*steps, *steps], 2 * count))


def test_records_survive_their_table() -> None:
    made = record.with_switch(
        record.with_progress(record.with_pair(Mailbox(PAIR.hex()), pair()), progress(1, 5)), switch(1, 3)
    )
    assert Mailbox.from_json(json.loads(json.dumps(made.to_json()))) == made
    journal = record.with_step(record.with_sample(Journal(), made), switch(1, 3))
    journal = record.with_pass(journal, completed(1, 5))
    journal = record.with_set_aside(journal, mailbox_pb2.ItemSetAside(pair_id=PAIR, item_id="A", reason="too large"), 7)
    journal = record.with_setting(
        journal, mailbox_pb2.KeptAside(pair_id=PAIR, kind="rules", what="Travel", reason="gone")
    )
    row = json.loads(json.dumps(journal.to_row()))
    assert Journal.from_row(row) == journal
    assert Journal.from_row(row[:4]) == replace(journal, settings_aside=[]), "as an earlier version kept it"


def completed(number: int, added: int = 0, proof: mailbox_pb2.Proof | None = None) -> mailbox_pb2.PassCompleted:
    made = mailbox_pb2.PassCompleted(pair_id=PAIR, added=added, finished_at=number * SECOND, proof=proof)
    setattr(made, "pass", number)
    return made


def test_the_passes_of_a_mailbox_in_step_do_not_push_out_what_happened() -> None:
    journal = record.with_pass(Journal(), completed(1, added=500))
    journal = record.with_pass(journal, completed(2, proof=mailbox_pb2.Proof(equal=True)))
    for number in range(3, 1000):
        journal = record.with_pass(journal, completed(number))
    assert [one.number for one in journal.passes] == [1, 2, 999]
    assert journal.passes[1].equal is True
    assert journal.passes[0].equal is None
    assert record.with_pass(journal, completed(999)) == journal


def test_an_item_set_aside_again_has_its_newest_reason() -> None:
    journal = Journal()
    for at, reason in enumerate(["time-out", "too large"]):
        journal = record.with_set_aside(journal, mailbox_pb2.ItemSetAside(pair_id=PAIR, item_id="A", reason=reason), at)
    assert [item.reason for item in journal.set_aside] == ["too large"]


def test_a_setting_is_listed_with_its_newest_reason_until_it_is_settled() -> None:
    def said(what: str, reason: str, *, settled: bool = False) -> mailbox_pb2.KeptAside:
        return mailbox_pb2.KeptAside(
            pair_id=PAIR, kind="folder", place="Inbox", what=what, reason=reason, settled=settled
        )

    journal = Journal()
    for one in (said("Reviewer", "unknown"), said("Editor", "refused"), said("Reviewer", "ambiguous")):
        journal = record.with_setting(journal, one)
        assert record.with_setting(journal, one) == journal
    assert [(one.what, one.reason) for one in journal.settings_aside] == [
        ("Editor", "refused"),
        ("Reviewer", "ambiguous"),
    ]
    journal = record.with_setting(journal, said("Editor", "refused", settled=True))
    assert [one.what for one in journal.settings_aside] == ["Reviewer"]


def test_a_long_curve_keeps_its_shape_and_ends_where_the_mailbox_is() -> None:
    journal = Journal()
    for at in range(5000):
        journal = record.with_sample(journal, mailbox(at=at * 10 * SECOND, items_done=at, items_total=5000))
    assert len(journal.samples) <= record.MOST_SAMPLES
    assert journal.samples[0].items_done == 0
    assert journal.samples[-1].items_done == 4999
    times = [sample.at for sample in journal.samples]
    assert times == sorted(set(times))


def test_a_mailbox_that_reports_twice_a_second_is_sampled_every_few_seconds() -> None:
    journal = Journal()
    for half in range(200):
        journal = record.with_sample(journal, mailbox(at=half * SECOND // 2, items_done=half, items_total=200))
    assert len(journal.samples) <= 25
    assert journal.samples[-1].items_done == 199
