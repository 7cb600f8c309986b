"""An account map that freezes, dies, and loses its database: whoever asks hears what was true within the last second,
or that nothing is known."""

from __future__ import annotations

import asyncio
import bisect
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

import asyncpg
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from isthmus.accounts.v1.accounts_pb2 import SIDE_SOURCE, SIDE_TARGET, Account, Pair
from isthmus_accountmap import store
from isthmus_accounts import AccountMap, AccountMapUnavailable, Identity, UnknownIdentity
from isthmus_cli.runner import postgres
from isthmus_cli.runner.ports import free_ports
from isthmus_service import Security, Service, ServiceSettings

from tests.processes import Process, ProgramProcess

BIN = Path(sys.executable).parent


def pair(name: str) -> Pair:
    source = Account(side=SIDE_SOURCE, primary_smtp_address=f"{name}@x.test")
    return Pair(id=uuid5(NAMESPACE_DNS, name).bytes, source=source)


async def fill(database_url: str, *names: str) -> None:
    settings = ServiceSettings.model_validate({"database_url": database_url, "log_level": "warning"})
    async with Service("accountmap", settings) as service:
        pool = await service.database("accountmap", files("isthmus_accountmap") / "migrations")
        async with pool.acquire() as connection, connection.transaction():
            for name in names:
                await store.take(connection, pair(name))


@dataclass
class Database:
    """A PostgreSQL server that one test may stop."""

    url: str
    process: ProgramProcess

    @asynccontextmanager
    async def away(self) -> AsyncIterator[None]:
        await asyncio.to_thread(self.process.stop)
        yield
        await asyncio.to_thread(self.process.start)


@pytest.fixture
def database(servers_folder: Path) -> Iterator[Database]:
    folder = servers_folder / "postgres-away"
    [port] = free_ports(1)
    process = ProgramProcess(postgres.prepare(folder, port, durable=False), folder / "log")
    process.start()
    try:
        yield Database(postgres.url(folder, port), process)
    finally:
        process.stop()


@dataclass
class Told:
    """What was acknowledged, and when: revisions rise, so that one list is enough."""

    at: list[float] = field(default_factory=list)
    revisions: list[int] = field(default_factory=list)

    def by(self, moment: float) -> int:
        """The last revision acknowledged by then."""
        place = bisect.bisect_right(self.at, moment)
        return self.revisions[place - 1] if place else 0


@pytest.fixture
def instance(start: Callable[..., Process]) -> Callable[[str, str], tuple[Process, str]]:
    """Start an account map, by a name and the URL of its database; the process and its address."""

    def begin(name: str, database_url: str) -> tuple[Process, str]:
        [port] = free_ports(1)
        environment = {"ISTHMUS_DATABASE_URL": database_url, "ISTHMUS_GRPC_PORT": str(port), "ISTHMUS_HTTP_PORT": "0"}
        # Nothing is said or heard here.
        process = start(name, str(BIN / "isthmus-accountmap"), ISTHMUS_KAFKA="127.0.0.1:1", **environment)
        return process, f"127.0.0.1:{port}"

    return begin


async def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.02)


async def test_nobody_hears_what_is_older_than_a_second(
    database: Database, instance: Callable[[str, str], tuple[Process, str]]
) -> None:
    await fill(database.url, "anna")
    identity, told, over = Identity(smtp_address="anna@x.test"), Told(), asyncio.Event()
    process, address = instance("asked", database.url)
    _, other = instance("told", database.url)  # goes on changing things while the one that is asked does not know
    answers = {"cache": 0, "service": 0, "nobody": 0}

    async def change(changing: AccountMap) -> None:
        side = SIDE_SOURCE
        while not over.is_set():
            side = SIDE_TARGET if side == SIDE_SOURCE else SIDE_SOURCE
            try:
                changed = await changing.set_active_side(pair("anna").id, side, "test")
            except AccountMapUnavailable:
                continue
            told.at.append(time.monotonic())
            told.revisions.append(changed.revision)
            await asyncio.sleep(0.01)

    async def ask(accounts: AccountMap) -> None:
        while not over.is_set():
            asked, cached = time.monotonic(), accounts.in_touch
            try:
                found = await accounts.resolve(identity)
            except AccountMapUnavailable:
                answers["nobody"] += 1
                continue
            answers["cache" if cached else "service"] += 1
            assert found.revision >= told.by(asked - 1.0), f"older than a second, cached: {cached}"
            await asyncio.sleep(0.003)

    async def becomes(wanted: int) -> None:
        """Until health checks are answered so."""
        async with Security().channel(address) as channel:
            stub: Any = health_pb2_grpc.HealthStub(channel)  # the stubs of grpcio know no asyncio
            deadline = time.monotonic() + 60
            while (await stub.Check(health_pb2.HealthCheckRequest(), timeout=30)).status != wanted:
                assert time.monotonic() < deadline, wanted
                await asyncio.sleep(0.1)

    async def disturb(accounts: AccountMap) -> None:
        for number in (signal.SIGSTOP, signal.SIGKILL, None):
            await until(lambda: accounts.in_touch, "in touch")
            before = answers["cache"]
            await until(lambda before=before: answers["cache"] > before + 20, "answers from the cache")  # type: ignore[misc]
            if number is None:
                async with database.away():
                    await until(lambda: not accounts.in_touch, "the database is away and nobody noticed")
                    await becomes(health_pb2.HealthCheckResponse.NOT_SERVING)
                    await asyncio.sleep(1)
                continue
            process.send(number)
            await until(lambda: not accounts.in_touch, f"{number.name} and nobody noticed")
            await asyncio.sleep(2)
            if number is signal.SIGSTOP:
                process.send(signal.SIGCONT)
            else:
                process.kill()
                process.start()
        await until(lambda: accounts.in_touch, "in touch again")

    async with AccountMap(address, deadline=1.5) as accounts, AccountMap(other, deadline=1.5) as changing:
        await until(lambda: accounts.in_touch and changing.in_touch, "both are up")
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(change(changing))
            tasks.create_task(ask(accounts))
            await disturb(accounts)
            over.set()
        await asyncio.sleep(1.1)  # an answer may be a second old
        # Not equal: a change whose acknowledgement did not arrive in time may have been made.
        assert (await accounts.resolve(identity)).revision >= told.revisions[-1]
    assert answers["nobody"], "none of this was felt"
    print(answers, len(told.at))


async def test_another_history_is_heard_from_its_beginning(
    database_url: str, instance: Callable[[str, str], tuple[Process, str]]
) -> None:
    """A database that was restored or made anew has revisions of the same numbers that mean something else."""
    await fill(database_url, "anna", "ben")
    process, address = instance("accountmap", database_url)
    async with AccountMap(address, deadline=60) as accounts:
        assert (await accounts.resolve(Identity(smtp_address="anna@x.test"))).revision == 1
        await until(lambda: accounts.in_touch, "in touch")
        process.kill()
        connection = await asyncpg.connect(database_url)
        await connection.execute("DROP SCHEMA accountmap CASCADE")
        await connection.close()
        await fill(database_url, "carl", "dora", "emil")
        process.start()
        await until(lambda: not accounts.in_touch, "cut off")
        await until(lambda: accounts.in_touch, "in touch")
        assert (await accounts.resolve(Identity(smtp_address="carl@x.test"))).revision == 1
        assert (await accounts.resolve(Identity(smtp_address="emil@x.test"))).revision == 3
        with pytest.raises(UnknownIdentity):
            await accounts.resolve(Identity(smtp_address="anna@x.test"))
