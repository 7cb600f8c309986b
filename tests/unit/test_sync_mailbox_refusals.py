"""What a pass makes of servers that refuse, lose or never answer: no bad item and no bad folder stops a mailbox."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from isthmus_exchange.client import Announce
from isthmus_exchange.errors import EwsError, InDoubtError, ServerBusyError, TransientError
from isthmus_exchange.operations import (
    DeleteItems,
    DescribeItems,
    ExportItems,
    FindEntries,
    FindItem,
    GetParties,
    MoveItems,
    Operation,
    SetReadFlags,
    SyncFolderItems,
    UploadItems,
)
from isthmus_exchange.stream_addresses import ItemAddress
from isthmus_mailbox.marks import Marks
from isthmus_mailbox.proving import prove
from isthmus_mailbox.running import run_pass
from isthmus_sync.mailbox.model import Outcome, Work
from isthmus_sync.mailbox.ways import Way

from tests.unit.mailbox_case import Case, assert_same, copied, folder_of
from tests.unit.mailbox_model import ModelMailbox
from tests.unit.memory_ledger import MemoryLedger


@pytest.fixture
def case() -> Case:
    return copied()


def test_a_name_that_only_the_server_finds_taken_holds_no_other_folder_up(case: Case) -> None:
    inbox = folder_of(case.source, "inbox")
    for name in ("Trips", "Trips ", "Work"):
        case.source.deliver(case.source.make_folder(inbox, name), f"in {name!r}")
    free = case.target._free
    case.target._free = lambda parent, name, but="": free(parent, name.strip(), but)  # type: ignore[method-assign]
    this = case.new_pass()
    asyncio.run(run_pass(this))
    assert {"in 'Trips'", "in 'Work'"} < {content.text for content in case.target.items.values()}
    (problem,) = this.problems
    assert problem == "The folder 'Posteingang/Trips ' could not be created: ErrorFolderExists"
    proof = asyncio.run(prove(case.new_pass()))
    assert not proof.equal
    assert "Posteingang/Trips : the folder is missing" in proof.differences


@pytest.mark.parametrize("code", ["ErrorInvalidRequest", "ErrorInvalidOperation"])
def test_a_server_that_has_exported_something_knows_how_to(case: Case, code: str) -> None:
    """It may refuse a whole request for one of its items, with what another one says that has no streams."""
    inbox = folder_of(case.source, "inbox")
    four, *_ = [case.source.deliver(inbox, text) for text in ("four", "five", "six")]
    answer = case.source.call

    async def call(operation: Operation[Any], announce: Announce | None = None) -> Any:
        if isinstance(operation, ExportItems) and four in operation.ids:
            raise EwsError(code)
        return await answer(operation, announce)

    case.source.call = call  # type: ignore[method-assign]
    for _ in range(3):
        case.world.time += 60
        asyncio.run(run_pass(case.new_pass(eager=True)))
    assert_same(case)
    ways = {case.source.items[row.from_id].text: row.way for row in case.ledger.item_rows.values()}
    assert ways.pop("four") is not Way.STREAM
    assert set(ways.values()) == {Way.STREAM}


@pytest.mark.parametrize("eager", [False, True])
def test_what_never_gets_an_answer_is_set_aside_and_holds_nobody_up(case: Case, *, eager: bool) -> None:
    """Something on the way cuts the connection whenever this item is in a request."""
    inbox, asked = folder_of(case.source, "inbox"), list[int]()
    for text in ("four", "too much", "six"):
        case.source.deliver(inbox, text)
    real = case.target.call

    async def call(operation: Operation[Any], announce: Announce | None = None) -> Any:
        if not (isinstance(operation, UploadItems) and any("too much" in str(each.data) for each in operation.items)):
            return await real(operation, announce)
        assert announce is not None
        await announce(case.world.time + 30)
        asked.append(len(operation.items))
        assert len(asked) < 10, "it is tried for ever"
        raise InDoubtError("no answer: the connection was cut")

    case.target.call = call  # type: ignore[method-assign]
    asyncio.run(run_pass(case.new_pass(eager=eager)))
    assert asked == [3, 3, 1], "alone in the end"
    assert {content.text for content in case.target.items.values()} == {"one", "two", "three", "four", "six"}
    (aside,) = case.ledger.staged_rows.values()
    assert "gave no answer" in aside.reason
    assert aside.not_before > case.world.time
    case.target.call = real  # type: ignore[method-assign]
    asyncio.run(run_pass(case.new_pass(eager=True)))
    assert_same(case)


_NOTHING = [TransientError("no answer: the connection was cut"), ServerBusyError(0.0, "HTTP 503")]
"""What comes of a request of which a server dies, directly and by a front end."""


@pytest.mark.parametrize("nothing", _NOTHING, ids=repr)
@pytest.mark.parametrize("properties", [False, True])
def test_an_item_that_is_never_told_holds_nobody_up(case: Case, nothing: TransientError, *, properties: bool) -> None:
    """The connection breaks whenever its stream is asked for; and when its `properties` are, too."""
    inbox = folder_of(case.source, "inbox")
    bad, *_ = [case.source.deliver(inbox, text) for text in ("bad", "four", "five")]
    real = case.source.call

    async def call(operation: Operation[Any], announce: Announce | None = None) -> Any:
        if isinstance(operation, (ExportItems, DescribeItems) if properties else ExportItems) and bad in operation.ids:
            raise nothing
        return await real(operation, announce)

    case.source.call = call  # type: ignore[method-assign]
    for _ in range(2):
        with pytest.raises(TransientError):
            asyncio.run(run_pass(case.new_pass()))
    asyncio.run(run_pass(case.new_pass()))
    texts = {content.text for content in case.target.items.values()}
    assert texts == {"one", "two", "three", "four", "five"} | (set() if properties else {"bad"})
    for aside in case.ledger.staged_rows.values():
        assert str(nothing) in aside.reason
        assert aside.not_before > case.world.time
    assert len(case.ledger.staged_rows) == properties
    case.source.call = real  # type: ignore[method-assign]
    asyncio.run(run_pass(case.new_pass(eager=True)))
    assert_same(case)


@pytest.mark.parametrize("moved", [False, True])
def test_a_folder_that_somebody_removed_on_the_other_side_is_made_anew_when_something_goes_there(
    case: Case, *, moved: bool
) -> None:
    ours, theirs = ({each.name: each.id for each in side.folders.values()} for side in (case.source, case.target))
    case.target.delete_folder(theirs["Travel"])
    if moved:
        case.source.move(next(iter(case.source.items)), ours["Travel"])
    else:
        case.source.deliver(ours["Travel"], "four")
    for _ in range(2):
        case.world.time += 60
        asyncio.run(run_pass(case.new_pass()))
    assert_same(case)


def test_an_item_of_which_a_server_dies_holds_no_other_up(case: Case) -> None:
    """One that is no stream, and breaks every request that asks for its properties, too."""
    case.source.stubborn = lambda content: "bad" in content.text
    for text in ("bad", "bad, too", "bad for everybody", "not so bad"):
        case.source.deliver(folder_of(case.source, "inbox"), text)
    real = case.source.call

    async def call(operation: Operation[Any], announce: Announce | None = None) -> Any:
        asked = operation.ids if isinstance(operation, DescribeItems) else ()
        if any(case.source.items[each].text == "bad for everybody" for each in asked):
            raise EwsError("ErrorInternalServerError", "an item was too much")
        return await real(operation, announce)

    case.source.call = call  # type: ignore[method-assign]
    asyncio.run(run_pass(case.new_pass()))
    texts = {content.text for content in case.target.items.values()}
    assert texts == {"one", "two", "three", "bad", "bad, too", "not so bad"}
    (aside,) = case.ledger.staged_rows.values()
    assert "an item was too much" in aside.reason


def test_a_move_that_was_done_and_called_an_error_is_looked_for_before_anything_else_moves(case: Case) -> None:
    one, notes = next(iter(case.source.items)), folder_of(case.source, "notes")
    case.source.move(one, notes)
    real = case.target.call

    async def call(operation: Operation[Any], announce: Announce | None = None) -> Any:
        answer = await real(operation, announce)
        if isinstance(operation, MoveItems):
            case.target.call = real  # type: ignore[method-assign]
            raise EwsError("ErrorInternalServerError", "the answer could not be written")
        return answer

    case.target.call = call  # type: ignore[method-assign]
    case.world.time += 60
    this = case.new_pass()
    asyncio.run(run_pass(this))
    assert (this.counts[Outcome.MOVED], this.counts[Outcome.ADDED]) == (1, 0)
    assert_same(case)


def _stumbling(side: ModelMailbox, about: Callable[[Operation[Any]], Sequence[str]], bad: str, code: str) -> None:
    """From now on the side's server refuses every request about this item as a whole, after it has done those before it
    when it calls that an internal error.
    """
    real = side.call

    async def call(operation: Operation[Any], announce: Announce | None = None) -> Any:
        texts = [side.items[each].text if each in side.items else "" for each in about(operation)]
        if bad not in texts:
            return await real(operation, announce)
        before = texts.index(bad)
        if before and code == "ErrorInternalServerError" and isinstance(operation, MoveItems | DeleteItems):
            await real(replace(operation, ids=operation.ids[:before]), announce)
        raise EwsError(code, "an item was too much")

    side.call = call  # type: ignore[method-assign]


def _damaged(side: ModelMailbox, folder: str) -> None:
    """From now on the side's server does not tell what is in this folder."""
    real = side.call

    async def call(operation: Operation[Any], announce: Announce | None = None) -> Any:
        if isinstance(operation, SyncFolderItems | FindEntries) and operation.folder == folder:
            raise EwsError("ErrorInternalServerError", "the folder is damaged")
        return await real(operation, announce)

    side.call = call  # type: ignore[method-assign]


@pytest.mark.parametrize("lost", [False, True])
def test_a_doubt_about_a_folder_that_cannot_be_looked_into_holds_no_other_folder_up(case: Case, *, lost: bool) -> None:
    inbox, notes = folder_of(case.source, "inbox"), folder_of(case.source, "notes")
    case.source.deliver(notes, "in doubt")
    real = case.target.call

    async def unanswered(operation: Operation[Any], announce: Announce | None = None) -> Any:
        if isinstance(operation, FindItem) and operation.folder == folder_of(case.target, "notes"):
            raise EwsError("ErrorInternalServerError", "the folder is damaged")
        if isinstance(operation, UploadItems) and "in doubt" in str(operation.items[0].data):
            if announce:
                await announce(case.world.time + 30)
            if not lost:
                await real(operation)
            raise InDoubtError("no answer")
        return await real(operation, announce)

    case.target.call = unanswered  # type: ignore[method-assign]
    with pytest.raises(EwsError):
        asyncio.run(run_pass(case.new_pass()))
    case.source.deliver(inbox, "five")
    case.source.deliver(notes, "six")
    case.source.delete(next(item for item, content in case.source.items.items() if content.text == "one"))
    for _ in range(2):
        case.world.time += 600
        this = case.new_pass(eager=True)
        asyncio.run(run_pass(this))
        assert this.problems == [
            "The other side does not tell what is in the folder 'Notizen', and nothing is copied to it until it does: "
            "ErrorInternalServerError: the folder is damaged"
        ]
    texts = sorted(content.text for content in case.target.items.values())
    assert texts == ["five", *(["in doubt"] if not lost else []), "one", "three", "two"]
    case.target.call = real  # type: ignore[method-assign]
    asyncio.run(run_pass(case.new_pass()))
    assert_same(case)
    assert not case.ledger.staged_rows


def test_a_folder_that_cannot_be_searched_for_what_is_there_holds_no_other_one_up(case: Case) -> None:
    """The ledger was lost, and of one folder the server does not tell what is in it."""
    case.source.deliver(folder_of(case.source, "notes"), "four")
    asyncio.run(run_pass(case.new_pass()))
    case.ledger, case.marks = MemoryLedger(case.world), Marks()
    real = case.target.call

    async def refused(operation: Operation[Any], announce: Announce | None = None) -> Any:
        if isinstance(operation, FindItem) and operation.folder == folder_of(case.target, "notes"):
            raise EwsError("ErrorInternalServerError", "the folder is damaged")
        return await real(operation, announce)

    case.target.call = refused  # type: ignore[method-assign]
    case.source.deliver(folder_of(case.source, "inbox"), "five")
    for _ in range(2):
        case.world.time += 60
        asyncio.run(run_pass(case.new_pass()))
    texts = ["five", "four", "one", "three", "two"]
    assert sorted(content.text for content in case.target.items.values()) == texts
    assert [row.work for row in case.ledger.staged_rows.values()] == [Work.COPY]
    case.target.call = real  # type: ignore[method-assign]
    asyncio.run(run_pass(case.new_pass()))
    assert_same(case)
    assert not case.ledger.staged_rows


@pytest.mark.parametrize("code", ["ErrorMoveCopyFailed", "ErrorInternalServerError"])
def test_an_item_that_cannot_be_moved_holds_no_other_up(case: Case, code: str) -> None:
    inbox, notes = folder_of(case.source, "inbox"), folder_of(case.source, "notes")
    for text in ("four", "five", "bad", "six", "seven"):
        case.source.deliver(inbox, text)
    asyncio.run(run_pass(case.new_pass()))
    for item in [each for each, content in case.source.items.items() if content.folder == inbox]:
        case.source.move(item, notes)
    _stumbling(case.target, lambda asked: asked.ids if isinstance(asked, MoveItems) else (), "bad", code)
    case.world.time += 60
    this = case.new_pass()
    asyncio.run(run_pass(this))
    assert (this.counts[Outcome.MOVED], this.counts[Outcome.ADDED]) == (6, 0)
    aside = next(row for row in case.ledger.staged_rows.values() if row.work is Work.COPY)
    assert "an item was too much" in aside.reason
    # It stays where it was until it has come anew, as a copy.
    assert sorted(content.text for content in case.target.items.values()).count("bad") == 1
    asyncio.run(run_pass(case.new_pass(eager=True)))
    assert_same(case)


def test_an_item_that_cannot_be_moved_is_not_there_twice_where_deletions_are_kept(case: Case) -> None:
    inbox, notes = folder_of(case.source, "inbox"), folder_of(case.source, "notes")
    bad = case.source.deliver(inbox, "bad")
    asyncio.run(run_pass(case.new_pass()))
    case.source.move(bad, notes)
    real = case.target.call
    _stumbling(
        case.target, lambda asked: asked.ids if isinstance(asked, MoveItems) else (), "bad", "ErrorMoveCopyFailed"
    )
    for _ in range(3):
        case.world.time += 3600
        keeping = case.new_pass()
        keeping.deletions = "keep"
        asyncio.run(run_pass(keeping))
        assert [content.text for content in case.target.items.values()].count("bad") == 1
    assert not asyncio.run(prove(keeping)).equal
    case.target.call = real  # type: ignore[method-assign]
    case.world.time += 7 * 3600
    keeping = case.new_pass()
    keeping.deletions = "keep"
    asyncio.run(run_pass(keeping))
    assert keeping.counts[Outcome.MOVED] == 1
    assert_same(case)


def test_nothing_is_deleted_that_may_be_in_a_folder_that_was_not_listed(case: Case) -> None:
    one, notes = next(iter(case.source.items)), folder_of(case.source, "notes")
    case.source.move(one, notes)
    _damaged(case.source, notes)
    case.world.time += 60
    asyncio.run(run_pass(case.new_pass()))
    assert len(case.target.items) == 3


def test_what_another_request_makes_meanwhile_is_not_taken_for_what_a_server_stumbled_over() -> None:
    """An item and its copy have one search key, and each goes in a request of its own."""
    case = Case()
    inbox = folder_of(case.source, "inbox")
    letter = case.source.deliver(inbox, "letter" * 1_000_000)
    case.source.edit(case.source.copy(letter, inbox), "edited" * 1_000_000)
    case.world.takes_turns = True
    real, uploads, another = case.target.call, 0, asyncio.Event()

    async def call(operation: Operation[Any], announce: Announce | None = None) -> Any:
        nonlocal uploads
        if not isinstance(operation, UploadItems):
            return await real(operation, announce)
        uploads += 1
        if uploads == 1:
            assert announce is not None
            await announce(case.world.time + 30)
            await another.wait()
            raise EwsError("ErrorInternalServerError", "an item was too much")
        another.set()
        answer = await real(operation, announce)
        for _ in range(20):  # it is on its way while the other one is looked for
            await asyncio.sleep(0)
        return answer

    case.target.call = call  # type: ignore[method-assign]
    case.world.time += 60
    asyncio.run(run_pass(case.new_pass()))
    assert uploads >= 3
    assert_same(case)


@pytest.mark.parametrize("over", ["last", "middle"])
def test_what_a_server_made_before_it_stumbled_is_not_made_twice(case: Case, over: str) -> None:
    """Nobody has to order a proof for that."""
    for text in ("four", "five", "six", "seven"):
        case.source.deliver(folder_of(case.source, "inbox"), text)
    real, stumbled = case.target.call, False

    async def call(operation: Operation[Any], announce: Announce | None = None) -> Any:
        nonlocal stumbled
        if not isinstance(operation, UploadItems) or stumbled:
            return await real(operation, announce)
        stumbled = True
        items = operation.items
        await real(replace(operation, items=items[: len(items) if over == "last" else len(items) // 2]), announce)
        raise EwsError("ErrorInternalServerError", "an item was too much")

    case.target.call = call  # type: ignore[method-assign]
    case.world.time += 60
    asyncio.run(run_pass(case.new_pass()))
    assert stumbled
    assert_same(case)


@pytest.mark.parametrize("code", ["ErrorCannotDeleteObject", "ErrorInternalServerError"])
def test_an_item_that_cannot_be_deleted_holds_no_other_up(case: Case, code: str) -> None:
    inbox = folder_of(case.source, "inbox")
    case.source.deliver(inbox, "bad")
    asyncio.run(run_pass(case.new_pass()))
    for item in list(case.source.items):
        case.source.delete(item)
    _stumbling(case.target, lambda asked: asked.ids if isinstance(asked, DeleteItems) else (), "bad", code)
    case.world.time += 60
    asyncio.run(run_pass(case.new_pass()))
    assert [content.text for content in case.target.items.values()] == ["bad"]
    (aside,) = case.ledger.staged_rows.values()
    assert "an item was too much" in aside.reason


def test_an_item_whose_read_flag_cannot_be_set_holds_no_other_up(case: Case) -> None:
    for item in case.source.items:
        case.source.flag(item)

    def flagged(asked: Operation[Any]) -> Sequence[str]:
        return [item for item, _ in asked.flags] if isinstance(asked, SetReadFlags) else ()

    _stumbling(case.target, flagged, "two", "ErrorInternalServerError")
    case.world.time += 60
    this = case.new_pass()
    asyncio.run(run_pass(this))
    assert (this.counts[Outcome.READ_FLAG], this.counts[Outcome.UPDATED]) == (2, 1), "the whole item carries it"
    assert_same(case)


def test_an_item_of_which_nobody_tells_who_stands_in_it_is_adopted_all_the_same(case: Case) -> None:
    noted = set[str]()

    class Noting:
        async def note(self, items: Iterable[set[ItemAddress]]) -> None:
            noted.update(each.address for some in items for each in some)

    real = case.source.call

    async def call(operation: Operation[Any], announce: Announce | None = None) -> Any:
        if not isinstance(operation, GetParties):
            return await real(operation, announce)
        texts = [case.source.items[each].text for each in operation.ids]
        if "two" in texts:
            raise EwsError("ErrorInternalServerError", "an item was too much")
        return [{ItemAddress("SMTP", text)} for text in texts]

    case.source.call = call  # type: ignore[method-assign]
    case.ledger, case.marks = MemoryLedger(case.world), Marks()
    this = case.new_pass()
    this.correspondents = Noting()  # type: ignore[assignment]
    asyncio.run(run_pass(this))
    assert noted == {"one", "three"}
    assert len(case.ledger.item_rows) == 3
    assert_same(case)


def test_a_folder_that_is_not_listed_holds_no_other_up_and_is_not_proven(case: Case) -> None:
    inbox, notes = folder_of(case.source, "inbox"), folder_of(case.source, "notes")
    case.source.deliver(inbox, "four")
    case.source.deliver(notes, "five")
    real = case.source.call
    _damaged(case.source, inbox)
    case.world.time += 60
    this = case.new_pass()
    asyncio.run(run_pass(this))
    assert {content.text for content in case.target.items.values()} == {"one", "two", "three", "five"}
    assert this.problems == [
        "The folder 'Posteingang' could not be listed: ErrorInternalServerError: the folder is damaged"
    ]
    case.marks.around_due = False
    assert 0 < case.marks.look_in(case.world.time) <= 4, "it may pass soon"
    proof = asyncio.run(prove(case.new_pass()))
    assert not proof.equal
    assert proof.differences == [
        "Posteingang: the folder cannot be compared: ErrorInternalServerError: the folder is damaged"
    ]
    case.source.call = real  # type: ignore[method-assign]
    asyncio.run(run_pass(case.new_pass()))
    assert_same(case)
    case.marks.around_due = False
    assert case.marks.look_in(case.world.time) > 60


@pytest.mark.parametrize("nothing", _NOTHING, ids=repr)
@pytest.mark.parametrize("away", [False, True])
def test_a_folder_of_which_nothing_is_told_holds_no_other_up(
    case: Case, nothing: TransientError, *, away: bool
) -> None:
    """Its server takes too long over it, each time. Where it tells nothing of any, it is `away`."""
    inbox, notes = folder_of(case.source, "inbox"), folder_of(case.source, "notes")
    leaving = case.source.deliver(notes, "leaving")
    asyncio.run(run_pass(case.new_pass()))
    case.source.deliver(inbox, "four")
    case.source.deliver(notes, "five")
    case.source.delete(leaving)
    real = case.source.call

    async def call(operation: Operation[Any], announce: Announce | None = None) -> Any:
        if isinstance(operation, SyncFolderItems) and (away or operation.folder == inbox):
            raise nothing
        return await real(operation, announce)

    case.source.call = call  # type: ignore[method-assign]
    case.world.time += 60
    this = case.new_pass()
    if away:
        with pytest.raises(TransientError):
            asyncio.run(run_pass(this))
    else:
        asyncio.run(run_pass(this))
        assert {content.text for content in case.target.items.values()} == {"one", "two", "three", "five", "leaving"}
        assert this.problems == [f"The folder 'Posteingang' could not be listed: {nothing}"]
    case.source.call = real  # type: ignore[method-assign]
    case.world.time += 60
    asyncio.run(run_pass(case.new_pass()))
    assert_same(case)
