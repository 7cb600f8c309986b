"""Throughput, forecast, totals and queries: arithmetic of the portal."""

from __future__ import annotations

import asyncio
import random
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from isthmus_stats.board import Board
from isthmus_stats.forecast import forecast
from isthmus_stats.pressure import Limited, Pressure, limited
from isthmus_stats.query import Query, answer, parse
from isthmus_stats.record import Mailbox, Switch
from isthmus_stats.summary import ProjectView, add_up, summarise
from isthmus_stats.throughput import COARSE, FINE, Gain, Throughput, gains

SECOND = 1_000_000
NOW = 1_800_000_000.0


def mailbox(number: int = 1, **fields: object) -> Mailbox:
    given = {"name": f"Person {number:05}", "collection": "Everybody", "has_mailbox": True, **fields}
    return Mailbox(f"{number:032x}", **given)  # type: ignore[arg-type]


def copying(number: int, done: int, total: int) -> Mailbox:
    return mailbox(number, state="first pass", items_done=done, items_total=total, at=int(NOW * SECOND))


# --- throughput ------------------------------------------------------------------------------------------------------


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.integers(0, 200_000_000))
def test_what_is_gained_is_neither_lost_nor_doubled(before: int, more: int, microseconds: int) -> None:
    old = mailbox(items_done=before, bytes_done=before * 7, at=int(NOW * SECOND))
    new = mailbox(items_done=before + more, bytes_done=(before + more) * 7, at=old.at + microseconds)
    for resolution in (FINE, COARSE):
        found = [gain for gain in gains(old, new) if gain.resolution == resolution]
        assert sum(gain.items for gain in found) == pytest.approx(more)
        assert sum(gain.bytes for gain in found) == pytest.approx(more * 7)
        assert all(gain.start % resolution == 0 for gain in found)


def test_a_repeat_gains_nothing_and_neither_does_the_first_record() -> None:
    new = mailbox(items_done=10, at=int(NOW * SECOND))
    assert gains(new, new) == []
    assert gains(mailbox(), new) == []


def test_a_mailbox_that_rested_was_not_slow() -> None:
    old = mailbox(items_done=0, at=int((NOW - 86400) * SECOND))
    new = mailbox(items_done=60, at=int(NOW * SECOND))
    fine = [gain for gain in gains(old, new) if gain.resolution == FINE]
    assert {gain.start for gain in fine} == set(range(int(NOW) - 60, int(NOW), FINE))
    assert all(gain.items == pytest.approx(10) for gain in fine)


def test_partitions_are_added_and_old_buckets_expire() -> None:
    made = Throughput()
    start = int(NOW) // FINE * FINE
    assert made.add(0, Gain(FINE, start, 30, 300)) == (30, 300)
    assert made.add(0, Gain(FINE, start, 30, 300)) == (60, 600)
    made.add(1, Gain(FINE, start, 40, 400))
    assert made.rate(start + 9) == pytest.approx((100 / 60, 1000 / 60))
    assert made.expire(0, start + 10) == []
    assert made.expire(0, start + 4000) == [(0, FINE, start)]
    assert made.rate(start + 9) == pytest.approx((40 / 60, 400 / 60))
    assert made.expire(1, start + 4000) == [(1, FINE, start)]
    assert made.rate(start + 9) == (0, 0)


# --- forecast --------------------------------------------------------------------------------------------------------


def history(rates: list[float]) -> list[tuple[int, float, float]]:
    return [(int(NOW) + at * FINE, rate * FINE, 0.0) for at, rate in enumerate([*rates, 0.0])]


def test_a_steady_speed_gives_a_sharp_forecast() -> None:
    made = forecast([copying(1, 400, 1000)], history([10.0] * 60))
    assert (made.state, made.items_left) == ("expected", 600)
    assert made.expected == pytest.approx(60)
    assert made.earliest == pytest.approx(60)
    assert made.latest == pytest.approx(60)


def test_an_unsteady_speed_gives_a_wide_one_around_the_same_middle() -> None:
    rnd = random.Random(3)
    rates = [max(0.0, rnd.gauss(10, 6)) for _ in range(60)]
    made = forecast([copying(1, 0, 10_000)], history(rates))
    assert made.expected is not None
    assert made.earliest is not None
    assert made.latest is not None
    assert made.earliest < made.expected < made.latest
    assert made.latest - made.earliest > 0.05 * made.expected


def test_too_little_history_and_a_standstill_are_said() -> None:
    busy = [copying(1, 0, 1000)]
    assert forecast(busy, history([0.0] * 50 + [10.0] * 3)).state == "too early"
    assert forecast(busy, history([])).state == "too early"
    assert forecast(busy, history([10.0] * 30 + [0.0] * 10)).state == "stalled"
    assert forecast([mailbox(state="in step")], history([])).state == "done"


def test_nothing_is_promised_while_nobody_can_go_on() -> None:
    steady = history([10.0] * 60)
    stuck = [mailbox(1, state="blocked", items_done=400, items_total=1000), mailbox(2, state="paused")]
    assert (forecast(stuck, steady).state, forecast(stuck, steady).items_left) == ("stalled", 600)
    assert forecast([mailbox(3, state="blocked")], history([])).state == "stalled", "before anything was counted, too"
    assert forecast([*stuck, mailbox(4, state="in step", items_done=9, items_total=9)], steady).state == "stalled"
    assert forecast([*stuck, copying(5, 0, 1000)], steady).state == "expected"
    assert forecast([mailbox(6, state="blocked", items_done=9, items_total=9)], steady).state == "done"


def test_mailboxes_that_are_not_counted_widen_it() -> None:
    known = [copying(number, 500, 1000) for number in range(4)] + [copying(9, 0, 3000)]
    steady = history([10.0] * 60)
    without, with_some = forecast(known, steady), forecast([*known, mailbox(20, state="waiting")], steady)
    assert with_some.not_counted == 1
    assert without.latest is not None
    assert with_some.latest is not None
    assert with_some.latest > without.latest
    assert with_some.items_left == pytest.approx(without.items_left + 1400)
    assert forecast([mailbox(20, state="waiting")], steady).state == "too early"


# --- totals ----------------------------------------------------------------------------------------------------------


def test_totals_of_everything_and_of_each_collection() -> None:
    people = [
        copying(1, 50, 100),
        mailbox(2, state="in step", items_done=100, items_total=100, collection="Board", active_side="target"),
        mailbox(3, collection=""),
        mailbox(4, removed=True),
    ]
    project = ProjectView(
        "merge", 1, "alpha", "beta", [("Board", "manual"), ("Everybody", "when-in-step"), ("New", "manual")]
    )
    made = summarise(people, project, None, Throughput(), NOW)
    assert made.totals.mailboxes == 2
    assert made.totals.percent == 75.0
    assert made.totals.statuses["copying"] == made.totals.statuses["switched"] == made.totals.switched == 1
    assert [(one.name, one.switch, one.totals.mailboxes) for one in made.collections] == [
        ("Board", "manual", 1),
        ("Everybody", "when-in-step", 1),
        ("New", "manual", 0),
    ]
    assert made.to_json()["items"] == {"total": 200, "done": 150, "set_aside": 0}


def test_what_is_not_counted_yet_is_not_forgotten() -> None:
    made = add_up([mailbox(1, state="in step", items_done=100, items_total=100), mailbox(2, state="waiting")])
    assert (made.percent, made.items_expected, made.not_counted) == (50.0, 200.0, 1)
    assert add_up([]).percent == 0.0
    assert add_up([mailbox(2, state="waiting")]).percent == 0.0


# --- what is limiting -----------------------------------------------------------------------------------------------


def test_workers_that_are_held_up_by_the_same_are_named_together() -> None:
    said = [
        Pressure("mailbox-1", "target server", "beta is busy", 100, NOW - 5),
        Pressure("mailbox-2", "processor", "start more workers", 0, NOW - 10),
        Pressure("mailbox-3", "target server", "beta is busy", 110, NOW - 15),
        Pressure("mailbox-4", "nothing", "", 0, NOW - 1),
        Pressure("mailbox-5", "source server", "long ago", 0, NOW - 100),
    ]
    assert limited(said, NOW) == [
        Limited("target server", "beta is busy", 110, ("mailbox-1", "mailbox-3")),
        Limited("processor", "start more workers", 0, ("mailbox-2",)),
    ]
    assert limited([], NOW) == []


# --- queries ---------------------------------------------------------------------------------------------------------


@given(
    st.dictionaries(st.sampled_from(["q", "status", "collection", "sort", "dir", "page", "size", "other"]), st.text())
)
def test_no_address_leads_to_an_error(parameters: dict[str, str]) -> None:
    query = parse(parameters)
    page = answer(query, [mailbox(number) for number in range(3)])
    assert 1 <= page.query.page <= page.pages
    assert query.url().startswith("?")


def test_filter_sort_and_page() -> None:
    people = [mailbox(number, items_total=number) for number in range(120)]
    people[7] = mailbox(7, items_total=7, source_address="Anna.Berg@alpha.example", items_set_aside=1)
    first = answer(parse({}), people)
    assert (first.total, first.pages, first.first, first.last) == (120, 3, 1, 50)
    last = answer(parse({"page": "99"}), people)
    assert (last.query.page, last.first, last.last) == (3, 101, 120)
    assert answer(parse({"sort": "items", "dir": "desc"}), people).mailboxes[0].items_total == 119
    assert [one.id for one in answer(parse({"q": "BERG anna"}), people).mailboxes] == [people[7].id]
    assert [one.id for one in answer(parse({"status": "attention"}), people).mailboxes] == [people[7].id]
    assert answer(parse({"collection": "Board"}), people).total == 0


def test_links_keep_the_query_and_begin_at_the_first_page() -> None:
    query = parse({"q": "a&b", "page": "3", "sort": "items", "dir": "desc"})
    assert parse_back(query.url(status="copying")) == Query("a&b", "copying", "", "items", True, 1)
    assert parse_back(query.url(page=4)).page == 4
    assert parse_back(query.sorted_by("items")).reverse is False
    assert parse_back(query.sorted_by("progress")).reverse is True
    assert parse_back(query.sorted_by("name")).reverse is False


def parse_back(url: str) -> Query:
    return parse(dict(parse_qsl(url.removeprefix("?"))))


@pytest.mark.parametrize("order", ["name", "status", "progress", "items", "aside", "pass", "side", "switch", "changed"])
def test_every_order_takes_every_mailbox(order: str) -> None:
    strange = Switch("", "", "unknown (9)", "", "", 0, "", 0)
    people = [mailbox(1), mailbox(2, switch=strange), copying(3, 1, 2), mailbox(4, state="unknown (12)")]
    assert answer(parse({"sort": order}), people).total == 4


async def test_everybody_who_waits_hears_of_a_change() -> None:
    board = Board(clock=lambda: NOW)
    waiting = [asyncio.create_task(board.news(board.edition)) for _ in range(3)]
    board.mailboxes["1"] = mailbox(1)
    board.changed()
    async with asyncio.timeout(60):
        keeping = asyncio.create_task(board.keep_fresh())
        await asyncio.gather(*waiting)
        await board.news(0)  # an edition that is out already is not waited for
    assert board.summary.totals.mailboxes == 1
    keeping.cancel()
