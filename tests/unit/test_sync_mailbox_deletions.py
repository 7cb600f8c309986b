"""What is deleted, or kept, where people do not only delete: moves that are seen by halves, folders that go with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from isthmus_exchange.client import Announce
from isthmus_exchange.errors import EwsError, InDoubtError
from isthmus_exchange.operations import DeleteItems, MoveItems, Operation, SyncFolderItems
from isthmus_mailbox.running import run_pass

from tests.unit.mailbox_case import (
    POLICIES,
    Case,
    Policy,
    assert_all_there,
    assert_as_promised,
    copied,
    folder_of,
)
from tests.unit.mailbox_model import ModelMailbox


def _case(policy: Policy) -> Case:
    case = copied()
    case.policy = policy
    return case


@pytest.mark.parametrize("policy", POLICIES)
def test_what_moves_to_a_folder_that_is_listed_already_is_moved_and_not_deleted(policy: Policy) -> None:
    case = _case(policy)
    inbox, notes = folder_of(case.source, "inbox"), folder_of(case.source, "notes")
    item = case.source.deliver(notes, "on its way")
    asyncio.run(run_pass(case.new_pass()))
    case.world.time += 60
    case.source.deliver(inbox, "new")
    case.source.deliver(notes, "also new")

    def once(operation: Operation[Any]) -> None:
        listed = isinstance(operation, SyncFolderItems) and operation.folder == inbox
        if listed and item in case.source.items:
            case.source.move(item, inbox)

    _after(case.source, once)
    for _ in range(2):
        asyncio.run(run_pass(case.new_pass()))
        case.world.time += 60
    assert item not in case.source.items
    assert_as_promised(case)
    texts = [content.text for content in (*case.target.items.values(), *case.target.recoverable)]
    assert texts.count("on its way") == 1


@pytest.mark.parametrize("policy", POLICIES)
def test_what_moves_on_to_a_folder_that_is_not_listed_yet_is_not_there_twice(policy: Policy) -> None:
    case = _case(policy)
    inbox, notes = folder_of(case.source, "inbox"), folder_of(case.source, "notes")
    item = case.source.deliver(inbox, "on its way")
    asyncio.run(run_pass(case.new_pass()))
    case.world.time += 60
    case.source.deliver(inbox, "new")
    case.source.deliver(notes, "also new")

    def once(operation: Operation[Any]) -> None:
        listed = isinstance(operation, SyncFolderItems) and operation.folder == inbox
        if listed and item in case.source.items:
            case.source.move(item, notes)

    _after(case.source, once)
    for _ in range(3):
        asyncio.run(run_pass(case.new_pass()))
        case.world.time += 60
    assert item not in case.source.items
    assert_as_promised(case)
    assert [content.text for content in case.target.items.values()].count("on its way") == 1


@pytest.mark.parametrize("how", ["copied", "moved while a pass looks"])
def test_what_was_seen_in_two_folders_and_is_gone_from_both_at_the_next_look_is_kept_in_both(how: str) -> None:
    """A copy is to be kept, and a move that was seen by half looks the same: two items of one key, there one after the
    other or both together, and of neither is anything left on the source.
    """
    case = _case("keep")
    inbox, notes = folder_of(case.source, "inbox"), folder_of(case.source, "notes")
    item = case.source.deliver(inbox, "in two folders")
    asyncio.run(run_pass(case.new_pass()))
    case.world.time += 60
    case.source.deliver(inbox, "new")
    case.source.deliver(notes, "also new")
    seen: list[str] = []

    def once(operation: Operation[Any]) -> None:
        if isinstance(operation, SyncFolderItems) and operation.folder == inbox and not seen:
            seen.append((case.source.copy if how == "copied" else case.source.move)(item, notes))

    _after(case.source, once)
    asyncio.run(run_pass(case.new_pass()))
    for each in {item, *seen} & case.source.items.keys():
        case.source.delete(each)
    for _ in range(2):
        case.world.time += 60
        asyncio.run(run_pass(case.new_pass()))
    places = [content.folder for content in case.target.items.values() if content.text == "in two folders"]
    assert sorted(places) == sorted([folder_of(case.target, "inbox"), folder_of(case.target, "notes")])
    assert not case.target.recoverable


@pytest.mark.parametrize("policy", POLICIES)
def test_what_was_in_a_folder_that_is_gone_is_not_there_twice_when_it_could_not_be_moved_at_once(
    policy: Policy,
) -> None:
    case = _case(policy)
    (item,) = (item for item, content in case.source.items.items() if content.text == "three")
    travel = case.source.items[item].folder
    case.source.move(item, folder_of(case.source, "notes"))
    case.source.delete_folder(travel)
    away = EwsError("ErrorMailboxStoreUnavailable")
    _once(case.target, lambda operation: [away for _ in operation.ids] if isinstance(operation, MoveItems) else None)
    for _ in range(3):
        case.world.time += 60
        asyncio.run(run_pass(case.new_pass()))
    assert_as_promised(case)
    assert sorted(content.text for content in case.target.items.values()) == ["one", "three", "two"]
    assert not case.target.recoverable


def test_a_deletion_that_got_no_answer_leaves_nothing_to_go_for_good_with_its_folder() -> None:
    case = _case("recoverable")
    case.source.delete_folder(next(each.id for each in case.source.folders.values() if each.name == "Travel"))

    def lost(operation: Operation[Any]) -> None:
        if isinstance(operation, DeleteItems):
            raise InDoubtError("no answer")

    _once(case.target, lost)
    for _ in range(2):
        case.world.time += 60
        asyncio.run(run_pass(case.new_pass()))
    assert_all_there(case)
    assert [content.text for content in case.target.recoverable] == ["three"]
    assert "Travel" not in {folder.name for folder in case.target.folders.values()}


def _after(side: ModelMailbox, happen: Callable[[Operation[Any]], None]) -> None:
    """After each answer of this side something happens."""
    real = side.call

    async def call(operation: Operation[Any], announce: Announce | None = None) -> Any:
        answer = await real(operation, announce)
        happen(operation)
        return answer

    side.call = call  # type: ignore[method-assign]


def _once(side: ModelMailbox, instead: Callable[[Operation[Any]], Any]) -> None:
    """The first request of which this tells an answer, or raises one, has that and is not carried out."""
    real, done = side.call, False

    async def call(operation: Operation[Any], announce: Announce | None = None) -> Any:
        nonlocal done
        if not done:
            done = True
            if isinstance(operation, MoveItems | DeleteItems) and announce:
                await announce(side.world.time)
            if (answer := instead(operation)) is not None:
                return answer
            done = False
        return await real(operation, announce)

    side.call = call  # type: ignore[method-assign]
