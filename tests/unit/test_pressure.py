"""How many requests, how many bytes, and what is limiting: decisions, by a clock that the tests move."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from isthmus.accounts.v1.accounts_pb2 import Pair
from isthmus_exchange.bandwidth import Bandwidth
from isthmus_exchange.budget import Budget
from isthmus_exchange.client import Client
from isthmus_exchange.governor import Governed, Governor, why
from isthmus_exchange.limiting import Limit, On, Spent, Verdict, add_up, limiting
from isthmus_exchange.meter import Meter
from isthmus_mailbox.boxes import Box, Order
from isthmus_mailbox.pressing import is_behind
from isthmus_project import ExchangeServer, LineLimits

SOURCE, TARGET = Limit.SOURCE, Limit.TARGET


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


# --- what is limiting -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        ({}, Verdict(Limit.NOTHING)),
        ({(SOURCE, On.ANSWERS): 0.5}, Verdict(Limit.NOTHING)),
        ({(SOURCE, On.ANSWERS): 7.0, (TARGET, On.ANSWERS): 9.0}, Verdict(TARGET, TARGET, On.ANSWERS)),
        # Somebody waits: whatever the answers take, more at the same time would be faster.
        ({(SOURCE, On.ANSWERS): 90.0, (TARGET, On.BACK_OFF): 3.0}, Verdict(TARGET, TARGET, On.BACK_OFF)),
        ({(SOURCE, On.CONNECTIONS): 20.0, (TARGET, On.BUSY): 30.0}, Verdict(TARGET, TARGET, On.BUSY)),
        ({(SOURCE, On.BUSINESS_HOURS): 20.0}, Verdict(Limit.BUSINESS_HOURS, SOURCE, On.BUSINESS_HOURS)),
        ({(SOURCE, On.BANDWIDTH): 2.0}, Verdict(Limit.BANDWIDTH, SOURCE, On.BANDWIDTH)),
        ({(Limit.BANDWIDTH, On.BANDWIDTH): 2.0}, Verdict(Limit.BANDWIDTH, None, On.BANDWIDTH)),
    ],
)
def test_the_verdict_is_where_time_is_spent(on: Any, expected: Verdict) -> None:
    assert limiting(Spent(10.0, 1.0, on, behind=10.0)) == expected


def test_answers_hold_nothing_up_while_there_is_nothing_but_to_keep_up() -> None:
    answers = {(SOURCE, On.ANSWERS): 7.0}
    assert limiting(Spent(10.0, 1.0, answers)) == Verdict(Limit.NOTHING)
    assert limiting(Spent(10.0, 1.0, answers, behind=2.0)) == Verdict(Limit.NOTHING), "for a moment"
    assert limiting(Spent(10.0, 1.0, answers, behind=8.0)) == Verdict(SOURCE, SOURCE, On.ANSWERS)
    waits = answers | {(TARGET, On.BACK_OFF): 3.0}
    assert limiting(Spent(10.0, 1.0, waits)) == Verdict(TARGET, TARGET, On.BACK_OFF), "somebody waits, behind or not"


def test_who_is_in_step_is_not_behind() -> None:
    def box(passes: int, *orders: Order) -> Box:
        return Box(Pair(), 0, False, passes, 0, 0, "", orders)

    small = (box(5), 0.3), (box(7), 2.0)
    assert not is_behind(0, small)
    assert is_behind(1, small), "one waits for a place"
    assert is_behind(0, [*small, (box(0), 0.1)]), "one is copied for the first time"
    assert is_behind(0, [*small, (box(5, Order(b"", 0)), 0.1)]), "somebody waits for it"
    assert is_behind(0, [*small, (box(5), 20.0)]), "it takes long"


def test_a_whole_processor_explains_everything_else() -> None:
    waits = {(TARGET, On.CONNECTIONS): 50.0}
    assert limiting(Spent(10.0, 9.0, waits)) == Verdict(Limit.PROCESSOR)
    assert limiting(Spent(10.0, 5.0, waits)).limit is TARGET
    assert limiting(Spent(0.0)).limit is Limit.NOTHING


def test_stretches_of_time_add_up() -> None:
    first = Spent(1.0, 0.5, {(SOURCE, On.BUSY): 2.0})
    second = Spent(2.0, 0.25, {(SOURCE, On.BUSY): 1.0, (TARGET, On.ANSWERS): 4.0}, behind=2.0)
    both = {(SOURCE, On.BUSY): 3.0, (TARGET, On.ANSWERS): 4.0}
    assert add_up([first, second]) == Spent(3.0, 0.75, both, behind=2.0)


def test_a_meter_tells_while_time_is_being_spent() -> None:
    clock = Clock()
    meter = Meter(clock)
    with meter:
        clock.now += 2
        with meter:
            clock.now += 3
            assert meter.seconds == 8
    clock.now += 100
    assert meter.seconds == 8


# --- how many bytes -------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 50_000), st.floats(0, 3)), min_size=1, max_size=60))
def test_no_more_bytes_begin_than_the_rate_allows(requests: list[tuple[int, float]]) -> None:
    """A second's worth may come at once, and the last request may owe; the rest keeps to the rate."""
    clock = Clock()
    line = Bandwidth(clock)
    line.allow(10_000)
    began, crossed = clock.now, 0
    for size, pause in requests:
        clock.now += pause
        clock.now += line.owed
        assert crossed <= 10_000 * (clock.now - began) + 10_000 + 1
        line.spend(size)
        crossed += size


def test_what_an_answer_brings_is_owed_by_the_next() -> None:
    clock = Clock()
    line = Bandwidth(clock)
    line.allow(1000)
    line.spend(500)
    line.spend(4500)
    assert line.owed == pytest.approx(5)
    line.allow(5000)
    assert line.owed == pytest.approx(1)
    clock.now += 0.5
    line.allow(None)
    assert line.owed == 0


async def test_those_who_wait_for_the_line_go_on_when_it_is_free_again() -> None:
    line = Bandwidth()
    line.allow(1000)
    line.spend(10_000_000)
    waiting = asyncio.create_task(line.turn(10))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    assert line.waiting.inside == 1
    line.allow(None)
    async with asyncio.timeout(20):
        await waiting
    assert line.waiting.seconds > 0


# --- how many requests ----------------------------------------------------------------------------------------------


async def test_business_hours_hold_and_let_go_at_once() -> None:
    budget = Budget(10)
    await budget.hold(10, 1)
    free = asyncio.Event()
    inside = 0

    async def request() -> None:
        nonlocal inside
        async with budget.turn():
            inside += 1
            await free.wait()

    async with asyncio.TaskGroup() as tasks:
        for _ in range(3):
            tasks.create_task(request())
        async with asyncio.timeout(20):
            while budget.waiting.inside != 2:  # noqa: ASYNC110 - there is nothing else to wait for
                await asyncio.sleep(0.01)
        assert inside == 1
        await budget.hold(10, 10)
        async with asyncio.timeout(20):
            while inside < 3:  # noqa: ASYNC110 - the same
                await asyncio.sleep(0.01)
        free.set()
    assert budget.running == 0


async def test_a_busy_server_is_asked_half_of_what_was_allowed_then() -> None:
    budget = Budget(16)
    budget.limit = 16.0
    await budget.hold(16, 4)
    budget.busy(0.0)
    assert budget.room == 2
    for _ in range(100):
        budget.went_well("FindFolder", 0.01)
    assert (budget.room, budget.limit) == (4, 4.0), "what was not tried is not known to be possible"
    await budget.hold(16, 16)
    for _ in range(1000):
        budget.went_well("FindFolder", 0.01)
    assert budget.room == 16


async def test_nobody_keeps_a_turn_that_was_given_up_while_the_server_rests() -> None:
    budget = Budget(2)
    budget.busy(3600)

    async def request() -> None:
        async with budget.turn():
            raise AssertionError("the server rests")

    waiting = asyncio.create_task(request())
    await asyncio.sleep(0.01)
    assert budget.running == 1
    waiting.cancel()
    await asyncio.wait({waiting})
    assert (budget.running, budget.waiting.inside) == (0, 0)


async def test_less_content_goes_while_small_requests_are_slow() -> None:
    budget = Budget(10)
    budget.limit = 10.0
    async with AsyncExitStack() as stack:
        for _ in range(2):
            await stack.enter_async_context(budget.turn(content=True))
        for _ in range(200):
            budget.went_well("GetFolder", 0.01)
            budget.went_well("UploadItems", 2.0, content=True)
        assert int(budget.content_limit) == 3, "what was not tried is not known to be possible"
        budget.went_well("SyncFolderItems", 0.01, size=500)
        budget.went_well("SyncFolderItems", 5.0, size=300_000)
        assert int(budget.content_limit) == 3, "a large answer takes its time"
        budget.went_well("GetFolder", 0.1)
        assert int(budget.content_limit) == 3, "slower, but nobody feels it"
        budget.went_well("GetFolder", 0.3)
        budget.went_well("GetFolder", 0.3)
        assert int(budget.content_limit) == 2, "less, and only once for the same crowd"
        budget.went_well("FindItem", 5.0)
        assert int(budget.content_limit) == 2, "of this one nobody knows how fast it can be"
        budget._crowded_until = 0.0
        budget.went_well("GetFolder", 0.3)
        assert int(budget.content_limit) == 2, "one is answered, one is on its way"


async def test_what_a_server_takes_is_found_fast_until_it_was_crowded_once() -> None:
    budget = Budget(20)
    for _ in range(20):
        budget.went_well("GetFolder", 0.01)
    assert budget.room == 20
    answers = {"before": 0, "after": 0}
    async with AsyncExitStack() as stack:
        for which in answers:
            while budget.content_limit < 6:
                while budget._content_running < int(budget.content_limit):
                    await stack.enter_async_context(budget.turn(content=True))
                budget.went_well("UploadItems", 2.0, content=True)
                answers[which] += 1
            if which == "before":
                budget.went_well("GetFolder", 5.0)
                budget._crowded_until, budget.content_limit = 0.0, 2.0
    assert answers["before"] == 4, "one more for each answer"
    assert answers["after"] > 12, "one more for each round of answers"


async def test_content_that_waits_for_its_own_limit_does_not_wait_for_connections() -> None:
    budget = Budget(10)
    budget.limit = 10.0
    async with AsyncExitStack() as stack:
        for _ in range(2):
            await stack.enter_async_context(budget.turn(content=True))
        assert why(budget) is On.CROWD
        for _ in range(8):
            await stack.enter_async_context(budget.turn())
        assert why(budget) is On.CONNECTIONS
    budget.busy(0.0)
    budget.content_limit = 10.0
    assert why(budget) is On.BUSY


async def test_a_small_request_goes_before_content_that_waits() -> None:
    budget, order = Budget(4), list[str]()
    await budget.hold(4, 1)

    async def request(*, content: bool) -> None:
        async with budget.turn(content=content):
            order.append("content" if content else "small")

    async with asyncio.TaskGroup() as tasks, budget.turn():
        for content in (True, True, False):
            tasks.create_task(request(content=content))
        await asyncio.sleep(0.01)
    assert order == ["small", "content", "content"]


# --- a process as a whole -------------------------------------------------------------------------------------------

WORKING = datetime(2027, 1, 13, 9, 30, tzinfo=UTC)  # a Wednesday
EVENING = datetime(2027, 1, 13, 20, 0, tzinfo=UTC)


def exchange(**limits: Any) -> ExchangeServer:
    office = {"business_hours": ["mon-fri 07:00-18:00"]} | limits if limits else {}
    return ExchangeServer.model_validate(
        {"ews": "https://mail.beta.example/EWS", "user": "svc", "password": {"file": "beta"}, "limits": office}
    )


async def test_clients_are_held_to_the_hour_and_said_to_be() -> None:
    line = Bandwidth()
    governor = Governor(line)
    everything = LineLimits.model_validate({"bandwidth": "2 MB/s"})
    async with Client("https://mail.beta.example/EWS", "svc", "", name="beta") as client:
        office = Governed(TARGET, client, exchange(business_connections=4, business_bandwidth="1 MB/s"))
        await governor.hold([office], [everything, LineLimits()], 0.5, WORKING)
        assert (client.budget.room, client.bandwidth.rate, line.rate) == (2, 500_000, 1_000_000)
        await governor.hold([office], [everything], 0.5, EVENING)
        assert (client.budget.room, client.bandwidth.rate, line.rate) == (4, None, 1_000_000)
        await governor.hold([Governed(TARGET, client, exchange())], [], 0.5, WORKING)
        assert line.rate is None


async def test_a_server_that_rests_is_named_with_the_end_of_its_rest() -> None:
    governor = Governor(Bandwidth())
    async with Client("https://mail.beta.example/EWS", "svc", "", name="beta") as client:
        await governor.hold([Governed(TARGET, client, exchange())], [], 1.0, WORKING)
        assert governor.look(behind=False).verdict.on is None
        client.budget.busy(3600, "ErrorServerBusy")

        async def request() -> None:
            async with client.budget.turn():
                raise AssertionError("the server rests")

        waiting = asyncio.create_task(request())
        async with asyncio.timeout(60):
            while (found := governor.look(behind=False)).verdict.limit is not TARGET:  # noqa: ASYNC110 - it looks when asked
                await asyncio.sleep(0.2)
        waiting.cancel()
        await asyncio.wait({waiting})
    assert found.verdict == Verdict(TARGET, TARGET, On.BACK_OFF)
    assert (found.organisation, found.words) == ("beta", "beta is busy (ErrorServerBusy) and asks for a rest")
    assert found.until is not None
    assert 3000 < (found.until - datetime.now(UTC)).total_seconds() < 3700
