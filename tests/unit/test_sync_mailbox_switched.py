"""Passes after the switch: stragglers come, and nothing that the owner has on the other side now is touched."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest
from isthmus_exchange.client import Announce
from isthmus_exchange.errors import EwsError
from isthmus_exchange.operations import GetItemLabels, MoveItems, Operation, UploadItems
from isthmus_mailbox.passing import Pass
from isthmus_mailbox.running import run_pass

from tests.unit.mailbox_case import Case, Streams, assert_same, copied, folder_of
from tests.unit.mailbox_world import Crash

_MADE_AND_NO_ANSWER = 5


@pytest.fixture
def case() -> Case:
    return copied()


def _after_the_switch(case: Case) -> Pass:
    """As a worker makes it when somebody orders one."""
    this = case.new_pass(eager=True)
    this.heal, this.deletions = False, "keep"
    case.world.time += 60
    return this


def test_after_a_switch_an_emptied_source_empties_nothing(case: Case) -> None:
    before = case.target.contents()
    for item in list(case.source.items):
        case.source.delete(item)
    case.source.delete_folder(next(each.id for each in case.source.folders.values() if each.name == "Travel"))
    for _ in range(2):
        asyncio.run(run_pass(_after_the_switch(case)))
    assert case.target.contents() == before


def test_after_a_switch_folders_are_where_their_owner_put_them(case: Case) -> None:
    inbox = folder_of(case.source, "inbox")
    for name in ("Work", "Old"):
        case.source.deliver(case.source.make_folder(inbox, name), name)
    asyncio.run(run_pass(case.new_pass()))
    ours, theirs = ({each.name: each.id for each in side.folders.values()} for side in (case.source, case.target))
    case.target.rename_folder(theirs["Travel"], "Journeys")
    case.target.move_folder(theirs["Work"], case.target.root)
    case.target.delete_folder(theirs["Old"])
    case.source.deliver(case.source.make_folder(ours["Travel"], "Rail"), "a straggler")
    case.source.deliver(case.source.make_folder(ours["Old"], "Older"), "of no place")
    for _ in range(2):
        asyncio.run(run_pass(_after_the_switch(case)))
    assert {path for path in case.target.contents() if len(path) > 1} == {
        ("inbox", "Journeys"),
        ("inbox", "Journeys", "Rail"),
        ("msgfolderroot", "Work"),
    }
    texts = {content.text for content in case.target.items.values()}
    assert texts == {"one", "two", "three", "Work", "a straggler"}


def test_after_a_switch_what_its_owner_wrote_stays(case: Case) -> None:
    (ours, also_ours, _), (theirs, *_) = case.source.items, case.target.items
    case.target.edit(theirs, "one, answered")
    case.source.edit(ours, "one, touched by the server")
    case.source.edit(also_ours, "two, in the last minute")
    asyncio.run(run_pass(_after_the_switch(case)))
    asyncio.run(run_pass(_after_the_switch(case)))
    texts = {content.text for content in case.target.items.values()}
    assert texts == {"one, answered", "two, in the last minute", "three"}


def test_after_an_undo_the_source_counts_again(case: Case) -> None:
    """What its owner changed on the other side meanwhile is written over, as soon as both sides are compared."""
    case.target.edit(next(iter(case.target.items)), "one, answered")
    asyncio.run(run_pass(_after_the_switch(case)))
    assert "one, answered" in {content.text for content in case.target.items.values()}
    assert asyncio.run(case.come_to_rest()).different == 1
    assert asyncio.run(case.come_to_rest()).equal
    assert_same(case)


def test_after_a_switch_what_both_moved_is_there_once(case: Case) -> None:
    ours, theirs = next(iter(case.source.items)), next(iter(case.target.items))
    case.target.move(theirs, folder_of(case.target, "notes"))
    case.source.move(ours, folder_of(case.source, "deleteditems"))
    asyncio.run(run_pass(_after_the_switch(case)))
    asyncio.run(run_pass(_after_the_switch(case)))
    assert sorted(content.text for content in case.target.items.values()) == ["one", "three", "two"]
    assert not case.ledger.staged_rows


def test_after_a_switch_what_both_edited_and_the_source_moved_is_its_owner_s(case: Case) -> None:
    _moved_and_edited(case, "one, in the last minute")
    theirs = next(iter(case.target.items))
    case.target.edit(theirs, "one, answered")
    place = case.target.items[theirs].folder
    for _ in range(2):
        asyncio.run(run_pass(_after_the_switch(case)))
    assert _texts(case) == ["one, answered", "three", "two"]
    assert case.target.items[theirs].folder == place
    assert not case.ledger.staged_rows


def test_after_a_switch_what_only_the_source_moved_and_edited_comes(case: Case) -> None:
    _moved_and_edited(case, "one, in the last minute")
    for _ in range(2):
        asyncio.run(run_pass(_after_the_switch(case)))
    assert _texts(case) == ["one, in the last minute", "three", "two"]


def test_after_a_switch_a_straggler_s_edit_of_what_its_owner_kept_never_comes_later(case: Case) -> None:
    moved = _moved_and_edited(case, "one, in the last minute")
    case.target.edit(next(iter(case.target.items)), "one, answered")
    asyncio.run(run_pass(_after_the_switch(case)))
    case.source.edit(moved, "one, a day later")
    asyncio.run(run_pass(_after_the_switch(case)))
    assert _texts(case) == ["one, answered", "three", "two"]


@pytest.mark.parametrize("also_edited", [False, True])
def test_a_move_in_doubt_over_the_switch_keeps_what_its_owner_wrote(case: Case, also_edited: bool) -> None:
    _move_in_doubt(case, also_edited=also_edited)
    moved = next(item for item, content in case.target.items.items() if content.text == "one")
    case.target.edit(moved, "one, answered")
    for _ in range(2):
        asyncio.run(run_pass(_after_the_switch(case)))
    assert _texts(case) == ["one, answered", "three", "two"]
    assert not case.ledger.staged_rows


def test_a_move_in_doubt_over_the_switch_brings_the_edit_that_nobody_answered(case: Case) -> None:
    _move_in_doubt(case, also_edited=True)
    for _ in range(2):
        asyncio.run(run_pass(_after_the_switch(case)))
    assert _texts(case) == ["one, in the last minute", "three", "two"]


def test_after_a_switch_what_its_owner_wrote_keeps_its_read_flag(case: Case) -> None:
    (ours, also_ours, _), (theirs, *_) = case.source.items, case.target.items
    case.target.edit(theirs, "one, kept unread")
    before = case.target.items[theirs].is_read
    case.source.flag(ours)
    case.source.flag(also_ours)
    for _ in range(2):
        asyncio.run(run_pass(_after_the_switch(case)))
    flags = {content.text: content.is_read for content in case.target.items.values()}
    assert flags["one, kept unread"] == before
    assert flags["two"] == case.source.items[also_ours].is_read != before
    assert not case.ledger.staged_rows


def test_after_a_switch_what_is_adopted_keeps_its_owner_s_read_flag(case: Case) -> None:
    ours, theirs = next(iter(case.source.items)), next(iter(case.target.items))
    del case.ledger.item_rows[ours]
    case.target.flag(theirs)
    case.source.lose_states()
    before = case.target.items[theirs].is_read
    for _ in range(2):
        asyncio.run(run_pass(_after_the_switch(case)))
    assert _texts(case) == ["one", "three", "two"]
    assert case.target.items[theirs].is_read == before != case.source.items[ours].is_read
    assert not case.ledger.staged_rows


def test_after_a_switch_what_is_adopted_and_not_the_same_is_its_owner_s(case: Case) -> None:
    ours, theirs = next(iter(case.source.items)), next(iter(case.target.items))
    del case.ledger.item_rows[ours]
    case.target.edit(theirs, "one, answered")
    case.source.lose_states()
    for text in ("one, touched by the server", "one, a day later"):
        case.source.edit(ours, text)
        for _ in range(2):
            asyncio.run(run_pass(_after_the_switch(case)))
    assert _texts(case) == ["one, answered", "three", "two"]
    assert not case.ledger.staged_rows


def test_a_new_item_in_doubt_over_the_switch_is_not_written_over_what_its_owner_made_of_it(case: Case) -> None:
    """Its owner has a copy of it, too, and nobody can say which is the one that got no answer."""
    case.source.deliver(folder_of(case.source, "inbox"), "four")
    _dies_of(case, UploadItems)
    (made,) = (item for item, content in case.target.items.items() if content.text == "four")
    case.target.edit(case.target.copy(made, case.target.items[made].folder), "four, answered")
    case.target.edit(made, "four, forwarded")
    for _ in range(2):
        asyncio.run(run_pass(_after_the_switch(case)))
    assert _texts(case) == ["four, answered", "four, forwarded", "one", "three", "two"]
    assert not case.ledger.staged_rows


@pytest.mark.parametrize("code", ["ErrorMailboxStoreUnavailable", "ErrorItemCorrupt"])
@pytest.mark.parametrize("way", ["edited", "moved", "flagged"])
def test_after_a_switch_what_its_owner_wrote_stays_though_the_server_does_not_tell_whether_they_did(
    case: Case, code: str, way: str
) -> None:
    ours, theirs = next(iter(case.source.items)), next(iter(case.target.items))
    case.target.edit(theirs, "one, answered")
    match way:
        case "edited":
            case.source.edit(ours, "one, touched by the server")
        case "moved":
            _moved_and_edited(case, "one, touched by the server")
        case _:
            case.source.flag(ours)
    before = case.target.items[theirs]
    answer = case.target.call

    async def call(operation: Operation[Any], announce: Announce | None = None) -> Any:
        if isinstance(operation, GetItemLabels):
            return [EwsError(code) for _ in operation.ids]
        return await answer(operation, announce)

    case.target.call = call  # type: ignore[method-assign]
    with contextlib.suppress(EwsError):
        asyncio.run(run_pass(_after_the_switch(case)))
    case.target.call = answer  # type: ignore[method-assign]
    for _ in range(2):
        asyncio.run(run_pass(_after_the_switch(case)))
    assert case.target.items[theirs] == before
    assert _texts(case) == ["one, answered", "three", "two"]
    assert not case.ledger.staged_rows


@pytest.mark.parametrize(
    ("edited", "left"),
    [
        ("earlier", ["letter, answered", "letter, in the last minute"]),
        ("newer", ["letter, answered"]),
        ("neither", ["letter, in the last minute"]),
    ],
)
def test_a_copy_that_takes_the_place_of_an_earlier_one_in_doubt_over_the_switch_deletes_nothing_of_its_owner_s(
    edited: str, left: list[str]
) -> None:
    case = Case()
    Streams.UNKNOWN.arrange(case)
    letter = case.source.deliver(folder_of(case.source, "inbox"), "letter")
    case.world.time += 60
    asyncio.run(run_pass(case.new_pass()))
    (earlier,) = case.target.items
    case.source.edit(letter, "letter, in the last minute")
    _dies_of(case, MoveItems)
    (newer,) = case.target.items.keys() - {earlier}
    if edited != "neither":
        case.target.edit({"earlier": earlier, "newer": newer}[edited], "letter, answered")
    for _ in range(2):
        asyncio.run(run_pass(_after_the_switch(case)))
    assert _texts(case) == left
    assert not case.ledger.staged_rows


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("kind", [UploadItems, MoveItems])
def test_of_two_in_doubt_over_the_switch_with_one_key_each_is_taken_for_itself(
    case: Case, kind: type[Operation[Any]], first: bool
) -> None:
    """So that after an undo what is deleted is what its owner deleted."""
    inbox, notes = folder_of(case.source, "inbox"), folder_of(case.source, "notes")
    one = case.source.deliver(inbox, "a letter")
    two = case.source.copy(one, inbox)
    case.source.edit(two, "a letter, and what it made of it")
    case.world.time += 60
    if kind is MoveItems:
        asyncio.run(run_pass(case.new_pass()))
        one, two = (case.source.move(each, notes) for each in (one, two))
    _dies_of(case, kind)
    asyncio.run(run_pass(_after_the_switch(case)))
    case.source.delete(one if first else two)
    case.world.time += 60
    asyncio.run(run_pass(case.new_pass(eager=True)))
    assert_same(case)


def test_what_its_owner_writes_while_a_newer_copy_is_assembled_stays() -> None:
    case = Case()
    Streams.UNKNOWN.arrange(case)
    letter = case.source.deliver(folder_of(case.source, "inbox"), "letter")
    case.world.time += 60
    asyncio.run(run_pass(case.new_pass()))
    (earlier,) = case.target.items
    case.source.edit(letter, "letter, in the last minute")
    answer = case.target.call

    async def call(operation: Operation[Any], announce: Announce | None = None) -> Any:
        if isinstance(operation, MoveItems):
            case.target.edit(earlier, "letter, answered")
        return await answer(operation, announce)

    case.target.call = call  # type: ignore[method-assign]
    for _ in range(2):
        asyncio.run(run_pass(_after_the_switch(case)))
    assert _texts(case) == ["letter, answered", "letter, in the last minute"]
    assert not case.ledger.staged_rows


def _moved_and_edited(case: Case, text: str) -> str:
    moved = case.source.move(next(iter(case.source.items)), folder_of(case.source, "deleteditems"))
    case.source.edit(moved, text)
    return moved


def _move_in_doubt(case: Case, *, also_edited: bool) -> None:
    """The last pass before the switch dies when it has asked for a move that is made."""
    if also_edited:
        _moved_and_edited(case, "one, in the last minute")
    else:
        case.source.move(next(iter(case.source.items)), folder_of(case.source, "deleteditems"))
    _dies_of(case, MoveItems)


def _dies_of(case: Case, kind: type[Operation[Any]]) -> None:
    """A pass dies when it has asked for such a write, which is made."""
    call = case.target.call

    async def dies(operation: Operation[Any], announce: Announce | None = None) -> Any:
        if isinstance(operation, kind):
            case.world.fates = iter((_MADE_AND_NO_ANSWER,))
        return await call(operation, announce)

    with pytest.MonkeyPatch.context() as patched, pytest.raises(Crash):
        patched.setattr(case.target, "call", dies)
        asyncio.run(run_pass(case.new_pass()))
    case.world.time += 600


def _texts(case: Case) -> list[str]:
    return sorted(content.text for content in case.target.items.values())
