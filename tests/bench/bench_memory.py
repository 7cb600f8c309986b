"""What a mailbox worker holds in memory at most: a real process, asked for its peak by the kernel (VmHWM).

    python -m tests.bench.bench_memory [--only items|folder|mailbox]

One worker for each case, so that every peak is its own: many large items at the same time; items that are larger than
a request may be, and attachments of 100 MB, by their properties; a folder of 100,000 small items, and, asked for by
its name as it takes an hour, a mailbox of 500,000: copied, looked at when nothing had changed, listed anew after its
sync states were lost, and compared.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
from isthmus.events.v1.mailbox_pb2 import MAILBOX_ORDER_PASS, MAILBOX_ORDER_PASS_AND_PROVE, MailboxOrder
from isthmus_cli.runner.ports import free_ports
from isthmus_events.topics import ACCOUNT_PAIRS
from isthmus_exchange.operations import CreateAttachment, CreateItems
from isthmus_exchange.values import Attachment, ItemId, Properties

from tests.bench.bench_mailbox import fill
from tests.bench.bench_workers import whole_system
from tests.bench.report import Row
from tests.lab.copying import put, role, stream
from tests.lab.mailbox_system import PROGRAM, MailboxSystem, Mover
from tests.processes import Process
from tests.waiting import eventually

_AIM = 300.0
"""Megabytes."""
_CASES = {"folder": (100_000, 1), "mailbox": (500_000, 50)}
"""Items of 1 kB, folders."""
_LARGE, _LARGE_BYTES = 12, 30_000_000
_REQUEST_BYTES = 200_000_000
"""The target's limit: raised, as the page for operators says, so that an attachment of 100 MB goes into a request."""
_ATTACHED_BYTES = 100_000_000
_SECONDS = 7200
_COLLECTION = "Usual"
"""Of the project that is in force."""


class _Worker(Process):
    def __init__(self, system: MailboxSystem, folder: Path) -> None:
        [port] = free_ports(1)
        more = {"ISTHMUS_HTTP_PORT": str(port), "ISTHMUS_ANSWER_SECONDS": "300"}
        super().__init__((PROGRAM,), folder / f"worker-{port}.log", system.settings | more)

    @property
    def peak(self) -> float:
        """Resident megabytes, at most, since it was started."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6


@asynccontextmanager
async def _worker(system: MailboxSystem, folder: Path) -> AsyncIterator[_Worker]:
    worker = _Worker(system, folder)
    worker.start()
    try:
        yield worker
    finally:
        worker.kill()


async def _copied(system: MailboxSystem, *movers: Mover) -> None:
    """Have these copied and compared."""
    for mover in movers:
        await _ordered(system, mover, MAILBOX_ORDER_PASS_AND_PROVE)


async def _ordered(system: MailboxSystem, mover: Mover, what: MailboxOrder.ValueType) -> float:
    """The seconds that the ordered pass took."""
    await system.say(ACCOUNT_PAIRS, mover.id, mover.pair(collection=_COLLECTION))
    request = await system.order(mover, what)

    async def answered() -> bool:
        await asyncio.sleep(0.2)
        return any(done.request_id == request for done in mover.passes)

    await eventually(answered, _SECONDS)
    [done] = [each for each in mover.passes if each.request_id == request]
    if what == MAILBOX_ORDER_PASS_AND_PROVE:
        assert done.proof.equal and done.proof.source_items, done.proof.differences
    mover.passes.clear()
    return (done.finished_at - done.started_at) / 1e6


def _file(size: int) -> Attachment:
    content = base64.b64encode(os.urandom(size))
    head = "<t:FileAttachment><t:Name>large.bin</t:Name><t:Content>"
    return Attachment((head, content, "</t:Content></t:FileAttachment>"))


async def _with_files(mover: Mover, count: int, size: int) -> None:
    """A draft with files."""
    inbox = await role(mover.alpha, "inbox")
    [made] = await mover.alpha.call(CreateItems(inbox, (Properties("Message", "<t:Subject>Large</t:Subject>"),)))
    assert isinstance(made, ItemId), made
    for _ in range(count):
        await mover.alpha.call(CreateAttachment(made.id, _file(size)))


async def _items() -> list[Row]:
    async with whole_system(max_request_bytes=_REQUEST_BYTES) as (system, folder, _):
        async with _worker(system, folder) as worker:
            idle = await asyncio.to_thread(system.hire, "idle")
            await put(idle.alpha, await role(idle.alpha, "inbox"), stream("Small"))
            await _copied(system, idle)
            nothing = worker.peak

        large = [await asyncio.to_thread(system.hire, f"large{number}") for number in range(_LARGE // 2)]
        for mover in large:
            for _ in range(2):
                await put(mover.alpha, await role(mover.alpha, "inbox"), stream("Large", size=_LARGE_BYTES))
        async with _worker(system, folder) as worker:
            await asyncio.gather(*(_copied(system, mover) for mover in large))
            streams = worker.peak

        attached = await asyncio.to_thread(system.hire, "attached")
        await _with_files(attached, 2, _ATTACHED_BYTES)
        async with _worker(system, folder) as worker:
            await _copied(system, attached)
            parts = worker.peak
    aim = "aim", _AIM
    return [
        Row("a worker's peak memory: a small mailbox", "MB", nothing, *aim),
        Row(f"a worker's peak memory: {_LARGE} items of 30 MB in {_LARGE // 2} mailboxes", "MB", streams, *aim),
        Row("a worker's peak memory: an item with two attachments of 100 MB", "MB", parts, *aim),
    ]


async def _many(items: int, folders: int) -> list[Row]:
    rows: list[Row] = []
    async with whole_system() as (system, folder, url):
        full = await asyncio.to_thread(system.hire, "full")
        await fill(full.alpha, 1_000, items, folders=folders)
        for title, what in (
            ("copied", MAILBOX_ORDER_PASS),
            ("unchanged, every folder asked", MAILBOX_ORDER_PASS),
            ("listed anew", MAILBOX_ORDER_PASS),
            ("compared", MAILBOX_ORDER_PASS_AND_PROVE),
        ):
            if title == "listed anew":
                await _lose_states(url)
            async with _worker(system, folder) as worker:
                seconds = await _ordered(system, full, what)
                where = f"{items} items in {folders} folders" if folders > 1 else f"a folder of {items} items"
                rows.append(Row(f"a worker's peak memory: {where}, {title}", "MB", worker.peak, "aim", _AIM))
                rows.append(Row(f"{where}, {title}", "s", seconds, "items", items))
    return rows


async def _lose_states(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("UPDATE mailbox.folder SET sync_state = 'bm9uc2Vuc2U='")
    await connection.close()


def run(parts: Sequence[str] = ("items", "folder")) -> list[Row]:
    """Takes about ten minutes."""
    return [row for part in parts for row in asyncio.run(_items() if part == "items" else _many(*_CASES[part]))]


def main() -> None:
    from tests.bench.report import show

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("items", *_CASES))
    only = parser.parse_args().only
    show(run([only]) if only else run())


if __name__ == "__main__":
    main()
