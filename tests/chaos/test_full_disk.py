"""A disk is full in the middle of a batch, and has room again later: the migration waits, says why, and ends equal."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest
from isthmus.events.v1.mailbox_pb2 import MAILBOX_ORDER_PASS_AND_PROVE
from isthmus_cli.runner import kafka, postgres
from isthmus_cli.runner.ports import free_ports
from isthmus_events.topics import ACCOUNT_PAIRS
from isthmus_exchange.operations import CreateFolder

from tests.conftest import Broker
from tests.lab.copying import contents, listing, put, role, stream
from tests.lab.mailbox_system import PROGRAM, MailboxSystem, Mover, mailbox_system
from tests.plugins.conditions import conditions
from tests.plugins.exchange import Office
from tests.processes import Process, ProgramProcess, readiness
from tests.waiting import eventually

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a disk")

_ITEMS = 2000
_NO_ROOM = "No space left on device"


class Disk:
    """A disk of its own in memory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Leave no byte free."""
        with self._ballast.open("ab", buffering=0) as ballast:
            for size in (2**20, 4096):
                try:
                    while ballast.write(bytes(size)) == size:
                        pass
                except OSError:
                    continue

    def free(self) -> None:
        """Give back what `fill` took."""
        self._ballast.unlink()


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Disk]:
    """A disk of that size, mounted on the folder."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "tmpfs", folder], check=True)
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


async def _fill(mover: Mover) -> None:
    inbox = await role(mover.alpha, "inbox")
    folder = await mover.alpha.call(CreateFolder(inbox, "Travel", "IPF.Note"))
    for start in range(0, _ITEMS, 100):
        place = inbox if start % 200 else folder
        await put(mover.alpha, place, *(stream(f"Letter {start + number}", size=1000) for number in range(100)))


async def _fill_midway(system: MailboxSystem, mover: Mover, disk: Disk) -> None:
    """Fill the disk while batches of the first pass are under way."""
    inbox = await role(mover.beta, "inbox")
    with conditions(system.office.exchanges.beta, delay={"item_ms": {"UploadItems": 10}}):
        await system.say(ACCOUNT_PAIRS, mover.id, mover.pair())

        async def some() -> bool:
            return len(await listing(mover.beta, inbox)) >= 100

        await eventually(some, 60)
        disk.fill()
        assert len(await listing(mover.beta, inbox)) < _ITEMS // 2


async def _ends_equal(system: MailboxSystem, mover: Mover) -> None:
    done = await system.answer(mover, await system.order(mover, MAILBOX_ORDER_PASS_AND_PROVE))
    assert done.proof.equal
    assert await contents(mover.beta) == await contents(mover.alpha)


@pytest.mark.parametrize("of", ["tables", "log"])
async def test_postgresql_has_no_room(
    broker: Broker, office: Office, tmp_path: Path, start: Callable[..., Process], of: str
) -> None:
    with small_disk(tmp_path / "disk", 160) as disk:
        [port] = free_ports(1)
        folder = disk.folder / "postgres"
        server = ProgramProcess(postgres.prepare(folder, port), tmp_path / "postgres.log")
        server.start()
        url = postgres.url(folder, port)
        async with mailbox_system(office, broker.bootstrap, url, tmp_path) as system:
            anna = system.hire("anna")
            await _fill(anna)
            worker = start("mailbox", PROGRAM, **system.settings)
            await _fill_midway(system, anna, disk)
            if of == "log":
                await _write_ahead(url)

            async def told() -> bool:
                # Without room for its log it stops altogether, and whoever runs it starts it again.
                return not server.alive() if of == "log" else any(_NO_ROOM in each.problem for each in anna.progress)

            await eventually(told, 30)
            assert worker.alive()
            disk.free()
            if of == "log":
                server.start()
            await _ends_equal(system, anna)
            assert worker.alive()
            assert not any("an error of Isthmus" in each.problem for each in anna.progress)
        server.stop()


async def _write_ahead(url: str) -> None:
    """Fill what is left of the write-ahead log."""
    connection = await asyncpg.connect(url)
    with contextlib.suppress(asyncpg.PostgresError, OSError):
        while True:
            await connection.execute("SELECT pg_logical_emit_message(false, '', repeat('x', 1000000))")


async def test_kafka_has_no_room(
    office: Office, database_url: str, tmp_path: Path, start: Callable[..., Process]
) -> None:
    with small_disk(tmp_path / "disk", 64) as disk:
        port, controller_port, health = free_ports(3)
        server = ProgramProcess(kafka.prepare(disk.folder / "kafka", port, controller_port), tmp_path / "kafka.log")
        server.start()
        async with mailbox_system(office, f"127.0.0.1:{port}", database_url, tmp_path) as system:
            anna = system.hire("anna")
            await _fill(anna)
            worker = start("mailbox", PROGRAM, **system.settings, ISTHMUS_HTTP_PORT=str(health))
            await _fill_midway(system, anna, disk)

            async def told() -> bool:
                status, waiting = await asyncio.to_thread(readiness, health)
                return not server.alive() and status == 503 and "outbox" in waiting

            await eventually(told, 40)
            disk.free()
            server.start()
            await _ends_equal(system, anna)
            assert worker.alive()
        server.stop()
