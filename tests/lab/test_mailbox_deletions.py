"""What becomes of copies whose originals people delete, by the policy of the collection."""

from __future__ import annotations

from typing import Literal

import pytest
from isthmus_exchange.operations import CreateFolder, DeleteFolder, DeleteItems, MoveItems
from isthmus_exchange.values import Disposal, Folder, ItemId
from isthmus_mailbox.passing import Pass
from isthmus_mailbox.proving import prove
from isthmus_mailbox.running import run_pass
from isthmus_mailbox.surroundings import trees
from isthmus_mailbox.trees import read
from isthmus_project import Surroundings

from tests.lab.copying import Copying, copying, put, role, stream
from tests.lab.test_mailbox_trees import subjects, top
from tests.plugins.exchange import Exchanges, Office

Policy = Literal["mirror", "recoverable", "keep"]
_RECOVERABLE = "recoverableitemsdeletions"


async def done(box: Copying, policy: Policy) -> Pass:
    """A pass after which nothing is missing, and nothing of ours is there that should not be."""
    this = await box.new_pass(deletions=policy, wanted_trees=trees(Surroundings(), policy), eager=True)
    await run_pass(this)
    assert (await prove(this)).equal
    assert await box.pool.fetchval("SELECT count(*) FROM work WHERE pair_id = $1", box.pair) == 0
    return this


async def own_folder(box: Copying, name: str) -> Folder | None:
    return next((folder for folder in await read(box.beta) if folder.name == name), None)


@pytest.mark.parametrize(
    ("policy", "inbox_holds", "recoverable", "folder_stays"),
    [
        ("mirror", ["Stays"], ["Deleted"], False),
        ("recoverable", ["Stays"], ["Deleted", "Purged", "Plan"], False),
        ("keep", ["Deleted", "Purged", "Stays"], [], True),
    ],
)
async def test_what_becomes_of_the_copies(
    exchanges: Exchanges,
    office: Office,
    database_url: str,
    policy: Policy,
    inbox_holds: list[str],
    recoverable: list[str],
    folder_stays: bool,
) -> None:
    async with copying(exchanges, office, database_url) as box:
        alpha, beta = box.alpha, box.beta
        inbox = await role(alpha, "inbox")
        plans = await alpha.call(CreateFolder(inbox, "Plans", "IPF.Note"))
        await put(alpha, plans, stream("Plan"))
        deleted, purged, moved, _ = await put(alpha, inbox, *map(stream, ("Deleted", "Purged", "Moved", "Stays")))
        await done(box, policy)
        await alpha.call(DeleteItems((deleted,), Disposal.SOFT_DELETE))
        await alpha.call(DeleteItems((purged,), Disposal.HARD_DELETE))
        await alpha.call(DeleteFolder(plans))
        (elsewhere,) = await alpha.call(MoveItems((moved,), await role(alpha, "deleteditems")))
        assert isinstance(elsewhere, ItemId)
        await done(box, policy)
        there = await role(beta, "inbox")
        assert await subjects(beta, there) == inbox_holds
        assert await subjects(beta, await role(beta, "deleteditems")) == ["Moved"], "a move is none of it"
        assert set(await subjects(beta, await top(beta, _RECOVERABLE))) == set(recoverable)
        folder = await own_folder(box, "Plans")
        assert (folder is not None) is folder_stays
        if folder is not None:
            assert await subjects(beta, folder.id) == ["Plan"]
        # It is the target's own now: a folder of the same name takes the place, and nothing comes twice.
        again = await alpha.call(CreateFolder(inbox, "Plans", "IPF.Note"))
        await put(alpha, again, stream("New plan"))
        await done(box, policy)
        folder = await own_folder(box, "Plans")
        assert folder is not None
        assert await subjects(beta, folder.id) == (["New plan", "Plan"] if folder_stays else ["New plan"])
        assert await own_folder(box, "Plans (2)") is None
