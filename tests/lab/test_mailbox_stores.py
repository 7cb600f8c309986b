"""A mailbox and its archive are two stores: one that is away, or full, does not stop the other."""

from __future__ import annotations

from typing import Any

import pytest
from isthmus_exchange import client
from isthmus_exchange.operations import CreateFolder, DeleteItems
from isthmus_mailbox.database_kept import DatabaseKept
from isthmus_mailbox.marks import Marks
from isthmus_mailbox.passing import MailboxBlocked, Pass
from isthmus_mailbox.proving import prove
from isthmus_mailbox.running import run_pass
from isthmus_mailbox.surroundings import Around, trees
from isthmus_project import Surroundings

from tests.lab.copying import Copying, copying, put, role, stream
from tests.lab.surrounded import Known
from tests.lab.test_mailbox_trees import counts, folders, subjects, top
from tests.plugins.conditions import conditions, injected
from tests.plugins.exchange import Exchanges, Office


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits between the attempts to read from a store that is away."""
    monkeypatch.setattr(client, "_LONGEST_WAIT", 0.01)


def rule(store: str, code: str, *operations: str) -> dict[str, Any]:
    """Conditions under which one store of everybody is so."""
    return {"rules": [{"fault": "store-error", "code": code, "stores": [store], "operations": operations or ["*"]}]}


async def new_pass(box: Copying, marks: Marks, **options: Any) -> Pass:
    this = await box.new_pass(wanted_trees=trees(Surroundings()), marks=marks, **options)
    this.around = Around(Surroundings(), Known(), DatabaseKept(box.pool, this.ledger._lease, box.pair))  # type: ignore[attr-defined]
    return this


async def aside(box: Copying) -> list[str]:
    """What is kept aside of the archive."""
    rows = await box.pool.fetch(
        "SELECT reason FROM kept_aside WHERE pair_id = $1 AND (kind, path, what) = ('archive', 'Archive', 'archive')",
        box.pair,
    )
    return [row["reason"] for row in rows]


@pytest.mark.parametrize("where", ["alpha", "beta"])
async def test_an_archive_that_is_away_does_not_stop_the_mailbox(
    exchanges: Exchanges, office: Office, database_url: str, where: str
) -> None:
    async with copying(exchanges, office, database_url, archives=(True, True)) as box:
        alpha, marks = box.alpha, Marks()
        inbox, archive = await role(alpha, "inbox"), await top(alpha, "archivemsgfolderroot")
        old = await alpha.call(CreateFolder(archive, "2019", "IPF.Note"))
        one, _ = await put(alpha, inbox, stream("One"), stream("Two"))
        await put(alpha, old, stream("Old"))
        await run_pass(await new_pass(box, marks))
        there, old_there = await role(box.beta, "inbox"), (await folders(box))[old]

        side = getattr(exchanges, where)
        with conditions(side, faults=rule("archive", "ErrorMailboxStoreUnavailable")):
            await put(alpha, inbox, stream("Three"))
            await alpha.call(DeleteItems((one,)))
            this = await new_pass(box, marks, eager=True)
            await run_pass(this)
            assert counts(this) == {"added": 1}
            assert await subjects(box.beta, there) == ["One", "Three", "Two"], "One may be in the archive now"
            why = (
                f"the archive of {getattr(box, where).address}: ErrorMailboxStoreUnavailable: "
                "The mailbox database is temporarily unavailable."
            )
            assert this.problems == [f"Left out for now: {why}"]
            assert await aside(box) == [why]
            proof = await prove(this)
            assert not proof.equal
            assert proof.differences[0] == f"/Archive: the folder cannot be compared: {why}"

            # It is not asked again for a while by passes that nobody ordered; nor is it forgotten.
            asked = injected(side)
            assert 0 < marks.look_in(this.clock()) <= 30
            await put(alpha, inbox, stream("Four"))
            this = await new_pass(box, Marks.read(marks.write()))
            await run_pass(this)
            assert counts(this) == {"added": 1}
            assert this.problems == [f"Left out for now: {why}"]
            assert injected(side) == asked

        await put(alpha, old, stream("Older"))
        this = await new_pass(box, marks, eager=True)
        await run_pass(this)
        assert counts(this) == {"added": 1, "deleted": 1}
        assert this.problems == []
        assert await aside(box) == []
        assert await subjects(box.beta, there) == ["Four", "Three", "Two"]
        assert await subjects(box.beta, old_there) == ["Old", "Older"]
        assert (await prove(this)).equal


async def test_an_archive_that_is_away_from_the_beginning(
    exchanges: Exchanges, office: Office, database_url: str
) -> None:
    async with copying(exchanges, office, database_url, archives=(True, True)) as box:
        await put(box.alpha, await role(box.alpha, "inbox"), stream("One"))
        await put(box.alpha, await top(box.alpha, "archivemsgfolderroot"), stream("Old"))
        marks = Marks()
        with conditions(exchanges.beta, faults=rule("archive", "ErrorMailboxMoveInProgress")):
            this = await new_pass(box, marks)
            await run_pass(this)
            assert counts(this) == {"added": 1}
            assert len(await aside(box)) == 1
        this = await new_pass(box, marks, eager=True)
        await run_pass(this)
        assert counts(this) == {"added": 1}
        assert await aside(box) == []
        assert (await prove(this)).equal


@pytest.mark.parametrize("full", ["archive", "mailbox"])
async def test_one_of_both_is_full(exchanges: Exchanges, office: Office, database_url: str, full: str) -> None:
    async with copying(exchanges, office, database_url, archives=(True, True)) as box:
        inbox, archive = await role(box.alpha, "inbox"), await top(box.alpha, "archivemsgfolderroot")
        marks = Marks()
        await run_pass(await new_pass(box, marks))
        await put(box.alpha, inbox, stream("New"), stream("Newer"))
        await put(box.alpha, archive, stream("Old"), stream("Older"))
        there = {"mailbox": await role(box.beta, "inbox"), "archive": await top(box.beta, "archivemsgfolderroot")}
        with conditions(exchanges.beta, faults=rule(full, "ErrorQuotaExceeded", "UploadItems")):
            this = await new_pass(box, marks, eager=True)
            if full == "mailbox":
                with pytest.raises(MailboxBlocked, match="ErrorQuotaExceeded: The mailbox is full"):
                    await run_pass(this)
                assert await subjects(box.beta, there["archive"]) == ["Old", "Older"]
            else:
                await run_pass(this)
                assert this.problems == ["Left out for now: the archive: ErrorQuotaExceeded: The mailbox is full."]
                assert not (await prove(this)).equal
                assert await subjects(box.beta, there["mailbox"]) == ["New", "Newer"]
            assert counts(this) == {"added": 2}
            assert await subjects(box.beta, there[full]) == []
        this = await new_pass(box, marks, eager=True)
        await run_pass(this)
        assert counts(this) == {"added": 2}
        assert this.problems == []
        assert (await prove(this)).equal
