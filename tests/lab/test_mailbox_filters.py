"""Filters between two Exchange servers: what is left out, what the ledger, the proof and other filters make of it."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from isthmus_cli.commands.mailbox_plan import sort_mailbox
from isthmus_exchange.operations import CreateFolder, DeleteItems, MoveItems, RenameFolder, SetReadFlags
from isthmus_lab.mapi import fasttransfer, tags
from isthmus_mailbox.passing import Pass
from isthmus_mailbox.proving import prove
from isthmus_mailbox.running import run_pass
from isthmus_project import Collection, Filter, Surroundings

from tests.lab.copying import Copying, copying, listing, put, rewrite, role, stream
from tests.plugins.exchange import Exchanges, Office

_FILETIME_OF_2020, _FILETIME_OF_2026 = 132_223_104_000_000_000, 134_117_000_000_000_000


def item(subject: str, *, item_class: str = "IPM.Note", new: bool = False, size: int = 500, category: str = "") -> str:
    """An item of 2020, or of 2026."""
    bag = fasttransfer.decode(base64.b64decode(stream(subject, size=size)))
    at = _FILETIME_OF_2026 if new else _FILETIME_OF_2020
    bag.set({tags.PidTagMessageClass: item_class, tags.PidTagMessageDeliveryTime: at, tags.PidTagCreationTime: at})
    if category:
        bag.set({tags.PidNameKeywords: [category]})
    return base64.b64encode(fasttransfer.encode(bag)).decode()


@pytest.fixture
async def box(exchanges: Exchanges, office: Office, database_url: str) -> AsyncIterator[Copying]:
    async with copying(exchanges, office, database_url) as box:
        inbox, junk = await role(box.alpha, "inbox"), await role(box.alpha, "junkemail")
        await put(box.alpha, inbox, *(item(f"Old {number}") for number in range(3)), item("New", new=True))
        await put(box.alpha, inbox, item("Shortcut", item_class="IPM.Note.EnterpriseVault.Shortcut", new=True))
        await put(box.alpha, inbox, item("View", item_class="IPM.Configuration.X"), associated=True)
        await put(box.alpha, await role(box.alpha, "contacts"), item("Friend", item_class="IPM.Contact"))
        await put(box.alpha, junk, item("Junk", new=True), item("Red junk", new=True, category="Red"))
        await put(box.alpha, inbox, item("Large", new=True, size=300_000))
        yield box


def rules(*written: dict[str, Any]) -> list[Filter]:
    return [Filter.model_validate(each) for each in written]


_OLD = {"exclude": {"older_than": "2024-01-01"}}
_SHORTCUTS = {"name": "archived already", "exclude": {"classes": "*.EnterpriseVault.Shortcut"}}


async def passed(box: Copying, filters: Sequence[Filter]) -> Pass:
    """A pass, and a proof that finds nothing wrong."""
    this = await box.new_pass(filters=filters)
    await run_pass(this)
    proof = await prove(this)
    assert (proof.equal, proof.missing, proof.surplus, proof.healed) == (True, 0, 0, False), proof.differences
    assert proof.digest == proof.to_digest
    assert await left_out(box) == dict(proof.left_out)
    return this


async def left_out(box: Copying) -> dict[str, int]:
    rows = await box.pool.fetch(
        "SELECT reason, count(*) FROM work WHERE pair_id = $1 AND work = 4 GROUP BY reason", box.pair
    )
    return {row["reason"]: row["count"] for row in rows}


async def there(box: Copying, folder: str, *, associated: bool = False) -> int:
    return len(await listing(box.beta, await role(box.beta, folder), associated=associated))


async def test_what_filters_leave_out_is_in_the_ledger_and_in_the_proof_by_name(box: Copying) -> None:
    this = await passed(
        box,
        rules(
            {"include": {"categories": "red"}},
            _OLD,
            _SHORTCUTS,
            {"exclude": {"folders": "junkemail"}},
            {"exclude": {"larger_than": "200 kB"}},
        ),
    )
    assert await left_out(box) == {
        "older than 2024-01-01": 3,
        "archived already": 1,
        "in junkemail": 1,
        "larger than 200 kB": 1,
    }
    assert (await there(box, "inbox"), await there(box, "junkemail"), await there(box, "contacts")) == (1, 1, 1)
    assert await there(box, "inbox", associated=True) == 1, "settings of folders are no mail"
    assert this.bytes_copied < 100_000
    pilot = Collection(name="pilot", mailboxes=[box.alpha.address], filters=list(this.filters))
    told = (await sort_mailbox(box.alpha, pilot, Surroundings())).to_dict()
    assert (told["items"], told["left_out_items"]) == (9, 6)
    assert {(each["folder"], each["filter"], each["items"]) for each in told["left_out"]} == {
        ("Inbox", "older than 2024-01-01", 3),
        ("Inbox", "archived already", 1),
        ("Junk Email", "in junkemail", 1),
        ("Inbox", "larger than 200 kB", 1),
    }
    before = box.beta.round_trips
    assert (await passed(box, this.filters)).counts == {}
    assert box.beta.round_trips - before < 60, "nothing but the proof's look"


async def test_other_filters_take_effect_without_listing_anything_again(box: Copying) -> None:
    await passed(box, rules(_OLD, _SHORTCUTS))
    assert await there(box, "inbox") == 2
    alpha, asked = box.alpha, []

    class Listening:
        address, now = alpha.address, staticmethod(alpha.now)

        async def call(self, operation: Any, announce: Any = None) -> Any:
            asked.append(operation)
            return await alpha.call(operation, announce)

    looser = await box.new_pass(filters=rules(_SHORTCUTS))
    looser.from_side = Listening()
    await run_pass(looser)
    assert await there(box, "inbox") == 5
    assert await left_out(box) == {"archived already": 1}
    assert [len(each.ids) for each in asked if each.name == "ExportItems"] == [3]
    assert all(each.state for each in asked if each.name == "SyncFolderItems"), "no folder from its beginning"
    # A stricter one takes nothing away, nor is that missing which is there.
    await passed(box, rules(_OLD, {"exclude": "everything"}))
    assert await there(box, "inbox") == 5
    await passed(box, [])
    assert await there(box, "inbox") == 6


async def test_a_first_filter_decides_about_what_was_listed_before(box: Copying) -> None:
    listed = await box.new_pass()

    class Ended(Exception):  # noqa: N818
        pass

    async def end() -> None:
        if await box.pool.fetchval("SELECT count(*) FROM work WHERE pair_id = $1", box.pair) >= 8:
            raise Ended

    listed.breathe = end
    with pytest.raises(Ended):
        await run_pass(listed)
    await passed(box, rules(_OLD))
    assert await there(box, "inbox") == 3


async def test_what_is_there_stays_in_step_whatever_the_filters_say(box: Copying) -> None:
    inbox, junk = await role(box.alpha, "inbox"), await role(box.alpha, "junkemail")
    filters = rules(_OLD, {"exclude": {"folders": ["junkemail"]}})
    await passed(box, filters)
    moved, edited, read = (await listing(box.alpha, inbox))[:3]
    # Moved into a folder that is left out: a move. Left out and moved to where it is not: copied.
    (saved, _) = await listing(box.alpha, junk)
    await box.alpha.call(MoveItems((moved,), junk))
    await box.alpha.call(MoveItems((saved,), inbox))
    await rewrite(box.alpha, inbox, edited, "Edited")
    await box.alpha.call(SetReadFlags(((read, True),)))
    this = await passed(box, filters)
    assert {outcome.value: count for outcome, count in this.counts.items()} == {
        "moved": 1,
        "added": 1,
        "updated": 1,
        "read_flags": 1,
    }
    assert (await there(box, "inbox"), await there(box, "junkemail")) == (3, 1)
    # Deleted on both sides, or where there is nothing else.
    await box.alpha.call(DeleteItems((read, *await listing(box.alpha, junk))))
    await passed(box, filters)
    assert (await there(box, "inbox"), await there(box, "junkemail")) == (2, 0)
    assert await left_out(box) == {"older than 2024-01-01": 3}


async def test_a_folder_that_is_renamed_is_decided_about_again(box: Copying) -> None:
    private = await box.alpha.call(CreateFolder(await role(box.alpha, "inbox"), "Private", "IPF.Note"))
    await put(box.alpha, private, item("Letter", new=True))
    filters = rules({"exclude": {"folders": "Inbox/Private"}})
    await passed(box, filters)
    assert await left_out(box) == {"in Inbox/Private": 1}
    await box.alpha.call(RenameFolder(private, "Public"))
    this = await passed(box, filters)
    assert (await left_out(box), this.bytes_copied > 0) == ({}, True)


async def test_filters_cost_no_request_more_and_some_bytes(box: Copying) -> None:
    async def cost(filters: Sequence[Filter]) -> int:
        before = box.alpha.round_trips
        await run_pass(await box.new_pass(filters=filters))
        return box.alpha.round_trips - before

    await cost([])
    assert await cost([]) == await cost(rules({"exclude": {"categories": "none has it"}}))
