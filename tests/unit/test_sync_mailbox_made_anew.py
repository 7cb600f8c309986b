"""A target whose mailbox was made anew: its folders have other ids, and what was brought to the former one is gone."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from isthmus_exchange.errors import EwsError, InDoubtError, TransientError
from isthmus_exchange.operations import Operation
from isthmus_exchange.values import ItemId, Upload
from isthmus_mailbox.marks import SWEEP_SECONDS, Marks
from isthmus_mailbox.passing import MailboxBlocked
from isthmus_mailbox.running import run_pass

from tests.unit.mailbox_case import Case, assert_same, copied, folder_of
from tests.unit.mailbox_world import Crash


@pytest.fixture
def case() -> Case:
    return copied()


def test_a_sweep_fills_it_again_though_nothing_is_new(case: Case) -> None:
    case.target.make_anew()
    case.world.time += SWEEP_SECONDS
    asyncio.run(run_pass(case.new_pass()))
    assert_same(case)


@pytest.mark.parametrize("code", ["ErrorFolderNotFound", "ErrorItemNotFound"])
def test_what_is_new_and_has_no_place_there_has_the_next_pass_look(case: Case, code: str) -> None:
    """Servers say by either that the folder of an upload is not there."""
    case.target.make_anew()
    real = case.target._upload

    def answer(upload: Upload) -> ItemId | EwsError:
        return real(upload) if upload.folder in case.target.folders else EwsError(code)

    case.target._upload = answer  # type: ignore[method-assign]
    case.source.deliver(folder_of(case.source, "inbox"), "four")
    for _ in range(2):
        case.world.time += 60
        asyncio.run(run_pass(case.new_pass()))
    assert_same(case)


def test_what_was_restored_into_it_is_not_there_twice(case: Case) -> None:
    """The former one had as many of its own as this one has of what was brought, and that had been looked at."""
    inbox = folder_of(case.target, "inbox")
    for text in ("own", "also own"):
        case.target.deliver(inbox, text)
    case.source.deliver(folder_of(case.source, "inbox"), "four")
    asyncio.run(run_pass(case.new_pass()))
    restored = [content for content in case.target.items.values() if content.text in ("one", "two")]
    case.target.make_anew()
    for content in restored:
        case.target._add_item(replace(content, folder=folder_of(case.target, "inbox")))
    case.world.time += SWEEP_SECONDS
    asyncio.run(run_pass(case.new_pass()))
    assert_same(case)


@pytest.mark.parametrize("fate", [1, 4, 6, 8])
def test_it_is_filled_again_whatever_fails_on_the_way(fate: int) -> None:
    """Also where a folder is made and nobody hears of it: what was in the former one is not taken to be in that."""
    for calls in range(20):
        case = copied()
        case.target.make_anew()
        case.world.time += SWEEP_SECONDS
        case.world.fates = iter([0] * calls + [fate])
        written = case.marks.write()
        for _ in range(3):
            try:
                asyncio.run(run_pass(case.new_pass()))
            except Crash:
                case.marks = Marks.read(written)
            except (InDoubtError, TransientError):
                pass
            case.world.time += 60
        case.world.land(now=True)
        assert asyncio.run(case.come_to_rest()).equal
        assert_same(case)


def test_after_the_switch_nothing_goes_on(case: Case) -> None:
    """Nobody could tell what its owner deleted from what went with the former one."""
    case.target.make_anew()
    case.source.deliver(folder_of(case.source, "inbox"), "a straggler")
    case.world.time += 60
    before = dict(case.ledger.item_rows), dict(case.ledger.folder_rows)
    this = case.new_pass(eager=True)
    this.heal, this.deletions = False, "keep"
    with pytest.raises(MailboxBlocked, match=r"isthmus switch source --undo") as blocked:
        asyncio.run(run_pass(this))
    assert "Connect-Mailbox" in str(blocked.value)
    assert not case.target.items
    assert (case.ledger.item_rows, case.ledger.folder_rows) == before


def test_a_pass_that_is_no_sweep_asks_nothing_for_it_and_a_sweep_one_request(case: Case) -> None:
    asked = Counter[str]()
    answer = case.target._answer

    def counting(operation: Operation[Any]) -> Any:
        asked[operation.name] += 1
        return answer(operation)

    case.target._answer = counting  # type: ignore[method-assign]
    case.world.time += 60
    asyncio.run(run_pass(case.new_pass()))
    assert not asked
    case.world.time += SWEEP_SECONDS
    asyncio.run(run_pass(case.new_pass()))
    assert asked.total() == 1
