"""What a proof finds, heals and remembers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from isthmus_exchange.client import Announce
from isthmus_exchange.errors import EwsError, ServerBusyError
from isthmus_exchange.operations import FindEntries, GetItemLabels, Operation, UploadItems
from isthmus_mailbox import proving
from isthmus_mailbox.proving import prove
from isthmus_mailbox.running import run_pass

from tests.unit.mailbox_case import Case, Policy, assert_same, copied, folder_of
from tests.unit.mailbox_world import Crash


@pytest.fixture
def case() -> Case:
    return copied()


def test_what_was_deleted_on_the_other_side_comes_back_when_it_is_proven(case: Case) -> None:
    case.target.delete(next(iter(case.target.items)))
    proof = asyncio.run(prove(case.new_pass()))
    assert (proof.equal, proof.missing, proof.removed, proof.healed) == (False, 1, 1, True)
    assert proof.differences == ["Posteingang: 'one' (736f7572…) is missing"]
    assert asyncio.run(case.come_to_rest()).equal
    assert_same(case)


def test_a_proof_that_was_cut_off_is_gone_on_with(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("Letters", "Bills", "Trips"):
        case.source.deliver(case.source.make_folder(folder_of(case.source, "inbox"), name), name)
    asyncio.run(run_pass(case.new_pass()))
    case.world.time += 60
    asked: list[str] = []
    answer = case.source._answer

    def asking(operation: Operation[Any]) -> Any:
        if isinstance(operation, FindEntries):
            asked.append(case.source.folders[operation.folder].name)
        return answer(operation)

    monkeypatch.setattr(case.source, "_answer", asking)
    monkeypatch.setattr(proving, "_WRITTEN_SECONDS", 0.0)
    places = 0

    async def breathe() -> None:
        nonlocal places
        places += 1
        if places == 7:
            raise Crash

    first, began_at = case.new_pass(), case.world.time
    first.breathe = breathe
    with pytest.raises(Crash):
        asyncio.run(prove(first))
    found, asked[:] = set(asked), []
    assert case.shelf.proven
    # Something happens in a folder that was found equal, and the next pass brings it over.
    case.world.time += 60
    inbox = folder_of(case.source, "inbox")
    assert case.source.folders[inbox].name in found
    case.source.deliver(inbox, "four")
    asyncio.run(run_pass(case.new_pass()))
    case.world.time += 60
    proof = asyncio.run(prove(case.new_pass()))
    assert (proof.equal, proof.from_items, proof.began_at) == (True, 7, began_at)
    assert "Posteingang" in asked
    assert found - set(asked)
    asked.clear()
    case.world.time += 3600
    asyncio.run(prove(case.new_pass()))
    assert found < set(asked)


def test_a_proof_ends_within_a_large_folder_and_keeps_what_it_found_before(case: Case) -> None:
    class Closed(Exception):  # noqa: N818 - what happens
        pass

    travel = next(folder.id for folder in case.source.folders.values() if folder.name == "Travel")
    for number in range(20):
        case.source.deliver(travel, f"item {number}")
    asyncio.run(run_pass(case.new_pass()))
    case.world.time += 60
    asked: list[str] = []
    real = case.source.call

    async def call(operation: Operation[Any], announce: Announce | None = None) -> Any:
        if isinstance(operation, FindEntries):
            asked.append(case.source.folders[operation.folder].name)
        return await real(operation, announce)

    case.source.call = call  # type: ignore[method-assign]

    async def allowed() -> None:
        if asked.count("Travel") == 4:
            raise Closed

    first, began_at = case.new_pass(), case.world.time
    first.allowed = allowed
    with pytest.raises(Closed):
        asyncio.run(prove(first))
    assert asked.count("Travel") == 4, "of seven pages"
    assert "Posteingang" in asked
    asked.clear()
    case.world.time += 60
    proof = asyncio.run(prove(case.new_pass()))
    assert (proof.equal, proof.from_items, proof.began_at) == (True, 23, began_at)
    assert set(asked) == {"Travel"}


def test_what_was_refused_as_a_whole_and_done_all_the_same_is_not_there_twice(case: Case) -> None:
    """HTTP 503 of a load balancer or a front end, after the server behind it had taken the items."""
    inbox = folder_of(case.source, "inbox")
    for text in ("four", "five"):
        case.source.deliver(inbox, text)
    real, asked = case.target.call, list[int]()

    async def call(operation: Operation[Any], announce: Announce | None = None) -> Any:
        answer = await real(operation, announce)
        if isinstance(operation, UploadItems):
            asked.append(len(operation.items))
            if len(asked) == 1:
                raise ServerBusyError(5.0, "HTTP 503")
        return answer

    case.target.call = call  # type: ignore[method-assign]
    asyncio.run(run_pass(case.new_pass()))
    assert asked == [2, 2]
    # One of them goes before anybody looks: of the second ones there is nothing left, either.
    case.source.delete(next(item for item, content in case.source.items.items() if content.text == "four"))
    asyncio.run(run_pass(case.new_pass(eager=True)))
    assert asyncio.run(prove(case.new_pass())).healed
    assert asyncio.run(prove(case.new_pass())).equal
    assert_same(case)


def test_an_item_that_came_and_went_while_a_proof_saw_it_is_forgotten(case: Case) -> None:
    item = case.source.deliver(folder_of(case.source, "inbox"), "four")
    assert asyncio.run(prove(case.new_pass())).missing == 1
    case.source.delete(item)
    for _ in range(3):
        asyncio.run(run_pass(case.new_pass(eager=True)))
    assert not case.ledger.staged_rows
    assert_same(case)


def test_a_difference_that_has_no_name_is_a_difference(case: Case) -> None:
    case.target.delete(next(iter(case.target.items)))
    real = case.source.call

    async def call(operation: Operation[Any], announce: Announce | None = None) -> Any:
        if isinstance(operation, GetItemLabels):
            raise EwsError("ErrorInternalServerError", "an item was too much")
        return await real(operation, announce)

    case.source.call = call  # type: ignore[method-assign]
    proof = asyncio.run(prove(case.new_pass()))
    assert (proof.missing, proof.differences) == (1, ["Posteingang: an item (736f7572…) is missing"])


def test_after_a_switch_the_owner_may_delete(case: Case) -> None:
    case.target.delete(next(iter(case.target.items)))
    after = case.new_pass()
    after.heal = False
    proof = asyncio.run(prove(after))
    assert (proof.missing, proof.removed, proof.healed) == (1, 1, False)


def test_what_the_target_has_of_its_own_stays_and_is_no_difference(case: Case) -> None:
    case.target.deliver(folder_of(case.target, "inbox"), "only here")
    proof = asyncio.run(prove(case.new_pass()))
    assert (proof.equal, proof.surplus, proof.own, proof.healed) == (True, 1, 1, False)


def test_what_is_there_once_more_than_on_the_source_is_there_twice_whoever_brought_it(case: Case) -> None:
    """As by a tool that copied the mailbox twice before, or by hand; two that are alike on the source are two."""
    inbox = folder_of(case.source, "inbox")
    one = next(item for item, content in case.source.items.items() if content.text == "one")
    case.source.copy(one, inbox)
    asyncio.run(run_pass(case.new_pass()))
    assert asyncio.run(prove(case.new_pass())).equal
    ours = {item: case.ledger.item_rows[item].to_id for item, content in case.source.items.items()}
    third = case.target.copy(ours[one], folder_of(case.target, "inbox"))
    proof = asyncio.run(prove(case.new_pass()))
    assert (proof.equal, proof.surplus, proof.twice, proof.own, proof.healed) == (False, 1, 1, 0, False)
    assert proof.differences == ["Posteingang: 'one' (736f7572…) is there twice"]
    [kept] = proof.listed
    assert (kept.folder, kept.entry and kept.entry.id) == ("Posteingang", third)
    assert kept.twin in {(item, copy) for item, copy in ours.items() if case.source.items[item].text == "one"}
    # It is somebody's, and theirs to remove. Elsewhere it is no double of anything.
    assert third in case.target.items
    case.target.move(third, folder_of(case.target, "notes"))
    proof = asyncio.run(prove(case.new_pass()))
    assert (proof.equal, proof.surplus, proof.own) == (True, 1, 1)


@pytest.mark.parametrize("key", [b"another", b""])
def test_a_copy_that_has_lost_its_key_is_written_over_and_not_there_twice(case: Case, key: bytes) -> None:
    next(content for content in case.target.items.values() if content.text == "one").key = key
    assert not asyncio.run(prove(case.new_pass())).equal
    asyncio.run(run_pass(case.new_pass()))
    assert asyncio.run(prove(case.new_pass())).equal
    assert_same(case)


@pytest.mark.parametrize("policy", ["mirror", "recoverable"])
def test_a_second_upload_is_deleted_though_its_original_is_gone_meanwhile(case: Case, policy: Policy) -> None:
    case.policy = policy
    one = next(item for item, content in case.source.items.items() if content.text == "one")
    row = case.ledger.item_rows[one]
    case.ledger.resent_keys.add((row.folder, row.search_key))
    case.target.copy(row.to_id, folder_of(case.target, "inbox"))
    case.source.delete(one)
    asyncio.run(run_pass(case.new_pass()))
    proof = asyncio.run(prove(case.new_pass()))
    assert (proof.surplus, proof.twice, proof.healed) == (1, 1, True)
    assert asyncio.run(prove(case.new_pass())).equal
    assert_same(case)
    assert len(case.target.recoverable) == (policy == "recoverable")


def test_what_a_policy_keeps_is_the_target_s_own_even_beside_its_double(case: Case) -> None:
    one = next(item for item, content in case.source.items.items() if content.text == "one")
    case.source.copy(one, folder_of(case.source, "inbox"))
    asyncio.run(run_pass(case.new_pass()))
    case.source.delete(one)
    keeping = case.new_pass()
    keeping.deletions = "keep"
    asyncio.run(run_pass(keeping))
    proof = asyncio.run(prove(keeping))
    assert (proof.equal, proof.surplus, proof.twice, proof.own) == (True, 1, 0, 1)
