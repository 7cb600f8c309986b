"""What single passes do, and do not do, with what happened since the one before."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from isthmus_exchange.client import Announce
from isthmus_exchange.errors import EwsError, InDoubtError, TransientError
from isthmus_exchange.operations import CreateFolders, ExportItems, Operation, SyncFolderItems, UploadItems
from isthmus_mailbox.marks import Marks
from isthmus_mailbox.proving import Proof
from isthmus_mailbox.running import run_pass
from isthmus_project.filters import Filter
from isthmus_sync.mailbox.model import Outcome
from isthmus_sync.mailbox.ways import Way

from tests.unit.mailbox_case import Case, Streams, assert_same, copied, folder_of
from tests.unit.mailbox_world import Crash
from tests.unit.memory_ledger import MemoryLedger


@pytest.fixture
def case() -> Case:
    return copied()


def test_a_pass_over_an_unchanged_mailbox_writes_nothing(case: Case) -> None:
    case.world.fates = iter(
        [0] * 3 + [1] * 100
    )  # one for the tree, one for the marks of its folders, one for the root itself
    before = (case.ledger.sequence, case.target.uploads)
    asyncio.run(run_pass(case.new_pass()))
    assert (case.ledger.sequence, case.target.uploads) == before


def test_a_change_within_the_second_of_a_look_is_found(case: Case) -> None:
    inbox, item = folder_of(case.source, "inbox"), next(iter(case.source.items))
    case.source.deliver(inbox, "four")
    asyncio.run(run_pass(case.new_pass()))
    case.source._committed[inbox] = case.world.time
    case.source.items[item].text = "one, edited in the same second"
    case.source.items[item].version += 1000
    case.world.time += 60
    asyncio.run(run_pass(case.new_pass()))
    assert_same(case)


def test_a_change_that_no_mark_shows_is_found_by_the_sweep(case: Case) -> None:
    one, two = list(case.source.items)[:2]
    case.source.flag(one)
    case.world.time += 60
    asyncio.run(run_pass(case.new_pass()))
    case.source.flag(one)
    case.source.flag(two)
    case.world.time += 60
    asyncio.run(run_pass(case.new_pass()))
    case.world.time += 900
    asyncio.run(run_pass(case.new_pass()))
    assert_same(case)


def test_the_next_worker_asks_no_folder_that_did_not_change(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    case.world.time += 60
    case.source.deliver(folder_of(case.source, "notes"), "four")
    asked: list[str] = []
    answer = case.source._answer

    def asking(operation: Operation[Any]) -> Any:
        if isinstance(operation, SyncFolderItems):
            asked.append(operation.folder)
        return answer(operation)

    monkeypatch.setattr(case.source, "_answer", asking)
    case.marks = Marks.read(case.marks.write())
    asyncio.run(run_pass(case.new_pass()))
    assert set(asked) == {folder_of(case.source, "notes")}
    assert_same(case)


def _answering_new_folders(case: Case, answer: Callable[[CreateFolders], Awaitable[Any]] | None) -> list[list[str]]:
    """The names in each request for new folders on the target, which `answer` answers instead when it is given."""
    asked: list[list[str]] = []
    real = case.target.call

    async def call(operation: Operation[Any], announce: Announce | None = None) -> Any:
        if not isinstance(operation, CreateFolders):
            return await real(operation, announce)
        asked.append([each.display_name for each in operation.folders])
        if answer is None:
            return await real(operation, announce)
        assert announce is not None
        await announce(case.world.time + 30)
        return await answer(operation)

    case.target.call = call  # type: ignore[method-assign]
    return asked


def test_new_folders_of_one_parent_are_one_request(case: Case) -> None:
    inbox = folder_of(case.source, "inbox")
    below = [case.source.make_folder(inbox, name) for name in "abc"][1]
    case.source.deliver(case.source.make_folder(below, "d"), "four")
    asked = _answering_new_folders(case, None)
    asyncio.run(run_pass(case.new_pass()))
    assert asked == [["a", "b", "c"], ["d"]]
    assert_same(case)


@pytest.mark.parametrize("whole", [False, True])
def test_a_folder_that_is_refused_keeps_no_other_back(case: Case, whole: bool) -> None:
    async def refuse_b(operation: CreateFolders) -> list[str | EwsError]:
        refusal = EwsError("ErrorInvalidRequest", "not b")
        if whole and "b" in (each.display_name for each in operation.folders):
            raise refusal
        return [
            refusal if each.display_name == "b" else case.target.make_folder(operation.parent, each.display_name)
            for each in operation.folders
        ]

    inbox = folder_of(case.source, "inbox")
    for name in "abc":
        case.source.make_folder(inbox, name)
    asked = _answering_new_folders(case, refuse_b)
    this = case.new_pass()
    asyncio.run(run_pass(this))
    assert asked == [["a", "b", "c"], *([["a"], ["b"], ["c"]] if whole else [])]
    assert {"a", "c"} == {each.name for each in case.target.folders.values()} & {"a", "b", "c"}
    assert len(this.problems) == 1 and "b' could not be created" in this.problems[0]
    rows = asyncio.run(case.ledger.folders())
    assert [row.name for row in rows if not row.settled] == ["b"]
    assert not any(row.intent for row in rows)


def _asking(case: Case, watch: Callable[[str, Operation[Any]], None]) -> None:
    """`watch` sees every operation before either side answers it."""
    for side in (case.source, case.target):

        def answer(operation: Operation[Any], side: Any = side, real: Any = side._answer) -> Any:
            watch(side.name, operation)
            return real(operation)

        side._answer = answer  # type: ignore[method-assign]


def _new_case() -> Case:
    """A source with a folder of many pages, and nothing copied yet."""
    case = Case()
    case.world.takes_turns = True
    inbox = folder_of(case.source, "inbox")
    for number in range(1300):
        case.source.deliver(inbox, f"letter {number}")
    case.world.time += 60
    return case


def test_a_first_pass_copies_while_it_lists() -> None:
    case, asked = _new_case(), list[str]()
    _asking(case, lambda _, operation: asked.append(operation.name))
    asyncio.run(run_pass(case.new_pass()))
    assert_same(case)
    assert asked.index("UploadItems") < len(asked) - 1 - asked[::-1].index("SyncFolderItems")
    assert case.target.uploads == 1300


def test_what_is_told_again_while_it_is_copied_is_there_once_and_as_it_is() -> None:
    case = _new_case()
    first = next(iter(case.source.items))

    def edit_late(name: str, operation: Operation[Any]) -> None:
        if isinstance(operation, UploadItems) and case.source.items[first].text == "letter 0":
            case.world.time += 2
            case.source.edit(first, "edited")

    _asking(case, edit_late)
    this = case.new_pass()
    asyncio.run(run_pass(this))
    assert_same(case)
    assert case.target.uploads == 1301
    assert this.counts[Outcome.UPDATED] == 1


def test_a_move_is_a_move(case: Case) -> None:
    case.world.time += 60
    item = next(iter(case.source.items))
    case.source.move(item, folder_of(case.source, "deleteditems"))
    uploads = case.target.uploads
    this = case.new_pass()
    asyncio.run(run_pass(this))
    assert_same(case)
    assert case.target.uploads == uploads
    assert {outcome.value: count for outcome, count in this.counts.items()} == {"moved": 1}


def test_a_moved_and_edited_item_is_moved_and_copied(case: Case) -> None:
    case.world.time += 60
    moved = case.source.move(next(iter(case.source.items)), folder_of(case.source, "deleteditems"))
    case.source.edit(moved, "one, with a note")
    asyncio.run(run_pass(case.new_pass()))
    assert_same(case)


def test_a_lost_sync_state_copies_nothing_again(case: Case) -> None:
    case.source.lose_states()
    uploads = case.target.uploads
    asyncio.run(run_pass(case.new_pass()))
    assert case.target.uploads == uploads
    assert_same(case)


def test_back_again_brings_what_came_since(case: Case) -> None:
    """The same loop in the other direction, with the ledger turned round."""
    turned = Case()
    turned.world, turned.source, turned.target = case.world, case.target, case.source
    turned.ledger = _turned(case.ledger)
    case.target.deliver(folder_of(case.target, "inbox"), "since the switch")
    uploads = case.source.uploads
    this = turned.new_pass()
    asyncio.run(run_pass(this))
    assert case.source.uploads == uploads + 1
    assert {outcome.value: count for outcome, count in this.counts.items()} == {"added": 1}
    assert_same(turned)


def _turned(ledger: MemoryLedger) -> MemoryLedger:
    other = MemoryLedger(ledger.world)
    other.folder_rows = {
        number: replace(row, from_id=row.to_id, to_id=row.from_id, sync_state=None)
        for number, row in ledger.folder_rows.items()
    }
    other.item_rows = {
        row.to_id: replace(
            row,
            from_id=row.to_id,
            to_id=row.from_id,
            from_change_key=row.to_change_key,
            to_change_key=row.from_change_key,
        )
        for row in ledger.item_rows.values()
    }
    return other


@pytest.mark.parametrize("fate", [1, 2, 3, 4, 5, 6, 7])
def test_an_item_in_parts_is_seen_whole_or_not_at_all(fate: int) -> None:
    """Each call of a pass over a new and an edited item fails once; people see every item whole, at any moment."""
    case = Case()
    Streams.UNKNOWN.arrange(case)
    inbox = folder_of(case.source, "inbox")
    for number in range(6):
        case.source.deliver(inbox, f"letter {number}")
    for calls in range(3, 34):
        in_parts = [item for item, content in case.source.items.items() if content.parts]
        case.source.edit(in_parts[calls % len(in_parts)], f"edited before {calls}")
        case.source.deliver(inbox, f"new before {calls}")
        case.world.time += 60
        case.world.fates = iter([0] * calls + [fate])
        with contextlib.suppress(Crash, InDoubtError, TransientError):
            asyncio.run(run_pass(case.new_pass()))
        case.world.fates = iter(())
        whole = {content.key: content.parts for content in case.source.items.values()}
        place = folder_of(case.target, "inbox")
        for content in case.target.items.values():
            assert content.folder != place or content.parts == whole[content.key]
    assert asyncio.run(case.come_to_rest()).equal
    assert_same(case)
    assert all(row.way is not Way.STREAM for row in case.ledger.item_rows.values())


def test_what_was_edited_before_its_export_is_agreed_as_it_was_exported() -> None:
    case = Case()
    letter = case.source.deliver(folder_of(case.source, "inbox"), "letter")
    answer = case.source.call

    async def call(operation: Operation[Any], announce: Announce | None = None) -> Any:
        if isinstance(operation, ExportItems):
            case.source.edit(letter, "edited")
            case.source.call = answer  # type: ignore[method-assign]
        return await answer(operation, announce)

    case.source.call = call  # type: ignore[method-assign]
    asyncio.run(run_pass(case.new_pass()))
    assert_same(case)
    case.world.time += 60
    asyncio.run(run_pass(case.new_pass()))
    assert case.target.uploads == 1, "nothing is brought once more"
    assert asyncio.run(case.come_to_rest()).equal


@pytest.mark.parametrize("streams", Streams)
def test_what_was_edited_between_its_listing_and_its_reading_is_no_copy_of_what_was_listed(streams: Streams) -> None:
    case = Case()
    streams.arrange(case)
    while_read = [(0, 0), (0, 0), (0, 0), (2, 1), (5, 316)]
    steps: list[tuple[str, Any]] = [
        ("pass", ([], [(0, 0), (7, 0), (5, 0)], "none")),
        ("pass", ([], while_read, "none")),
        ("people", [(10, 0)]),  # the edited one goes with its folder; its unedited copy stays
    ]

    async def run() -> Proof:
        await case.play(steps)
        return await case.come_to_rest()

    proof = asyncio.run(run())
    assert_same(case)
    assert proof.equal, proof.differences


def test_an_item_that_comes_back_where_deletions_are_kept_is_not_brought_twice(case: Case) -> None:
    """Its copy is the target's own since the original was gone, and was seen to be there beyond the ledger."""
    inbox = folder_of(case.source, "inbox")
    [(one, content)] = [(item, content) for item, content in case.source.items.items() if content.text == "one"]
    for deed in (
        lambda: case.source.delete(one),
        lambda: case.source.deliver(inbox, "four"),
        lambda: case.source._add_item(replace(content, version=content.version + 1000)),
    ):
        deed()
        case.world.time += 60
        keeping = case.new_pass()
        keeping.deletions = "keep"
        asyncio.run(run_pass(keeping))
    assert_same(case)


def test_what_wider_filters_let_through_is_not_brought_where_another_tool_brought_it(case: Case) -> None:
    inbox, without = folder_of(case.source, "inbox"), [Filter.model_validate({"exclude": {"folders": ["inbox"]}})]
    case.filters = iter([without, without, []])
    four = case.source.items[case.source.deliver(inbox, "four")]
    asyncio.run(run_pass(case.new_pass()))
    case.target._add_item(replace(four, folder=folder_of(case.target, "inbox"), version=1000))
    case.source.deliver(folder_of(case.source, "notes"), "five")
    for _ in range(2):
        case.world.time += 60
        asyncio.run(run_pass(case.new_pass()))
    assert_same(case)


def test_a_pass_ends_within_a_large_folder_and_the_next_one_goes_on_there(case: Case) -> None:
    class Closed(Exception):  # noqa: N818 - what happens
        pass

    async def breathe() -> None:
        if case.ledger.staged_rows:
            raise Closed

    for number in range(20):
        case.source.deliver(folder_of(case.source, "inbox"), f"item {number}")
    case.world.time += 60
    first = case.new_pass()
    first.breathe = breathe
    with pytest.raises(Closed):
        asyncio.run(run_pass(first))
    listed = set(case.ledger.staged_rows)
    assert 0 < len(listed) < 20, "a page"
    told: list[str] = []
    real = case.source.call

    async def call(operation: Operation[Any], announce: Announce | None = None) -> Any:
        answer = await real(operation, announce)
        if isinstance(operation, SyncFolderItems):
            told.extend(change.id for change in answer.changes)
        return answer

    case.source.call = call  # type: ignore[method-assign]
    asyncio.run(run_pass(case.new_pass()))
    assert len(told) == 20 - len(listed)
    assert_same(case)
