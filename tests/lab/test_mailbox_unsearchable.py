"""A folder of the target that nobody can search, while it is not known whether an item was brought there."""

from __future__ import annotations

from typing import Any

import pytest
from isthmus_exchange.errors import EwsError
from isthmus_exchange.operations import CreateFolder
from isthmus_mailbox.proving import prove
from isthmus_mailbox.running import run_pass

from tests.lab.copying import contents, copying, put, role, stream
from tests.plugins.conditions import conditions
from tests.plugins.exchange import Exchanges, Office


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_folder_whose_search_is_refused_holds_no_other_up_and_gets_nothing_twice(
    exchanges: Exchanges, office: Office, database_url: str, when: str
) -> None:
    """`when`: whether the upload without an answer was lost, or had its effect."""
    unsearchable: dict[str, Any] = {
        "fault": "folder-error",
        "code": "ErrorInternalServerError",
        "operations": ["FindItem"],
        "folders": ["Damaged"],
    }
    cut_off = {"fault": "reset", "when": when, "operations": ["UploadItems"], "times": 1}
    async with copying(exchanges, office, database_url) as box:
        inbox, top = await role(box.alpha, "inbox"), await role(box.alpha, "msgfolderroot")
        damaged = await box.alpha.call(CreateFolder(top, "Damaged", "IPF.Note"))
        await put(box.alpha, inbox, stream("One"))
        await run_pass(await box.new_pass())
        with conditions(exchanges.beta, faults={"rules": [unsearchable, cut_off]}):
            await put(box.alpha, damaged, stream("In doubt"))
            with pytest.raises(EwsError, match="ErrorInternalServerError"):
                await run_pass(await box.new_pass())
            await put(box.alpha, damaged, stream("Behind it"))
            for subject in ("Two", "Three"):
                await put(box.alpha, inbox, stream(subject))
                this = await box.new_pass(eager=True)
                await run_pass(this)
                [problem] = this.problems
                assert problem.startswith(
                    "The other side does not tell what is in the folder 'Damaged', and nothing is"
                )
                assert this.counts.total() == 1, "the folder's own wait, the inbox's do not"
            proof = await prove(this)
            # A folder that is still empty there need not be listed to say what it lacks.
            assert (proof.equal, proof.unread) == (False, int(when == "after"))
        this = await box.new_pass()
        await run_pass(this)
        assert this.problems == []
        assert (await prove(this)).equal
        assert await contents(box.alpha) == await contents(box.beta)
