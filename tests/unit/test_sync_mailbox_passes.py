"""Whatever people do in a mailbox and whenever anything fails: in the end the other side has each item exactly once."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from enum import Enum
from functools import partial
from typing import Any

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st
from isthmus_exchange.client import Announce
from isthmus_exchange.errors import EwsError, InDoubtError, TransientError
from isthmus_exchange.operations import ExportItems, FindEntries, Operation, SyncFolderItems
from isthmus_exchange.streaming import News
from isthmus_mailbox import proving
from isthmus_mailbox.marks import Marks
from isthmus_mailbox.passing import Pass
from isthmus_mailbox.proven import Proven
from isthmus_mailbox.proving import Proof, prove
from isthmus_mailbox.running import run_pass
from isthmus_project.filters import Filter
from isthmus_sync.mailbox.model import Work
from isthmus_sync.mailbox.ways import Way

from tests.unit.mailbox_model import ModelMailbox
from tests.unit.mailbox_world import Crash, World
from tests.unit.memory_ledger import MemoryLedger

_SOURCE_ROLES = {"inbox": "Posteingang", "deleteditems": "Gelöschte Elemente", "notes": "Notizen"}
_TARGET_ROLES = {"inbox": "Inbox", "deleteditems": "Deleted Items", "notes": "Notes"}
_NAMES = ("Travel", "travel", "Inbox", "Notes", "Project", "Archive")

_SILENT = structlog.wrap_logger(structlog.ReturnLogger(), processors=[])

_FATES = st.lists(st.sampled_from([0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]), max_size=40)
_DEEDS = st.lists(st.tuples(st.integers(0, 11), st.integers(0, 10**6)), max_size=12)
_NOTICES = st.sampled_from(["none", "all", "some are lost"])
_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("people"), _DEEDS),
        st.tuples(st.sampled_from(["pass", "proof"]), st.tuples(_FATES, _DEEDS, _NOTICES)),
    ),
    max_size=8,
)


class People:
    """Those who work in a mailbox; what they do is drawn by number, so that every number is a deed."""

    def __init__(self, mailbox: ModelMailbox) -> None:
        self._mailbox = mailbox
        self._count = 0

    def do(self, deed: int, luck: int) -> None:
        box, pick = self._mailbox, random.Random(luck)
        folders = [folder for folder in box.folders if folder != box.root]
        own = [folder for folder in folders if not box.folders[folder].role]
        items = list(box.items)
        self._count += 1
        deeds: list[Callable[[], Any]] = [
            lambda: box.deliver(pick.choice(folders), f"text {self._count}", associated=pick.random() < 0.2),
            lambda: box.deliver(pick.choice(folders), f"text {self._count}"),
            lambda: box.edit(pick.choice(items), f"edited {self._count}"),
            lambda: box.flag(pick.choice(items)),
            lambda: box.move(pick.choice(items), pick.choice(folders)),
            lambda: box.copy(pick.choice(items), pick.choice(folders)),
            lambda: box.delete(pick.choice(items)),
            lambda: box.make_folder(pick.choice([box.root, *folders]), pick.choice(_NAMES)),
            lambda: box.rename_folder(pick.choice(own), pick.choice(_NAMES)),
            lambda: box.move_folder(pick.choice(own), pick.choice([box.root, *folders])),
            lambda: box.delete_folder(pick.choice(own)),
            box.lose_states,
        ]
        with contextlib.suppress(EwsError, IndexError):  # there is nothing to do it with
            deeds[deed]()


class MemoryShelf:
    """What proofs have found so far. No end of a proof clears it: marks must tell what still holds."""

    def __init__(self) -> None:
        self.proven: dict[bytes, Proven] = {}

    async def read(self) -> list[Proven]:
        return list(self.proven.values())

    async def add(self, proven: Sequence[Proven]) -> None:
        self.proven |= {each.fingerprint: each for each in proven}


class Case:
    """Two mailboxes, a ledger between them, and time."""

    def __init__(self) -> None:
        self.world = World()
        self.source = ModelMailbox(self.world, "source", _SOURCE_ROLES)
        self.target = ModelMailbox(self.world, "target", _TARGET_ROLES)
        self.ledger = MemoryLedger(self.world)
        self.marks = Marks()
        self.shelf = MemoryShelf()
        # The last pass came to its end, so that notices tell what happened since.
        self.in_step = False
        self.people = People(self.source)
        # What passes leave out, one after the other; afterwards what the last one did.
        self.filters: Iterator[list[Filter]] = iter(())
        self.last_filters: list[Filter] = []

    def heard(self, lost: frozenset[str] = frozenset()) -> News | None:
        """What notices told since the last pass began, but for these folders."""
        news, self.source.news = self.source.news, News()
        return replace(news, folders=news.folders - lost) if self.in_step else None

    def new_pass(self, *, eager: bool = False, news: News | None = None) -> Pass:
        self.last_filters = next(self.filters, self.last_filters)
        return Pass(
            news=news,
            filters=self.last_filters,
            ledger=self.ledger,
            from_side=self.source,
            to_side=self.target,
            eager=eager,
            clock=lambda: self.world.time,
            log=_SILENT,
            sleep=self.world.sleep,
            marks=self.marks,
            proven=self.shelf,
        )

    async def play(self, steps: list[tuple[str, Any]]) -> None:
        written = ""
        for kind, what in steps:
            if kind == "people":
                for deed in what:
                    self.people.do(*deed)
                    self.world.time += 0.7
            else:
                fates, deeds, notices = what
                inbox = frozenset({_folder(self.source, "inbox")})
                news = self.heard(inbox if notices == "some are lost" else frozenset())
                self.world.fates = iter(fates)
                self.world.meanwhile = [
                    (3 * number + 2, partial(self.people.do, *deed)) for number, deed in enumerate(deeds)
                ]
                try:
                    self.in_step = False
                    this = self.new_pass(news=None if notices == "none" else news)
                    await run_pass(this)
                    if kind == "proof":
                        this.heal = False  # it only looks
                        await prove(this)
                    self.in_step = True
                    written = self.marks.write()
                except Crash:
                    self.marks = Marks.read(written)
                except (InDoubtError, TransientError):
                    pass
                except EwsError as error:  # lost while a folder was listed from its beginning; made again later
                    assert error.code == "ErrorInvalidSyncStateData"
                self.world.fates = iter(())
                self.world.meanwhile = []

    async def come_to_rest(self) -> Proof:
        """Nobody works and nothing fails any more: the second pass finds what the first could not yet do."""
        for _ in range(3):
            await run_pass(self.new_pass(eager=True))
        self.world.land(now=True)
        proof = await prove(self.new_pass())
        anew = self.new_pass()
        anew.proven = None
        same = await prove(anew)
        assert (proof.equal, proof.folders, proof.digest, proof.to_digest) == (
            same.equal,
            same.folders,
            same.digest,
            same.to_digest,
        )
        await run_pass(self.new_pass())  # sets the read flags that the proof found
        return proof


class Streams(Enum):
    """What the servers make of streams."""

    TAKEN = "taken"
    UNKNOWN = "unknown"
    NOT_EXPORTED = "some are not exported"
    NOT_UPLOADED = "some are not uploaded"

    def arrange(self, case: Case) -> None:
        stubborn = case.target if self is Streams.NOT_UPLOADED else case.source
        case.source.streams = self is not Streams.UNKNOWN
        if self in (Streams.NOT_EXPORTED, Streams.NOT_UPLOADED):
            stubborn.stubborn = lambda content: content.key[-1] % 3 == 0


@settings(max_examples=250)
@given(_STEPS, st.sampled_from(Streams))
def test_any_history_with_any_failures_ends_equal(steps: list[tuple[str, Any]], streams: Streams) -> None:
    case = Case()
    streams.arrange(case)

    async def run() -> Proof:
        await case.play(steps)
        return await case.come_to_rest()

    proof = asyncio.run(run())
    _assert_same(case)
    assert proof.equal, proof.differences
    assert not proof.healed
    assert not case.ledger.staged_rows


_RULES: list[list[dict[str, Any]]] = [
    [],
    [{"exclude": {"folders": "notes"}}],
    [{"exclude": {"folders": ["Posteingang/Travel", "deleteditems"]}}],
    [{"exclude": {"larger_than": "0.007 kB"}}],
    [{"include": {"folders": "inbox", "subfolders": False}}, {"exclude": "everything"}],
]
_FILTERS = st.sampled_from(_RULES).map(lambda rules: [Filter.model_validate(rule) for rule in rules])


@settings(max_examples=100)
@given(_STEPS, st.lists(_FILTERS, min_size=1, max_size=6))
def test_any_filters_in_between_leave_everything_equal_without_them(
    steps: list[tuple[str, Any]], filters: list[list[Filter]]
) -> None:
    case = Case()
    case.filters = iter(filters)

    async def run() -> tuple[Proof, Proof]:
        await case.play(steps)
        case.filters = iter(())
        filtered = await case.come_to_rest()
        assert {row.work for row in case.ledger.staged_rows.values()} <= {Work.LEFT_OUT}
        assert filtered.left_out.total() == len(case.ledger.staged_rows)
        case.filters = iter([[]])
        return filtered, await case.come_to_rest()

    filtered, whole = asyncio.run(run())
    assert filtered.equal, filtered.differences
    assert whole.equal, whole.differences
    assert not case.ledger.staged_rows
    _assert_same(case)


def _assert_same(case: Case) -> None:
    source, target = case.source.contents(), case.target.contents()
    # A person's folder cannot have the name of a distinguished one of the other side's language: it gets a number.
    unnumbered = {tuple(name.rpartition(" (")[0] or name for name in path): held for path, held in target.items()}
    assert len(unnumbered) == len(target)
    assert {_folded(path): held for path, held in source.items()} == {
        _folded(path): held for path, held in unnumbered.items()
    }


def _folded(path: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name.casefold() for name in path)


@pytest.fixture
def case() -> Case:
    """A source with two items in its inbox and one in a folder, already copied."""
    case = Case()
    inbox = _folder(case.source, "inbox")
    for text in ("one", "two"):
        case.source.deliver(inbox, text)
    travel = case.source.make_folder(inbox, "Travel")
    case.source.deliver(travel, "three")
    case.world.time += 60
    asyncio.run(run_pass(case.new_pass()))
    _assert_same(case)
    return case


def _folder(mailbox: ModelMailbox, role: str) -> str:
    return next(folder.id for folder in mailbox.folders.values() if folder.role == role)


def test_a_pass_over_an_unchanged_mailbox_writes_nothing(case: Case) -> None:
    case.world.fates = iter(
        [0] * 3 + [1] * 100
    )  # one for the tree, one for the marks of its folders, one for the root itself
    before = (case.ledger.sequence, case.target.uploads)
    asyncio.run(run_pass(case.new_pass()))
    assert (case.ledger.sequence, case.target.uploads) == before


def test_a_change_within_the_second_of_a_look_is_found(case: Case) -> None:
    inbox, item = _folder(case.source, "inbox"), next(iter(case.source.items))
    case.source.deliver(inbox, "four")
    asyncio.run(run_pass(case.new_pass()))
    case.source._committed[inbox] = case.world.time
    case.source.items[item].text = "one, edited in the same second"
    case.source.items[item].version += 1000
    case.world.time += 60
    asyncio.run(run_pass(case.new_pass()))
    _assert_same(case)


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
    _assert_same(case)


def test_the_next_worker_asks_no_folder_that_did_not_change(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    case.world.time += 60
    case.source.deliver(_folder(case.source, "notes"), "four")
    asked: list[str] = []
    answer = case.source._answer

    def asking(operation: Operation[Any]) -> Any:
        if isinstance(operation, SyncFolderItems):
            asked.append(operation.folder)
        return answer(operation)

    monkeypatch.setattr(case.source, "_answer", asking)
    case.marks = Marks.read(case.marks.write())
    asyncio.run(run_pass(case.new_pass()))
    assert set(asked) == {_folder(case.source, "notes")}
    _assert_same(case)


def test_a_move_is_a_move(case: Case) -> None:
    case.world.time += 60
    item = next(iter(case.source.items))
    case.source.move(item, _folder(case.source, "deleteditems"))
    uploads = case.target.uploads
    this = case.new_pass()
    asyncio.run(run_pass(this))
    _assert_same(case)
    assert case.target.uploads == uploads
    assert {outcome.value: count for outcome, count in this.counts.items()} == {"moved": 1}


def test_a_new_mail_takes_three_requests(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    _hear(case)
    case.source.deliver(_folder(case.source, "inbox"), "four")
    ticks = 0

    def tick() -> None:
        nonlocal ticks
        ticks += 1

    monkeypatch.setattr(case.world, "tick", tick)
    asyncio.run(run_pass(case.new_pass(news=case.heard())))
    assert ticks == 3
    _assert_same(case)


def test_a_move_of_which_notices_tell_is_a_move(case: Case) -> None:
    _hear(case)
    case.source.move(next(iter(case.source.items)), _folder(case.source, "deleteditems"))
    uploads, this = case.target.uploads, case.new_pass(news=case.heard())
    asyncio.run(run_pass(this))
    _assert_same(case)
    assert case.target.uploads == uploads
    assert {outcome.value: count for outcome, count in this.counts.items()} == {"moved": 1}


def test_what_notices_do_not_tell_whole_is_looked_for(case: Case) -> None:
    """A deletion, which may be half of a move, and what happens to folders."""
    _hear(case)
    case.source.delete(next(iter(case.source.items)))
    asyncio.run(run_pass(case.new_pass(news=case.heard())))
    _assert_same(case)
    case.source.deliver(case.source.make_folder(case.source.root, "Project"), "four")
    asyncio.run(run_pass(case.new_pass(news=case.heard())))
    _assert_same(case)


def test_a_notice_that_got_lost_is_made_up_for_by_the_sweep(case: Case) -> None:
    _hear(case)
    case.source.deliver(_folder(case.source, "inbox"), "four")
    case.source.deliver(_folder(case.source, "notes"), "five")
    asyncio.run(run_pass(case.new_pass(news=case.heard(lost=frozenset({_folder(case.source, "inbox")})))))
    assert len(case.target.items) == len(case.source.items) - 1
    case.world.time += 900
    case.source.deliver(_folder(case.source, "notes"), "six")
    asyncio.run(run_pass(case.new_pass(news=case.heard())))
    _assert_same(case)


def test_a_folder_that_is_not_in_its_place_is_put_there_whatever_the_news(case: Case) -> None:
    _hear(case)
    case.source.deliver(_folder(case.source, "inbox"), "four")
    [travel] = [row for row in case.ledger.folder_rows.values() if row.name == "Travel"]
    case.ledger.folder_rows[travel.number] = replace(travel, settled=False)
    asyncio.run(run_pass(case.new_pass(news=case.heard())))
    assert case.ledger.folder_rows[travel.number].settled
    _assert_same(case)


def _hear(case: Case) -> None:
    """From now on notices tell everything."""
    case.world.time += 60
    case.heard()
    case.marks.around_due = False
    case.in_step = True


def test_a_moved_and_edited_item_is_moved_and_copied(case: Case) -> None:
    case.world.time += 60
    moved = case.source.move(next(iter(case.source.items)), _folder(case.source, "deleteditems"))
    case.source.edit(moved, "one, with a note")
    asyncio.run(run_pass(case.new_pass()))
    _assert_same(case)


def test_a_lost_sync_state_copies_nothing_again(case: Case) -> None:
    case.source.lose_states()
    uploads = case.target.uploads
    asyncio.run(run_pass(case.new_pass()))
    assert case.target.uploads == uploads
    _assert_same(case)


def test_what_was_deleted_on_the_other_side_comes_back_when_it_is_proven(case: Case) -> None:
    case.target.delete(next(iter(case.target.items)))
    proof = asyncio.run(prove(case.new_pass()))
    assert (proof.equal, proof.missing, proof.removed, proof.healed) == (False, 1, 1, True)
    assert proof.differences == ["Posteingang: 'one' (736f7572…) is missing"]
    assert asyncio.run(case.come_to_rest()).equal
    _assert_same(case)


def test_a_proof_that_was_cut_off_is_gone_on_with(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("Letters", "Bills", "Trips"):
        case.source.deliver(case.source.make_folder(_folder(case.source, "inbox"), name), name)
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
    inbox = _folder(case.source, "inbox")
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


def test_an_item_that_came_and_went_while_a_proof_saw_it_is_forgotten(case: Case) -> None:
    item = case.source.deliver(_folder(case.source, "inbox"), "four")
    assert asyncio.run(prove(case.new_pass())).missing == 1
    case.source.delete(item)
    for _ in range(3):
        asyncio.run(run_pass(case.new_pass(eager=True)))
    assert not case.ledger.staged_rows
    _assert_same(case)


def test_after_a_switch_the_owner_may_delete(case: Case) -> None:
    case.target.delete(next(iter(case.target.items)))
    after = case.new_pass()
    after.heal = False
    proof = asyncio.run(prove(after))
    assert (proof.missing, proof.removed, proof.healed) == (1, 1, False)


def test_what_the_target_has_of_its_own_stays_and_is_no_difference(case: Case) -> None:
    case.target.deliver(_folder(case.target, "inbox"), "only here")
    proof = asyncio.run(prove(case.new_pass()))
    assert (proof.equal, proof.surplus, proof.own, proof.healed) == (True, 1, 1, False)


def test_back_again_brings_what_came_since(case: Case) -> None:
    """The same loop in the other direction, with the ledger turned round."""
    turned = Case()
    turned.world, turned.source, turned.target = case.world, case.target, case.source
    turned.ledger = _turned(case.ledger)
    case.target.deliver(_folder(case.target, "inbox"), "since the switch")
    uploads = case.source.uploads
    this = turned.new_pass()
    asyncio.run(run_pass(this))
    assert case.source.uploads == uploads + 1
    assert {outcome.value: count for outcome, count in this.counts.items()} == {"added": 1}
    _assert_same(turned)


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
    inbox = _folder(case.source, "inbox")
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
        place = _folder(case.target, "inbox")
        for content in case.target.items.values():
            assert content.folder != place or content.parts == whole[content.key]
    assert asyncio.run(case.come_to_rest()).equal
    _assert_same(case)
    assert all(row.way is not Way.STREAM for row in case.ledger.item_rows.values())


def test_what_was_edited_before_its_export_is_agreed_as_it_was_exported() -> None:
    case = Case()
    letter = case.source.deliver(_folder(case.source, "inbox"), "letter")
    answer = case.source.call

    async def call(operation: Operation[Any], announce: Announce | None = None) -> Any:
        if isinstance(operation, ExportItems):
            case.source.edit(letter, "edited")
            case.source.call = answer  # type: ignore[method-assign]
        return await answer(operation, announce)

    case.source.call = call  # type: ignore[method-assign]
    asyncio.run(run_pass(case.new_pass()))
    _assert_same(case)
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
    _assert_same(case)
    assert proof.equal, proof.differences
