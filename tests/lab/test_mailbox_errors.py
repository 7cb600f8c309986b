"""What `isthmus mailbox errors` and `show` say of the ledger, whatever the servers say."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from isthmus.events.v1.mailbox_pb2 import MAILBOX_STATE_FIRST_PASS, MailboxProgress
from isthmus_cli.endpoints import endpoints
from isthmus_cli.ledger import Ledger
from isthmus_cli.main import build
from isthmus_events import Lease, Table
from isthmus_events.topics import PROJECTS
from isthmus_mailbox import boxes
from isthmus_mailbox.answering import Answers
from isthmus_mailbox.database import open_database
from isthmus_mailbox.database_ledger import DatabaseLedger
from isthmus_mailbox.organisations import Organisations
from isthmus_service import Pool, Security, Service, ServiceSettings
from isthmus_stats.board import Board
from isthmus_stats.portal import Portal
from isthmus_stats.record import Mailbox, with_progress
from isthmus_sync.mailbox.model import LedgerChange, Staged, Work
from typer.testing import CliRunner

from tests.conftest import Broker
from tests.lab.copying import put, role, stream
from tests.lab.mailbox_system import MailboxSystem, Mover, mailbox_system
from tests.plugins.conditions import conditions
from tests.plugins.exchange import Office

_HERE = Path("nothing is here")
_MANY = """
    INSERT INTO work (pair_id, source_id, folder, work, search_key, size, associated, is_read, change_key, modified,
                      attempts, not_before, reason, sequence)
    SELECT $1, convert_to(chr(1) || number, 'UTF8'), 1, 1, '', 5000, false, false, '', '', 1, 1e9, 'refused',
           nextval('work_sequence')
    FROM generate_series(1, $2) AS number
"""

_MANY_RIGHTS = """
    INSERT INTO kept_aside (pair_id, kind, place, path, who, what, reason)
    SELECT $1, 'folder', number, 'Folder ' || number, 'ben@alpha.example', 'Reviewer', 'has no account yet'
    FROM generate_series(1, $2) AS number
"""


@dataclass
class Desk:
    """A command line, and the ledger that it asks. `project` is the project file."""

    system: MailboxSystem
    pool: Pool
    project: Path

    async def know(self, mover: Mover) -> None:
        await self.pool.execute(
            "INSERT INTO mailbox (pair_id, partition, pair, collection, wanted, switched)"
            " VALUES ($1, 0, $2, 'Everybody', true, false)",
            mover.id,
            mover.pair().SerializeToString(),
        )

    async def run(self, *words: str, ends: int = 1, command: str = "errors") -> Any:
        """A command of `isthmus mailbox`; `errors` ends with 1 when items are set aside."""
        called = ["mailbox", command, *words, "--data", str(_HERE)]
        done = await asyncio.to_thread(CliRunner().invoke, build("mailbox"), called)
        assert done.exit_code == ends, done.output
        return json.loads(done.stdout) if "--json" in words else done.stdout

    async def kept(self, *words: str) -> dict[str, Any]:
        """The same where rights are kept aside and nothing else is wrong."""
        found: dict[str, Any] = await self.run("--json", *words, ends=0)
        return found

    async def subjects(self, project: Path | None = None) -> list[tuple[str | None, str | None]]:
        found = await self.run("--json", "--project", str(project or self.project))
        return [(each.get("subject"), each.get("subject_unknown")) for each in found["items"]]


@pytest.fixture
async def desk(
    broker: Broker, office: Office, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Desk]:
    settings = ServiceSettings.model_validate(
        {"database_url": database_url, "instance": "test", "kafka": broker.bootstrap}
    )
    async with (
        mailbox_system(office, broker.bootstrap, database_url, tmp_path) as system,
        Service("mailbox", settings) as service,
    ):
        pool = await open_database(service)
        project = tmp_path / "project.yaml"
        project.write_text(json.dumps(system.document))
        application = web.Application()
        Answers(pool, Organisations(Table(service, PROJECTS), system.secrets, 5.0, Security())).add_to(application)
        async with TestServer(application) as server:
            for name in ("KAFKA", "ACCOUNTMAP", "PORTAL"):
                monkeypatch.setenv(f"ISTHMUS_{name}", "127.0.0.1:1")
            monkeypatch.setenv("ISTHMUS_GRPC_PLAINTEXT", "true")
            monkeypatch.setenv("ISTHMUS_MAILBOX", str(server.make_url("")).rstrip("/"))
            yield Desk(system, pool, project)


async def test_what_is_set_aside_is_listed_with_subjects_or_why_without(desk: Desk, tmp_path: Path) -> None:
    anna = desk.system.hire("anna")
    await desk.know(anna)
    await desk.pool.execute(
        "INSERT INTO partition_owner (consumer_group, partition, epoch, owner) VALUES ('mailbox', 0, 1, 'test')"
    )
    names = ["Plain", "Cursed", "Other"]
    ids = await put(anna.alpha, await role(anna.alpha, "inbox"), *map(stream, names))
    staged = [Staged(each, 1, Work.COPY, attempts=1, not_before=1e9, reason="refused") for each in ids]
    await DatabaseLedger(desk.pool, Lease("mailbox", 0, 1), anna.id).write(LedgerChange(stage=staged))
    assert await desk.subjects() == [(name, None) for name in names]

    def broken(**rule: Any) -> Any:
        rules = {"rules": [{**rule, "operations": ["GetItem"]}]}
        return conditions(desk.system.office.exchanges.alpha, faults=rules)

    with broken(fault="item-error", code="ErrorItemCorrupt", subjects=["Cursed"]):
        [plain, cursed, other] = await desk.subjects()
        assert (plain, other) == (("Plain", None), ("Other", None))
        assert cursed[0] is None
        assert "ErrorItemCorrupt" in str(cursed[1])
        shown = await desk.run("--project", str(desk.project))
        assert "1 without their subject: ErrorItemCorrupt" in shown
    with broken(fault="error", code="ErrorInvalidPropertyRequest", times=1):
        assert await desk.subjects() == [(name, None) for name in names]
    with broken(fault="error", code="ErrorImpersonationDenied"):
        for subject, why in await desk.subjects():
            assert subject is None
            assert "ErrorImpersonationDenied" in str(why)
    away = tmp_path / "away.yaml"
    source = desk.system.document["source"]
    exchange = {**source["exchange"], "ews": "https://127.0.0.1:1/ews/exchange.asmx"}
    away.write_text(json.dumps({**desk.system.document, "source": {**source, "exchange": exchange}}))
    for project, words in ((away, "127.0.0.1"), (tmp_path / "none.yaml", "none.yaml")):
        unknown = await desk.subjects(project)
        assert [(subject, words in str(why)) for subject, why in unknown] == [(None, True)] * 3
    shown = await desk.run("--project", str(away))
    assert all(str(number) in shown for number in await _numbers(desk.pool))
    assert "3 without their subject" in shown


async def test_everything_that_is_set_aside_can_be_reached(desk: Desk) -> None:
    anna, otto = desk.system.hire("anna"), desk.system.hire("otto")
    for mover, number in ((anna, 1700), (otto, 1500)):
        await desk.know(mover)
        await desk.pool.execute(_MANY, mover.id, number)
    first = await desk.run("--json", "--no-subjects")
    assert (len(first["items"]), first["left_off"]) == (200, 3000)
    some = await desk.run("--json", "--no-subjects", "--limit", "2500")
    assert (len(some["items"]), some["left_off"]) == (2500, 700)
    everything = await desk.run("--json", "--no-subjects", "--limit", "0")
    assert everything["left_off"] == 0
    assert sorted(each["number"] for each in everything["items"]) == await _numbers(desk.pool)
    assert everything["items"][:2500] == some["items"]
    assert "… and 3000 more; --limit shows more" in await desk.run("--no-subjects")
    ledger, last = Ledger(endpoints(_HERE)), everything["items"][-1]
    (other,) = {anna.id.hex(), otto.id.hex()} - {last["mailbox"]}
    assert await asyncio.to_thread(ledger.one_set_aside, last["mailbox"], last["number"]) == last
    assert await asyncio.to_thread(ledger.one_set_aside, other, last["number"]) is None


async def test_a_mailbox_that_left_all_collections_is_shown_as_it_is(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = desk.system.hire("anna")
    await desk.know(anna)
    await desk.pool.execute(_MANY_RIGHTS, anna.id, 3)
    async with desk.pool.acquire() as connection:
        await boxes.keep(connection, anna.pair(collection=""), 0)
    board, application = Board(), web.Application()
    progress = MailboxProgress(pair_id=anna.id, at=1, state=MAILBOX_STATE_FIRST_PASS, source_address=anna.source.smtp)
    board.mailboxes[anna.id.hex()] = with_progress(Mailbox(anna.id.hex()), progress)
    Portal(board, asyncio.Event()).add_to(application)
    async with TestServer(application) as server:
        monkeypatch.setenv("ISTHMUS_PORTAL", str(server.make_url("")).rstrip("/"))
        shown = " ".join((await desk.run(anna.source.smtp, command="show")).split())  # however wide the terminal is
        assert "in no collection, 0 passes" in shown
        assert "next pass: none, for it is in no collection; name it in one in the project file, and" in shown
        assert "rights, rules and settings kept aside: 3; 'isthmus mailbox errors" in shown
        assert len((await desk.kept(anna.source.smtp))["kept_aside"]) == 3


async def test_everything_that_is_kept_aside_can_be_reached(desk: Desk) -> None:
    anna, otto = desk.system.hire("anna"), desk.system.hire("otto")
    expected = set[tuple[str, str]]()
    for mover, number in ((anna, 1200), (otto, 1100)):
        await desk.know(mover)
        await desk.pool.execute(_MANY_RIGHTS, mover.id, number)
        expected |= {(mover.id.hex(), f"Folder {each}") for each in range(1, number + 1)}
    some = await desk.kept("--limit", "2200")
    assert (len(some["kept_aside"]), some["kept_aside_left_off"]) == (2200, 100)
    everything = await desk.kept("--limit", "0")
    assert everything["kept_aside_left_off"] == 0
    assert {(each["mailbox"], each["path"]) for each in everything["kept_aside"]} == expected
    assert everything["kept_aside"][:2200] == some["kept_aside"]


async def _numbers(pool: Pool) -> list[int]:
    return [row["sequence"] for row in await pool.fetch("SELECT sequence FROM work ORDER BY sequence")]
