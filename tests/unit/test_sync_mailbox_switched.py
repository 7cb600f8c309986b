"""Passes after the switch: stragglers come, and nothing that the owner has on the other side now is touched."""

from __future__ import annotations

import asyncio

import pytest
from isthmus_mailbox.passing import Pass
from isthmus_mailbox.running import run_pass

from tests.unit.mailbox_case import Case, copied, folder_of


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


def test_after_a_switch_what_both_moved_is_there_once(case: Case) -> None:
    ours, theirs = next(iter(case.source.items)), next(iter(case.target.items))
    case.target.move(theirs, folder_of(case.target, "notes"))
    case.source.move(ours, folder_of(case.source, "deleteditems"))
    asyncio.run(run_pass(_after_the_switch(case)))
    asyncio.run(run_pass(_after_the_switch(case)))
    assert sorted(content.text for content in case.target.items.values()) == ["one", "three", "two"]
    assert not case.ledger.staged_rows
