"""A mailbox pass beside the plainest exchangelib script that does the same, on the same servers with the same mailbox.

The script is what an administrator would write: for each folder, list it, `account.export` it, `account.upload` it. It
has no ledger, finds no changes and cannot go on after an error. The pass is the mailbox service's own, with its ledger
in a PostgreSQL that flushes to disk. Both are one process; "CPU" is that process's own time. Each is run twice into an
empty mailbox, in turns, and its better run counts, as other work on the machine only ever makes a run worse.
"""

from __future__ import annotations

import asyncio
import base64
import gc
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from exchangelib import Account
from isthmus_cli.runner import postgres
from isthmus_cli.runner.ports import free_ports
from isthmus_events import Lease
from isthmus_exchange.client import Mailbox
from isthmus_exchange.operations import CreateFolder, GetDistinguishedFolders, UploadItems
from isthmus_exchange.values import ItemId, Upload
from isthmus_lab.forests import prepare
from isthmus_lab.layout import ServicePasswords, layout
from isthmus_lab.mapi import fasttransfer
from isthmus_lab.organisation import ALPHA, BETA
from isthmus_lab.program import running
from isthmus_mailbox.database import open_database
from isthmus_mailbox.database_ledger import DatabaseLedger
from isthmus_mailbox.passing import Pass
from isthmus_mailbox.proving import prove
from isthmus_mailbox.running import run_pass
from isthmus_service import GC_THRESHOLD, Pool, Service, ServiceSettings

from tests.bench.bench_store import message
from tests.bench.report import Row
from tests.lab.copying import client
from tests.plugins.clients import LabAuthorities, impersonated
from tests.plugins.exchange import Exchanges, Person, build
from tests.plugins.forests import Forests

_SCENARIOS = ((5_000, 3_000), (100_000, 400))
"""Bytes an item, items."""

_FOLDERS = 4
_ROUNDS = 2


@dataclass(frozen=True)
class Run:
    """One copy of a mailbox."""

    seconds: float
    cpu_seconds: float
    round_trips: int


@contextmanager
def organisations(folder: Path, **settings: Any) -> Iterator[Exchanges]:
    """Two forests with an Exchange server each, with these settings."""
    passwords = ServicePasswords(isthmus="isthmus-secret", exchange="exchange-secret")
    alpha, beta = (prepare(folder / each.name / "forest", each, "administrator-secret") for each in (ALPHA, BETA))
    for forest, organisation in ((alpha, ALPHA), (beta, BETA)):
        forest.load(layout(organisation, passwords))
    exchanges = build(Forests(alpha, beta, passwords), folder / "exchange", **settings)
    with (
        running(alpha.program(), beta.program(), log_folder=folder),
        running(exchanges.alpha.program, exchanges.beta.program, log_folder=folder),
    ):
        yield exchanges


@asynccontextmanager
async def ledgers(folder: Path) -> AsyncIterator[Pool]:
    """The mailbox service's database."""
    [port] = free_ports(1)
    with running(postgres.prepare(folder / "postgres", port), log_folder=folder):
        url = postgres.url(folder / "postgres", port, "isthmus")
        settings = ServiceSettings.model_validate({"database_url": url, "instance": "bench", "log_level": "warning"})
        async with Service("mailbox", settings) as service:
            yield await open_database(service)


async def fill(box: Mailbox, size: int, count: int, folders: int = _FOLDERS) -> int:
    """Items in a few folders; returns the bytes of their streams."""
    inbox = (await box.call(GetDistinguishedFolders()))["inbox"].id
    total = 0
    for number in range(folders):
        folder = await box.call(CreateFolder(inbox, f"Folder {number}", "IPF.Note"))
        batch: list[Upload] = []
        for item in range(number * count // folders, (number + 1) * count // folders):
            content = fasttransfer.encode(message(size, item + 1))
            total += len(content)
            batch.append(Upload(folder, base64.b64encode(content).decode(), False))
            if len(batch) == 50:
                await _upload(box, batch)
        await _upload(box, batch)
    return total


async def _upload(box: Mailbox, batch: list[Upload]) -> None:
    if batch:
        answers = await box.call(UploadItems(tuple(batch)))
        assert all(isinstance(answer, ItemId) for answer in answers), answers
        batch.clear()


async def new_pass(pool: Pool, from_side: Mailbox, to_side: Mailbox, target: Person) -> Pass:
    """A pass over a mailbox that the ledger may not know yet."""
    pair = target.mailbox.bytes
    await pool.execute(
        "INSERT INTO mailbox (pair_id, partition, pair, collection, wanted, switched)"
        " VALUES ($1, 0, '', 'bench', true, false) ON CONFLICT DO NOTHING",
        pair,
    )
    await pool.execute(
        "INSERT INTO partition_owner (consumer_group, partition, epoch, owner) VALUES ('mailbox', 0, 1, 'bench')"
        " ON CONFLICT DO NOTHING"
    )
    return Pass(ledger=DatabaseLedger(pool, Lease("mailbox", 0, 1), pair), from_side=from_side, to_side=to_side)


async def isthmus(exchanges: Exchanges, source: Person, target: Person, pool: Pool) -> tuple[Run, Run]:
    """A first pass, and one that finds nothing changed; then proof that the first did its work."""
    async with client(exchanges.alpha, answer_seconds=300) as alpha, client(exchanges.beta, answer_seconds=300) as beta:
        from_side, to_side = alpha.mailbox(source.smtp), beta.mailbox(target.smtp)
        runs = []
        for _ in range(2):
            gc.collect()
            before = from_side.round_trips + to_side.round_trips
            began, cpu = time.perf_counter(), time.process_time()
            await run_pass(await new_pass(pool, from_side, to_side, target))
            runs.append(
                Run(
                    time.perf_counter() - began,
                    time.process_time() - cpu,
                    from_side.round_trips + to_side.round_trips - before,
                )
            )
        proof = await prove(await new_pass(pool, from_side, to_side, target))
        assert proof.equal and not proof.surplus, proof
        return runs[0], runs[1]


class _Counting(LabAuthorities):
    """Counts what exchangelib sends."""

    sent = 0

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        _Counting.sent += 1
        return super().send(request, *args, **options)


def script(exchanges: Exchanges, source: Person, target: Person) -> Run:
    """The plainest exchangelib script: export one account, upload to the other."""
    from exchangelib.protocol import BaseProtocol

    BaseProtocol.HTTP_ADAPTER_CLS = _Counting
    gc.collect()
    before = _Counting.sent
    began, cpu = time.perf_counter(), time.process_time()
    there: Account = impersonated(exchanges.beta, target)
    here: Account = impersonated(exchanges.alpha, source)
    for folder in here.inbox.walk():
        items = list(folder.all().only("id", "changekey"))
        copy = type(folder)(parent=there.inbox, name=folder.name)
        copy.save()
        there.upload((copy, data) for data in here.export(items))
    run = Run(time.perf_counter() - began, time.process_time() - cpu, _Counting.sent - before)
    copied = sum(folder.all().count() for folder in impersonated(exchanges.beta, target).inbox.walk())
    assert copied == sum(folder.all().count() for folder in here.inbox.walk()), copied
    return run


async def measure(exchanges: Exchanges, pool: Pool, size: int, count: int) -> list[Row]:
    """The figures of one kind of mailbox."""
    alpha, beta = exchanges.alpha, exchanges.beta
    source = alpha.hire(ALPHA.people_ou, "source")
    async with client(alpha, answer_seconds=300) as filling:
        total = await fill(filling.mailbox(source.smtp), size, count)
    passes, again, scripts = [], [], []
    for number in range(_ROUNDS):
        first, second = await isthmus(exchanges, source, beta.hire(BETA.people_ou, f"pass{number}"), pool)
        passes.append(first)
        again.append(second)
        target = beta.hire(BETA.people_ou, f"script{number}")
        scripts.append(await asyncio.to_thread(script, exchanges, source, target))
    ours, theirs = (min(runs, key=lambda run: run.seconds) for runs in (passes, scripts))
    unchanged = min(again, key=lambda run: run.seconds)
    title = f"{count} items of {size // 1000} kB"
    other = "exchangelib script"

    def row(name: str, unit: str, value: float, compared: float) -> Row:
        return Row(f"mailbox pass, {title}: {name}", unit, value, other, compared)

    return [
        row("items a second", "1/s", count / ours.seconds, count / theirs.seconds),
        row("MB a second", "MB/s", total / 1e6 / ours.seconds, total / 1e6 / theirs.seconds),
        row("round trips an item", "requests", ours.round_trips / count, theirs.round_trips / count),
        row("client CPU an item", "ms", 1000 * ours.cpu_seconds / count, 1000 * theirs.cpu_seconds / count),
        Row(
            f"mailbox pass, {title}: a pass that finds nothing changed",
            "s",
            unchanged.seconds,
            "the first pass",
            ours.seconds,
        ),
    ]


def on_servers(measured: Callable[[Exchanges, Pool], Awaitable[list[Row]]]) -> list[Row]:
    """What is measured on two organisations with a ledger between them; they end with it."""

    async def go(folder: Path) -> list[Row]:
        async with AsyncExitStack() as stack:
            exchanges = stack.enter_context(organisations(folder))
            return await measured(exchanges, await stack.enter_async_context(ledgers(folder)))

    gc.set_threshold(*GC_THRESHOLD)  # as in a worker's process
    with tempfile.TemporaryDirectory(prefix="isthmus-bench-") as folder:
        Path(folder).chmod(0o755)  # PostgreSQL runs as a user of its own
        return asyncio.run(go(Path(folder)))


async def _scenarios(exchanges: Exchanges, pool: Pool) -> list[Row]:
    rows = []
    for size, count in _SCENARIOS:
        rows += await measure(exchanges, pool, size, count)
    return rows


def run() -> list[Row]:
    """Everything; takes about two minutes."""
    return on_servers(_scenarios)


if __name__ == "__main__":
    from tests.bench.report import show

    show(run())
