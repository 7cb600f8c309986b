"""A mailbox is several trees: what can be recovered and the archive are copied as everything else is."""

from __future__ import annotations

import asyncio

from isthmus_exchange.client import Mailbox
from isthmus_exchange.errors import EwsError
from isthmus_exchange.operations import (
    CreateFolder,
    DeleteItems,
    GetDistinguishedFolders,
    GetItemLabels,
    MoveItems,
)
from isthmus_exchange.values import Disposal, ItemId
from isthmus_mailbox.database_kept import DatabaseKept
from isthmus_mailbox.marks import Marks
from isthmus_mailbox.passing import Pass
from isthmus_mailbox.proving import prove
from isthmus_mailbox.running import run_pass
from isthmus_mailbox.surroundings import Around, trees
from isthmus_project import Surroundings

from tests.lab.copying import Copying, copying, listing, put, role, stream
from tests.lab.surrounded import Known
from tests.plugins.exchange import Exchanges, Office

_ARCHIVE, _RECOVERABLE = "archivemsgfolderroot", "recoverableitemsdeletions"


async def done(box: Copying, **wanted: bool) -> Pass:
    """A pass; afterwards both sides are proven equal."""
    this = await box.new_pass(wanted_trees=trees(Surroundings(**wanted)))
    this.around = Around(Surroundings(**wanted), Known(), DatabaseKept(box.pool, this.ledger._lease, box.pair))  # type: ignore[attr-defined]
    await run_pass(this)
    assert this.problems == []
    proof = await prove(this)
    assert proof.equal, proof.differences
    return this


def counts(this: Pass) -> dict[str, int]:
    return {outcome.value: count for outcome, count in this.counts.items()}


async def top(mailbox: Mailbox, name: str) -> str:
    return (await mailbox.call(GetDistinguishedFolders((name,))))[name].id


async def subjects(mailbox: Mailbox, folder: str) -> list[str]:
    ids = await listing(mailbox, folder)
    labels = await mailbox.call(GetItemLabels(tuple(ids))) if ids else []
    return sorted("?" if isinstance(label, EwsError) else label.subject for label in labels)


async def folders(box: Copying) -> dict[str, str]:
    """Of beta, by the id in alpha."""
    return {row.from_id or "": row.to_id or "" for row in await (await box.new_pass()).ledger.folders()}


async def test_what_can_be_recovered_can_be_recovered_there(
    exchanges: Exchanges, office: Office, database_url: str
) -> None:
    async with copying(exchanges, office, database_url) as box:
        alpha, beta = box.alpha, box.beta
        inbox, deletions = await role(alpha, "inbox"), await top(alpha, _RECOVERABLE)
        there = await top(beta, _RECOVERABLE)
        ids = await put(alpha, inbox, *(stream(f"Letter {number}") for number in range(4)))
        await alpha.call(DeleteItems((ids[0],), Disposal.SOFT_DELETE))
        assert counts(await done(box)) == {"added": 4}
        assert await subjects(beta, there) == ["Letter 0"]

        # What is deleted is moved; what is recovered comes back; what is gone for good goes there, too.
        await alpha.call(DeleteItems(tuple(ids[1:3]), Disposal.SOFT_DELETE))
        assert counts(await done(box)) == {"moved": 2}
        assert await subjects(beta, there) == ["Letter 0", "Letter 1", "Letter 2"]
        recoverable = await listing(alpha, deletions)
        labels = await alpha.call(GetItemLabels(tuple(recoverable)))
        by_subject = {
            label.subject: each
            for each, label in zip(recoverable, labels, strict=True)
            if not isinstance(label, EwsError)
        }
        (moved,) = await alpha.call(MoveItems((by_subject["Letter 1"],), inbox))
        assert isinstance(moved, ItemId)
        await alpha.call(DeleteItems((by_subject["Letter 0"],), Disposal.HARD_DELETE))
        assert counts(await done(box)) == {"moved": 1, "deleted": 1}
        assert await subjects(beta, there) == ["Letter 2"]
        assert await subjects(beta, await role(beta, "inbox")) == ["Letter 1", "Letter 3"]


async def test_recoverable_items_stay_behind_when_the_project_says_so(
    exchanges: Exchanges, office: Office, database_url: str
) -> None:
    async with copying(exchanges, office, database_url) as box:
        (letter,) = await put(box.alpha, await role(box.alpha, "inbox"), stream("Letter"))
        await box.alpha.call(DeleteItems((letter,), Disposal.SOFT_DELETE))
        assert counts(await done(box, recoverable_items=False)) == {}
        assert await subjects(box.beta, await top(box.beta, _RECOVERABLE)) == []


async def test_an_archive_is_copied_with_its_folders(exchanges: Exchanges, office: Office, database_url: str) -> None:
    async with copying(exchanges, office, database_url, archives=(True, True)) as box:
        alpha, beta = box.alpha, box.beta
        archive, inbox = await top(alpha, _ARCHIVE), await role(alpha, "inbox")
        old = await alpha.call(CreateFolder(archive, "2019", "IPF.Note"))
        await put(alpha, old, *(stream(f"Old {number}") for number in range(3)))
        new = await put(alpha, inbox, stream("New"), stream("Newer"))
        assert counts(await done(box)) == {"added": 5}
        there = (await folders(box))[old]
        assert await subjects(beta, there) == ["Old 0", "Old 1", "Old 2"]

        # What goes into the archive is moved there, not copied once more; its deletions are recoverable, too.
        (moved,) = await alpha.call(MoveItems((new[0],), old))
        assert isinstance(moved, ItemId)
        assert counts(await done(box)) == {"moved": 1}
        assert await subjects(beta, there) == ["New", "Old 0", "Old 1", "Old 2"]
        await alpha.call(DeleteItems((moved.id,), Disposal.SOFT_DELETE))
        assert counts(await done(box)) == {"moved": 1}
        assert await subjects(beta, await top(beta, "archiverecoverableitemsdeletions")) == ["New"]
        assert counts(await done(box)) == {}


async def test_an_archive_that_is_not_wanted_any_more_is_left_alone_at_once(
    exchanges: Exchanges, office: Office, database_url: str
) -> None:
    async with copying(exchanges, office, database_url, archives=(True, True)) as box:
        archive, marks = await top(box.alpha, _ARCHIVE), Marks()
        for archived, wanted in (("Old", True), ("Newer", False)):
            await put(box.alpha, archive, stream(archived))
            this = await box.new_pass(wanted_trees=trees(Surroundings(archive=wanted)), marks=marks)
            await run_pass(this)
            assert counts(this) == ({"added": 1} if wanted else {})


async def test_a_lost_ledger_brings_nothing_twice_into_other_trees(
    exchanges: Exchanges, office: Office, database_url: str
) -> None:
    async with copying(exchanges, office, database_url, archives=(True, True)) as box:
        alpha, beta = box.alpha, box.beta
        archive, inbox = await top(alpha, _ARCHIVE), await role(alpha, "inbox")
        old = await alpha.call(CreateFolder(archive, "2019", "IPF.Note"))
        await put(alpha, archive, stream("On top"))
        await put(alpha, old, *(stream(f"Old {number}") for number in range(3)))
        (letter,) = await put(alpha, inbox, stream("Letter"))
        await alpha.call(DeleteItems((letter,), Disposal.SOFT_DELETE))
        assert counts(await done(box)) == {"added": 5}
        there = (await folders(box))[old]
        for table in ("work", "item", "folder", "tree"):
            await box.pool.execute(f"DELETE FROM {table} WHERE pair_id = $1", box.pair)
        await asyncio.sleep(2.5)  # until what was written has a time to go by
        assert counts(await done(box)) == {}
        assert await subjects(beta, there) == ["Old 0", "Old 1", "Old 2"]
        assert await subjects(beta, await top(beta, _ARCHIVE)) == ["On top"]
        assert await subjects(beta, await top(beta, _RECOVERABLE)) == ["Letter"]


async def test_an_archive_without_counterpart_is_told_of(
    exchanges: Exchanges, office: Office, database_url: str
) -> None:
    async with copying(exchanges, office, database_url, archives=(True, False)) as box:
        await put(box.alpha, await top(box.alpha, _ARCHIVE), stream("Old"))
        this = await done(box)
        assert counts(this) == {}
        assert (await prove(this)).trees == ("msgfolderroot", _RECOVERABLE)
        rows = await box.pool.fetch("SELECT kind, what, reason FROM kept_aside WHERE pair_id = $1", box.pair)
        assert [(row["kind"], row["what"], "Enable-Mailbox" in row["reason"]) for row in rows] == [
            ("archive", "archive", True)
        ]
