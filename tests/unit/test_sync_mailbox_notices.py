"""Passes that notices told of: what happened is brought over with as few requests, and nothing is left out."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from isthmus_mailbox.running import run_pass

from tests.unit.mailbox_case import Case, assert_same, copied, folder_of


@pytest.fixture
def case() -> Case:
    """From now on notices tell everything."""
    case = copied()
    case.world.time += 60
    case.heard()
    case.marks.around_due = False
    case.in_step = True
    return case


def test_a_new_mail_takes_three_requests(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    case.source.deliver(folder_of(case.source, "inbox"), "four")
    ticks = 0

    def tick() -> None:
        nonlocal ticks
        ticks += 1

    monkeypatch.setattr(case.world, "tick", tick)
    asyncio.run(run_pass(case.new_pass(news=case.heard())))
    assert ticks == 3
    assert_same(case)


def test_a_move_of_which_notices_tell_is_a_move(case: Case) -> None:
    case.source.move(next(iter(case.source.items)), folder_of(case.source, "deleteditems"))
    uploads, this = case.target.uploads, case.new_pass(news=case.heard())
    asyncio.run(run_pass(this))
    assert_same(case)
    assert case.target.uploads == uploads
    assert {outcome.value: count for outcome, count in this.counts.items()} == {"moved": 1}


def test_what_notices_do_not_tell_whole_is_looked_for(case: Case) -> None:
    """A deletion, which may be half of a move, and what happens to folders."""
    case.source.delete(next(iter(case.source.items)))
    asyncio.run(run_pass(case.new_pass(news=case.heard())))
    assert_same(case)
    case.source.deliver(case.source.make_folder(case.source.root, "Project"), "four")
    asyncio.run(run_pass(case.new_pass(news=case.heard())))
    assert_same(case)


def test_a_notice_that_got_lost_is_made_up_for_by_the_sweep(case: Case) -> None:
    case.source.deliver(folder_of(case.source, "inbox"), "four")
    case.source.deliver(folder_of(case.source, "notes"), "five")
    asyncio.run(run_pass(case.new_pass(news=case.heard(lost=frozenset({folder_of(case.source, "inbox")})))))
    assert len(case.target.items) == len(case.source.items) - 1
    case.world.time += 900
    case.source.deliver(folder_of(case.source, "notes"), "six")
    asyncio.run(run_pass(case.new_pass(news=case.heard())))
    assert_same(case)


def test_a_folder_that_is_not_in_its_place_is_put_there_whatever_the_news(case: Case) -> None:
    case.source.deliver(folder_of(case.source, "inbox"), "four")
    [travel] = [row for row in case.ledger.folder_rows.values() if row.name == "Travel"]
    case.ledger.folder_rows[travel.number] = replace(travel, settled=False)
    asyncio.run(run_pass(case.new_pass(news=case.heard())))
    assert case.ledger.folder_rows[travel.number].settled
    assert_same(case)
