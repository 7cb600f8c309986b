"""Single questions asked together: order, failures, callers that go."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from isthmus_accounts.together import Together


class Service:
    """Answers a number with its double, once it may."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []
        self.may = asyncio.Event()

    async def ask(self, numbers: Sequence[int]) -> list[int]:
        self.calls.append(list(numbers))
        await self.may.wait()
        if 13 in numbers:
            raise ValueError("13")
        return [2 * number for number in numbers]


async def test_what_waits_is_one_call_and_everybody_gets_their_own_answer() -> None:
    service = Service()
    together = Together(service.ask)
    tasks = [asyncio.create_task(together.ask(number)) for number in range(10)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    late = [asyncio.create_task(together.ask(number)) for number in range(100, 110)]
    await asyncio.sleep(0)
    service.may.set()
    assert await asyncio.gather(*tasks, *late) == [2 * number for number in (*range(10), *range(100, 110))]
    assert len(service.calls) <= 4
    assert sorted(number for call in service.calls for number in call) == [*range(10), *range(100, 110)]


async def test_a_failure_is_of_those_that_were_asked_together_and_the_next_are_answered() -> None:
    service = Service()
    service.may.set()
    together = Together(service.ask)
    with pytest.raises(ValueError, match="13"):
        await together.ask(13)
    assert await together.ask(4) == 8


async def test_a_caller_that_goes_takes_nobody_along() -> None:
    service = Service()
    together = Together(service.ask)
    gone, there = (asyncio.create_task(together.ask(number)) for number in (1, 2))
    await asyncio.sleep(0)
    gone.cancel()
    service.may.set()
    assert await there == 4
    assert gone.cancelled() or await asyncio.gather(gone, return_exceptions=True)
