"""Where a mail is on both sides, and why: what `isthmus mailbox trace` says of everything that may become of one."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from isthmus.accounts.v1.accounts_pb2 import SIDE_TARGET
from isthmus.events.v1.mailbox_pb2 import MAILBOX_ORDER_PASS, MAILBOX_ORDER_PAUSE
from isthmus_cli.commands.mailbox_trace import find, known
from isthmus_cli.endpoints import Endpoints
from isthmus_cli.ledger import Ledger
from isthmus_cli.runner.ports import free_ports
from isthmus_cli.traces import explain, nowhere
from isthmus_events.topics import ACCOUNT_PAIRS
from isthmus_exchange.body import Body
from isthmus_exchange.errors import EwsError
from isthmus_exchange.operations import CreateFolder, DeleteItems, ExportItems, MoveItems, Sought
from isthmus_exchange.values import Disposal

from tests.conftest import Broker
from tests.lab.copying import put, rewrite, role, stream
from tests.lab.mailbox_system import PROGRAM, MailboxSystem, Mover, mailbox_system
from tests.lab.test_mailbox_trees import top
from tests.plugins.exchange import Office
from tests.processes import Process
from tests.waiting import eventually

_POLICIES = ("mirror", "recoverable", "keep")
_NEVER = {"blackout": ["00:00-24:00"]}
_AT = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"


class Asking:
    """A system, and what a trace says in it."""

    def __init__(self, system: MailboxSystem, ledger: Ledger) -> None:
        self.system = system
        self.ledger = ledger

    async def moved(self, name: str, collection: str, *subjects: str, **more: Any) -> tuple[Mover, list[str]]:
        """Somebody whose mailbox, with these mails in the inbox, has been copied; and the mails' ids."""
        mover = self.system.hire(name, **more)
        ids = await put(mover.alpha, await role(mover.alpha, "inbox"), *map(stream, subjects))
        await self.system.say(ACCOUNT_PAIRS, mover.id, mover.pair(collection=collection))
        await self.system.answer(mover, b"")
        return mover, ids

    async def passed(self, mover: Mover) -> None:
        await self.system.answer(mover, await self.system.order(mover, MAILBOX_ORDER_PASS))

    async def all(self, mover: Mover, subject: str) -> list[tuple[str, str, str, bool]]:
        """Of each mail with this subject: its folders on the source and the target, why, and whether all is well."""
        here, there, unsearched = await find(mover.alpha, mover.beta, Sought(subject=subject))
        assert not unsearched
        box = self.ledger.mailbox(mover.id.hex())
        traces = explain(here, there, known(self.ledger, mover.id.hex(), here, there), box)
        return [(each.source_folder, each.target_folder, each.why, each.well) for each in traces]

    async def one(self, mover: Mover, subject: str) -> tuple[str, str, str, bool]:
        [found] = await self.all(mover, subject)
        return found


@pytest.fixture
async def asking(
    broker: Broker, office: Office, database_url: str, tmp_path: Path, start: Callable[..., Process]
) -> AsyncIterator[Asking]:
    async with mailbox_system(office, broker.bootstrap, database_url, tmp_path) as system:
        await system.apply(
            *({"name": name, "mailboxes": [f"{name}@alpha.example"], "deletions": name} for name in _POLICIES)
        )
        [port] = free_ports(1)
        service = start("mailbox", PROGRAM, **system.settings, ISTHMUS_HTTP_PORT=str(port))
        ledger = Ledger(Endpoints("", "", "", "", f"http://127.0.0.1:{port}"))
        yield Asking(system, ledger)
        print(service.tail(40))


def like(words: str, said: str) -> bool:
    """Whether that is what was said; @ stands for a time."""
    return bool(re.fullmatch(re.escape(words).replace("@", _AT), said))


_BOTH = "/Recoverable Items", "deleted on the source @; its copy can be recovered on the target, too; copied @"
_OF_DELETED = {
    "mirror": (_BOTH, None),
    "recoverable": (
        _BOTH,
        (
            "/Recoverable Items",
            "removed from the target @, where it can be recovered: the source has deleted it for good"
            " (deletions: recoverable), or people here did",
        ),
    ),
    "keep": (
        ("Inbox", "deleted on the source @; kept on the target (deletions: keep)"),
        ("Inbox", "the source does not have it: of the target's own, or kept (deletions: keep)"),
    ),
}
"""By policy: where on the target it is, and why, of what can be recovered on the source, and of what is gone for
good."""


async def test_of_what_the_source_has_deleted_it_says_what_the_policy_did(asking: Asking) -> None:
    for policy, (soft, hard) in _OF_DELETED.items():
        anna, ids = await asking.moved("anna", policy, "Stays", "Soft", "Hard")
        folder, target, why, well = await asking.one(anna, "Stays")
        assert (folder, target, well) == ("Inbox", "Inbox", True)
        assert like("copied @", why)
        await anna.alpha.call(DeleteItems((ids[1],), Disposal.SOFT_DELETE))
        await anna.alpha.call(DeleteItems((ids[2],), Disposal.HARD_DELETE))
        await asking.passed(anna)
        folder, target, why, well = await asking.one(anna, "Soft")
        assert (folder, target, well) == ("/Recoverable Items", soft[0], True)
        assert like(soft[1], why), why
        if hard is None:
            assert await asking.all(anna, "Hard") == []
            assert "deletions: mirror" in nowhere(asking.ledger.mailbox(anna.id.hex()))
        else:
            folder, target, why, well = await asking.one(anna, "Hard")
            assert (folder, target, well) == ("", hard[0], True)
            assert like(hard[1], why), why


async def test_archives_moves_doubles_and_what_people_did_on_the_target(asking: Asking, database_url: str) -> None:
    subjects = ("Late", "Doubled", "Removed", "Filed", "Drafted", "Edited")
    anna, ids = await asking.moved("anna", "mirror", *subjects, archives=(True, True))
    alpha, beta = anna.alpha, anna.beta
    inbox, there = await role(alpha, "inbox"), await role(beta, "inbox")
    archive = await top(alpha, "archivemsgfolderroot")
    old = await alpha.call(CreateFolder(archive, "2019", "IPF.Note"))
    await put(alpha, old, stream("Archived"))
    await asking.passed(anna)
    source, target, why, well = await asking.one(anna, "Archived")
    assert (source, target, well) == ("/Archive/2019", "/Archive/2019", True)
    assert like("copied @", why)

    async def copies() -> dict[str, str]:
        found = (await find(alpha, beta, Sought(subject="e")))[1]
        return {place.hit.subject: place.hit.id for place in found}

    # The first upload comes after the second one; somebody else brings an item that is there; the target has its own.
    for exported in await alpha.call(ExportItems(tuple(ids[:2]))):
        assert not isinstance(exported, EwsError)
        await put(beta, there, bytes(Body(exported.data)).decode())
    await put(beta, there, stream("Own"))
    connection = await asyncpg.connect(database_url, server_settings={"search_path": "mailbox"})
    try:
        await connection.execute(
            "INSERT INTO resent SELECT pair_id, folder, search_key FROM item WHERE pair_id = $1 AND search_key = $2",
            anna.id,
            (await find(alpha, beta, Sought(subject="Late")))[0][0].hit.search_key,
        )
    finally:
        await connection.close()
    first, second = await asking.all(anna, "Late")
    assert first[3]
    assert second == (
        "",
        "Inbox",
        "there twice: Isthmus sent it again when the first time got no answer, and that came late; the next proof"
        " deletes this one",
        False,
    )
    first, second = await asking.all(anna, "Doubled")
    assert first[3]
    assert second[2:] == ("there twice: somebody else brought or copied it, so it is not Isthmus's to delete", False)
    assert (await asking.one(anna, "Own"))[2:] == ("of the target's own: Isthmus did not bring it", True)

    # People on the target.
    by_subject = await copies()
    await beta.call(DeleteItems((by_subject["Removed"],), Disposal.SOFT_DELETE))
    await beta.call(MoveItems((by_subject["Filed"],), await role(beta, "drafts")))
    source, target, why, well = await asking.one(anna, "Removed")
    assert (source, target, well) == ("Inbox", "/Recoverable Items", False)
    assert like(
        "copied @; removed on the target by somebody @, where it can be recovered; the next proof brings it back", why
    ), why
    source, target, why, well = await asking.one(anna, "Filed")
    assert (source, target, well) == ("Inbox", "Drafts", False)
    assert like("copied @; moved on the target by somebody; the next proof brings it back", why), why

    # What happened since the last look, while no pass is made.
    await asking.system.order(anna, MAILBOX_ORDER_PAUSE)
    await asyncio.sleep(1)
    waits = "no pass is made before 'isthmus mailbox resume', for the mailbox is paused"
    await put(alpha, inbox, stream("New"))
    await alpha.call(MoveItems((ids[4],), await role(alpha, "drafts")))
    await rewrite(alpha, inbox, ids[5], "Rewritten")
    await alpha.call(DeleteItems((ids[3],), Disposal.SOFT_DELETE))
    assert await asking.one(anna, "New") == ("Inbox", "", f"not listed yet: {waits}", False)
    source, target, why, well = await asking.one(anna, "Drafted")
    assert (source, target, well) == ("Drafts", "Inbox", False)
    assert like(f"copied @; moved on the source since: {waits}", why), why
    assert (await asking.one(anna, "Rewritten"))[:2] == ("Inbox", "Inbox"), "the copy has its former subject"
    assert (await asking.one(anna, "Filed"))[:2] == ("/Recoverable Items", "Drafts")


async def test_it_promises_no_pass_where_none_is_made(asking: Asking) -> None:
    anna, ids = await asking.moved("anna", "mirror", "Old", "Gone", archives=(True, False))
    system = asking.system

    async def says(words: str, subject: str = "New") -> None:
        async def said() -> bool:
            return words in (await asking.one(anna, subject))[2]

        await eventually(said)

    # The project, and what both sides have, say what of a mailbox is brought.
    await put(anna.alpha, await top(anna.alpha, "archivemsgfolderroot"), stream("Archived"))
    await asking.passed(anna)
    why = "the archive is not brought, for the target has none"
    assert await asking.one(anna, "Archived") == ("/Archive", "", why, True)
    mirror = {"name": "mirror", "mailboxes": ["a@alpha.example"]}
    system.document["mailbox"]["surroundings"] = {"archive": False}
    await system.apply(mirror)
    await says("archives are not brought (surroundings: archive: false)", "Archived")

    # Neither pass nor notice: nothing is done in its collection at this hour.
    closed = mirror | {"schedule": _NEVER}
    await system.apply(closed)
    await asyncio.sleep(2)
    await put(anna.alpha, await role(anna.alpha, "inbox"), stream("New"))
    await anna.alpha.call(DeleteItems((ids[1],), Disposal.HARD_DELETE))
    await says("not listed yet: no pass is made now, blackout hours, and that never ends")
    assert (await asking.one(anna, "Gone"))[2].endswith(
        "for good: no pass is made now, blackout hours, and that never ends"
    )
    await system.apply({"name": "other", "mailboxes": ["a@alpha.example"]})
    await says("not listed yet: no pass is made: no project in force has its collection")
    await system.apply(closed)
    await system.say(ACCOUNT_PAIRS, anna.id, anna.pair(collection=""))
    await says("not listed yet: no pass is made: it is in no collection")
    await system.say(ACCOUNT_PAIRS, anna.id, anna.pair(SIDE_TARGET, "mirror"))
    await says("not listed yet: no pass is made after the switch, unless somebody orders one")
    source, target, why, well = await asking.one(anna, "Gone")
    assert (source, target, well) == ("", "Inbox", True)
    assert like(
        "brought by Isthmus, copied @; the source has it no more: nothing is deleted there after the switch", why
    )
    stranger = system.hire("bert")
    await put(stranger.alpha, await role(stranger.alpha, "inbox"), stream("Unheard"))
    why = "not listed yet: no pass is made: the mailbox service has not heard of this mailbox"
    assert await asking.one(stranger, "Unheard") == ("Inbox", "", why, False)
