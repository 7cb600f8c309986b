"""Passes between two Exchange servers with the ledger in PostgreSQL: what comes over, and how."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from isthmus_events import OwnershipLost
from isthmus_exchange.body import Body
from isthmus_exchange.client import Announce
from isthmus_exchange.errors import EwsError, InDoubtError
from isthmus_exchange.operations import (
    CreateFolder,
    CreateItems,
    DeleteFolder,
    DeleteItems,
    ExportItems,
    MoveFolder,
    MoveItems,
    Operation,
    RenameFolder,
    SetReadFlags,
    UploadItems,
)
from isthmus_exchange.values import Upload
from isthmus_mailbox.marks import Marks
from isthmus_mailbox.memory import ByteGate
from isthmus_mailbox.passing import Pass
from isthmus_mailbox.proving import prove
from isthmus_mailbox.running import run_pass

from tests.lab.copying import Copying, contents, copying, listing, put, rewrite, role, stream
from tests.plugins.exchange import Exchanges, Office


@pytest.fixture
async def box(exchanges: Exchanges, office: Office, database_url: str) -> AsyncIterator[Copying]:
    """A mailbox with items of both kinds in several folders, not copied yet."""
    async with copying(exchanges, office, database_url) as box:
        alpha = box.alpha
        inbox = await role(alpha, "inbox")
        travel = await alpha.call(CreateFolder(inbox, "Travel", "IPF.Note"))
        await alpha.call(CreateFolder(await role(alpha, "calendar"), "Team", "IPF.Appointment"))
        await put(alpha, inbox, *(stream(f"Letter {number}", read=number % 2 == 0) for number in range(130)))
        await put(alpha, inbox, *(stream(f"View {number}") for number in range(3)), associated=True)
        await put(alpha, travel, *(stream(f"Ticket {number}", size=40_000) for number in range(7)))
        yield box


async def done(box: Copying) -> Pass:
    """A pass; afterwards both sides hold the same, byte for byte."""
    this = await box.new_pass()
    await run_pass(this)
    assert await contents(box.beta) == await contents(box.alpha)
    assert this.problems == []
    return this


def counts(this: Pass) -> dict[str, int]:
    return {outcome.value: count for outcome, count in this.counts.items()}


async def test_the_first_pass_brings_everything_and_the_proof_says_so(box: Copying) -> None:
    first = await done(box)
    assert counts(first) == {"added": 140}
    proof = await prove(first)
    assert (proof.equal, proof.from_items, proof.to_items, proof.missing, proof.surplus) == (True, 140, 140, 0, 0)
    holding = sum(1 for items in (await contents(box.alpha)).values() if items)
    before = box.alpha.round_trips, box.beta.round_trips
    second = await done_without_looking(box)
    assert counts(second) == {}
    assert box.alpha.round_trips - before[0] == holding + 3, "one a folder that holds anything, three for the tree"
    asked = box.alpha.round_trips
    ordered = await box.new_pass()
    ordered.eager = True
    await run_pass(ordered)
    assert box.alpha.round_trips - asked == len(proof.folders) + 3, "one a folder"
    assert counts(ordered) == {}
    assert box.beta.round_trips == before[1] + 2, "each of them asks whether it is the mailbox that it was"


async def test_folders_that_did_not_change_are_not_asked(box: Copying) -> None:
    class Later:
        """Alpha a minute on, so that marks are believed at once; what is done here shows in their counts."""

        address = ""

        def now(self) -> float:
            return box.alpha.now() + 60

        async def call(self, operation: Operation[Any], announce: Announce | None = None) -> Any:
            return await box.alpha.call(operation, announce)

    marks = Marks()

    async def asked() -> tuple[int, dict[str, int]]:
        before = box.alpha.round_trips
        this = await box.new_pass()
        this.from_side, this.marks = Later(), marks
        await run_pass(this)
        return box.alpha.round_trips - before, counts(this)

    await asked()
    inbox, calendar = await role(box.alpha, "inbox"), await role(box.alpha, "calendar")
    letters = await listing(box.alpha, inbox)
    assert await asked() == (3, {}), "the tree, the marks of its folders, the root itself"
    changes: list[tuple[Operation[Any], dict[str, int]]] = [
        (SetReadFlags(((letters[0], True), (letters[1], True))), {"read_flags": 1}),
        (DeleteItems((letters[2],)), {"deleted": 1}),
        (MoveItems((letters[3],), calendar), {"moved": 1}),
    ]
    for change, came_of_it in changes:
        await box.alpha.call(change)
        folders = 2 if "moved" in came_of_it else 1
        assert await asked() == (3 + folders, came_of_it)
    await put(box.alpha, calendar, stream("Hidden"), associated=True)
    requests, came_of_it = await asked()
    assert (requests, came_of_it) == (5, {"added": 1}), "one more to export it"
    assert await contents(box.beta) == await contents(box.alpha)


async def done_without_looking(box: Copying) -> Pass:
    this = await box.new_pass()
    await run_pass(this)
    return this


async def test_changes_travel_alone(box: Copying) -> None:
    await done(box)
    inbox = await role(box.alpha, "inbox")
    letters = await listing(box.alpha, inbox)
    await put(box.alpha, inbox, stream("New"), stream("Newer", size=200_000))
    await rewrite(box.alpha, inbox, letters[0], "Edited")
    await box.alpha.call(SetReadFlags(tuple((each, True) for each in letters[1:5])))
    await box.alpha.call(SetReadFlags(tuple((each, False) for each in letters[5:9])))
    await box.alpha.call(DeleteItems(tuple(letters[9:12])))
    await box.alpha.call(MoveItems(tuple(letters[12:20]), await role(box.alpha, "deleteditems")))
    this = await done(box)
    assert counts(this) == {"added": 2, "updated": 1, "read_flags": 4, "deleted": 3, "moved": 8}
    assert (await prove(this)).equal


async def test_the_folder_tree_is_followed(box: Copying) -> None:
    alpha = box.alpha
    root, inbox = await role(alpha, "msgfolderroot"), await role(alpha, "inbox")
    plans = await alpha.call(CreateFolder(root, "Plans", "IPF.Note"))
    old = await alpha.call(CreateFolder(plans, "Old", "IPF.Note"))
    await put(alpha, plans, stream("Plan"))
    (kept, _) = await put(alpha, old, stream("Keep me"), stream("Not me"))
    await done(box)
    # Names swapped between parent and child, one moved, one deleted after something was saved from it.
    await alpha.call(MoveItems((kept,), inbox))
    await alpha.call(DeleteFolder(old))
    await alpha.call(RenameFolder(plans, "plans 2"))
    drawer = await alpha.call(CreateFolder(inbox, "Plans", "IPF.Note"))
    await alpha.call(MoveFolder(plans, drawer))
    this = await done(box)
    assert counts(this) == {"moved": 1, "deleted": 1}
    await alpha.call(RenameFolder(plans, "Plans"))
    await alpha.call(MoveFolder(plans, root))
    await alpha.call(MoveFolder(drawer, plans))
    assert counts(await done(box)) == {}


async def test_a_restored_or_lost_ledger_brings_nothing_twice(box: Copying) -> None:
    await done(box)
    backup = {
        table: await box.pool.fetch(f"SELECT * FROM {table} WHERE pair_id = $1", box.pair)
        for table in ("mailbox", "tree", "folder", "item")
    }
    # After the backup people go on, and so do passes.
    inbox, deleted = await role(box.alpha, "inbox"), await role(box.alpha, "deleteditems")
    letters = await listing(box.alpha, inbox)
    plans = await box.alpha.call(CreateFolder(inbox, "Plans", "IPF.Note"))
    await put(box.alpha, plans, stream("Plan"))
    await put(box.alpha, inbox, *(stream(f"New {number}", read=True) for number in range(4)))
    await put(box.alpha, inbox, stream("Hidden"), associated=True)
    await rewrite(box.alpha, inbox, letters[0], "Edited")
    await box.alpha.call(MoveItems(tuple(letters[1:4]), deleted))
    await box.alpha.call(DeleteItems(tuple(letters[4:6])))
    await done(box)
    # Then the database is restored, and later lost altogether.
    for restored in (backup, {"mailbox": backup["mailbox"]}):
        for table in ("work", "item", "folder", "tree", "mailbox"):
            await box.pool.execute(f"DELETE FROM {table} WHERE pair_id = $1", box.pair)
        for table, rows in restored.items():
            for row in rows:
                places = ", ".join(f"${number + 1}" for number in range(len(row)))
                await box.pool.execute(
                    f"INSERT INTO {table} ({', '.join(row.keys())}) VALUES ({places})", *row.values()
                )
        await put(box.alpha, inbox, stream("Newest"))
        this = await done(box)
        proof = await prove(this)
        assert (proof.equal, proof.surplus, proof.missing) == (True, 0, 0)
        assert counts(this)["added"] == 1, "only what is new travels as new"


async def test_two_workers_that_both_believe_they_own_a_mailbox(box: Copying) -> None:
    before = await box.new_pass(memory=ByteGate(20_000))
    older = asyncio.create_task(run_pass(before))
    await asyncio.sleep(0.2)
    newer = asyncio.create_task(run_pass(await box.new_pass(memory=ByteGate(20_000))))
    ended, _ = await asyncio.wait({older, newer}, timeout=120)
    assert ended == {older, newer}
    newer.result()
    assert older.exception() is None or isinstance(older.exception(), OwnershipLost)
    proof = await prove(await box.new_pass())
    assert (proof.equal, proof.surplus) == (True, 0)
    assert await contents(box.beta) == await contents(box.alpha)


async def test_what_others_changed_on_the_target_is_found_by_item_and_mended(box: Copying) -> None:
    await done(box)
    beta, there = box.beta, await role(box.beta, "inbox")
    letters = await listing(beta, there)
    await rewrite(beta, there, letters[0], "Somebody else was here")
    await beta.call(DeleteItems((letters[1],)))
    rows = await (await box.new_pass()).ledger.folders()
    travel, team = (next(row.to_id or "" for row in rows if row.name == name) for name in ("Travel", "Team"))
    await beta.call(RenameFolder(travel, "Trips"))
    await beta.call(DeleteFolder(team))
    this = await box.new_pass()
    proof = await prove(this)
    assert (proof.equal, proof.missing, proof.removed, proof.different) == (False, 1, 1, 1)
    assert proof.missing_folders == 1
    found = sorted((kept.folder.rpartition("/")[2], kept.what, kept.instead) for kept in proof.listed)
    assert found == [
        ("Inbox", "different", ""),
        ("Inbox", "removed", ""),
        ("Team", "folder", ""),
        ("Travel", "elsewhere", "Inbox/Trips"),
    ]
    this = await done(box)
    proof = await prove(this)
    assert (proof.equal, proof.healed, proof.listed) == (True, False, [])
    assert proof.digest == proof.to_digest


async def test_a_lost_sync_state_copies_nothing_again(box: Copying) -> None:
    await done(box)
    letters = await listing(box.alpha, await role(box.alpha, "inbox"))
    await box.alpha.call(DeleteItems((letters[0],)))
    await rewrite(box.alpha, await role(box.alpha, "inbox"), letters[1], "Edited")
    await box.alpha.call(SetReadFlags(((letters[3], True),)))
    for state in ("bm9uc2Vuc2U=", None):
        await box.pool.execute("UPDATE folder SET sync_state = $1", state)
        if state is None:
            await box.pool.execute("DELETE FROM tree")
        else:
            await box.pool.execute("UPDATE tree SET state = $1", state)
        this = await done(box)
        outcomes = counts(this)
        # The flag of an item travels with its content where the server gives it a new change key for that.
        assert outcomes.pop("updated", 0) + outcomes.pop("read_flags", 0) <= (2 if state else 0)
        assert outcomes == ({"deleted": 1} if state else {})


async def test_what_cannot_be_copied_is_set_aside_and_stops_nothing(box: Copying) -> None:
    class Choosy:
        """Beta, with a rule of its own: no item called Letter 7."""

        address = ""

        def __init__(self) -> None:
            self.refusing = True

        def now(self) -> float:
            return box.beta.now()

        async def call(self, operation: Operation[Any], announce: Announce | None = None) -> Any:
            if self.refusing and isinstance(operation, UploadItems) and any(map(_strange, operation.items)):
                raise EwsError("ErrorCorruptData", "too strange as a stream")
            if self.refusing and isinstance(operation, CreateItems) and "Letter 7<" in operation.body(True):
                raise EwsError("ErrorMessageSizeExceeded", "too strange")
            return await box.beta.call(operation, announce)

    side = Choosy()
    this = await box.new_pass()
    this.to_side = side
    await run_pass(this)
    assert counts(this) == {"added": 139}
    (row,) = await box.pool.fetch("SELECT * FROM work")
    assert row["reason"].startswith("ErrorMessageSizeExceeded: ErrorCorruptData: too strange as a stream; by its prop")
    assert row["attempts"] == 1
    assert not (await prove(this)).equal
    side.refusing = False
    again = await box.new_pass(eager=True)
    await run_pass(again)
    assert counts(again) == {"added": 1}
    assert await contents(box.beta) == await contents(box.alpha)


async def test_what_another_tool_brought_twice_is_listed_and_left_alone(box: Copying) -> None:
    alpha, beta = box.alpha, box.beta
    letter = (await listing(alpha, await role(alpha, "inbox")))[0]
    (exported,) = await alpha.call(ExportItems((letter,)))
    assert not isinstance(exported, EwsError)
    data = bytes(Body(exported.data)).decode()
    there = await put(beta, await role(beta, "inbox"), data, data)
    this = await box.new_pass()
    await run_pass(this)
    proof = await prove(this)
    assert (proof.equal, proof.missing, proof.twice, proof.own, proof.healed) == (False, 0, 1, 0, False)
    [kept] = proof.listed
    assert kept.entry and kept.twin and kept.label
    assert (kept.what, kept.twin[0], kept.label.subject[:6]) == ("twice", letter, "Letter")
    assert sorted((kept.entry.id, kept.twin[1])) == sorted(there)
    await beta.call(DeleteItems((kept.entry.id,)))
    assert (await prove(this)).equal
    assert await contents(beta) == await contents(alpha)


def _strange(upload: Upload) -> bool:
    return b"Letter 7 " in base64.b64decode(upload.data).replace(b"\0", b"")


class Silent:
    """Beta, of which some answers do not come: the write was made, or half of it, or it is made a little later."""

    address = ""

    def __init__(self, box: Copying) -> None:
        self._box = box
        self._writes = 0
        self.lost = 0
        self.late: list[asyncio.Task[Any]] = []

    def now(self) -> float:
        return self._box.beta.now()

    async def call(self, operation: Operation[Any], announce: Announce | None = None) -> Any:
        if operation.writes:
            self._writes += 1
            if self._writes % 2:
                return await self._in_silence(operation, announce)
        return await self._box.beta.call(operation, announce)

    async def _in_silence(self, operation: Operation[Any], announce: Announce | None) -> Any:
        self.lost += 1
        if announce:
            await announce(time.time() + 4)
        if isinstance(operation, UploadItems) and self.lost % 2 == 0:
            some = len(operation.items) // 2
            await self._box.beta.call(UploadItems(operation.items[:some]))
            rest = UploadItems(operation.items[some:])
            self.late.append(asyncio.create_task(self._later(rest)))
        elif self.lost % 3:
            await self._box.beta.call(operation)
        raise InDoubtError("no answer")

    async def _later(self, operation: UploadItems) -> None:
        await asyncio.sleep(2)
        await self._box.beta.call(operation)


async def test_answers_that_do_not_come_leave_no_trace(box: Copying) -> None:
    side = Silent(box)
    inbox = await role(box.alpha, "inbox")
    for _ in range(3):
        this = await box.new_pass(memory=ByteGate(60_000))
        this.to_side = side
        await run_pass(this)
        letters = await listing(box.alpha, inbox)
        await box.alpha.call(MoveItems(tuple(letters[:5]), await role(box.alpha, "deleteditems")))
        await box.alpha.call(DeleteItems((letters[5],)))
        await put(box.alpha, inbox, *(stream(f"New {number}") for number in range(5)))
    last = await done(box)
    assert side.lost > 3
    assert side.late
    await asyncio.gather(*side.late)
    proof = await prove(last)
    assert (proof.equal, proof.surplus, proof.healed) == (True, 0, False)
    assert await contents(box.beta) == await contents(box.alpha)
