"""What goes over while a mailbox is listed for the first time, and how far the listing is ahead of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from isthmus_exchange.client import Announce
from isthmus_exchange.errors import EwsError
from isthmus_exchange.operations import Operation, UploadItems
from isthmus_mailbox.memory import Backlog
from isthmus_mailbox.running import run_pass
from isthmus_sync.mailbox.model import Work

from tests.unit.mailbox_case import Case, assert_same, folder_of

_ITEMS = 900
_UNDER_WAY = 400
"""Four batches of a hundred."""


async def _listed_without_uploads(case: Case) -> int:
    """How many items are listed as long as no upload ends; then all do, and the pass with them."""
    for number in range(_ITEMS):
        case.source.deliver(folder_of(case.source, "inbox"), f"item {number}")
    real, opened = case.target.call, asyncio.Event()

    async def call(operation: Operation[Any], announce: Announce | None = None) -> Any:
        if isinstance(operation, UploadItems):
            await opened.wait()
        return await real(operation, announce)

    case.target.call = call  # type: ignore[method-assign]
    running = asyncio.create_task(run_pass(case.new_pass()))
    listed, before = 0, -1
    while listed > before or not listed:
        before = listed
        for _ in range(2000):  # everybody goes on as far as they can
            await asyncio.sleep(0)
        listed = len(await case.ledger.next_work(Work.COPY, 0, float("inf"), _ITEMS)) + len(case.ledger.item_rows)
        listed += len(await case.ledger.in_doubt())
    opened.set()
    await running
    return listed


@pytest.mark.parametrize(
    ("most", "least_listed", "most_listed"), [(0, _UNDER_WAY, _UNDER_WAY + 150), (1000, _ITEMS, _ITEMS)]
)
def test_a_mailbox_is_listed_no_further_than_copying_can_take(most: int, least_listed: int, most_listed: int) -> None:
    case = Case()
    case.backlog = Backlog(most)
    assert least_listed <= asyncio.run(_listed_without_uploads(case)) <= most_listed
    assert_same(case)


def test_no_mailbox_waits_for_another_for_ever() -> None:
    """Each has less than what makes a request, so none goes on before it knows that nothing more comes."""

    async def all_of(cases: list[Case]) -> None:
        async with asyncio.timeout(30):
            await asyncio.gather(*(run_pass(case.new_pass()) for case in cases))

    cases, backlog = [Case() for _ in range(8)], Backlog(most=0)
    for case in cases:
        case.world.takes_turns, case.backlog = True, backlog
        for role in ("inbox", "notes"):
            for number in range(12):
                case.source.deliver(folder_of(case.source, role), f"item {number}")
    asyncio.run(all_of(cases))
    for case in cases:
        assert_same(case)
    assert backlog.items == 0


def test_a_pass_that_ends_early_leaves_nothing_in_the_backlog() -> None:
    case = Case()
    case.backlog = Backlog(most=1000)

    async def call(operation: Operation[Any], announce: Announce | None = None) -> Any:
        if isinstance(operation, UploadItems):
            raise EwsError("ErrorServerBusy", "not now", 0.1)
        return await real(operation, announce)

    real = case.target.call
    case.target.call = call  # type: ignore[method-assign]
    for number in range(_ITEMS):
        case.source.deliver(folder_of(case.source, "inbox"), f"item {number}")
    with pytest.raises(EwsError):
        asyncio.run(run_pass(case.new_pass()))
    assert case.backlog.items == 0
