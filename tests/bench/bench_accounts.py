"""The account map in figures: lookups one by one, from the cache and from the service, and ten thousand at once.

One client process, one account map, one PostgreSQL with 10,000 pairs. Beside the service's single lookups stand a bare
gRPC server that answers the same bytes without looking, and the same question to PostgreSQL by asyncpg; beside the
batch, the same statement without gRPC. Every rate is the better of two rounds.
"""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from uuid import NAMESPACE_DNS, uuid5

import asyncpg
from isthmus.accounts.v1.accounts_pb2 import (
    RECIPIENT_KIND_USER,
    SIDE_SOURCE,
    SIDE_TARGET,
    Account,
    Identity,
    Pair,
    ResolveRequest,
    Side,
)
from isthmus.accounts.v1.accounts_pb2_grpc import AccountMapServiceStub
from isthmus_accountmap import store
from isthmus_accounts import AccountMap, metrics
from isthmus_accounts.names import asked
from isthmus_cli.runner import postgres
from isthmus_cli.runner.ports import free_ports
from isthmus_lab.program import Program, running
from isthmus_service import Security, Service, ServiceSettings

from tests.bench.report import Row

_PAIRS = 10_000
_BATCH = 10_000
_AT_ONCE = 32
_ROUNDS = 2


class Uncached(AccountMap):
    """A client that trusts no cache."""

    in_touch = property(lambda _: False)


@dataclass(frozen=True)
class Rate:
    """How fast something went, `_AT_ONCE` at a time."""

    per_second: float
    p50: float
    p99: float
    """Milliseconds."""


def made(number: int) -> Pair:
    """A pair as large as those of real directories."""

    def account(side: Side.ValueType, forest: str) -> Account:
        name = f"first.last{number:05}"
        return Account(
            side=side,
            object_guid=uuid5(NAMESPACE_DNS, f"{forest}/{name}").bytes_le,
            object_sid=f"S-1-5-21-1004336348-1177238915-{side}-{number}",
            distinguished_name=f"CN=Last {number}\\, First,OU=People,OU=Site {number % 40},DC={forest},DC=example",
            display_name=f"First Last {number}",
            primary_smtp_address=f"{name}@{forest}.example",
            smtp_addresses=[f"{name}@{forest}.example", f"{name}@{forest}.mail.example", f"f{number}@old.example"],
            legacy_exchange_dn=f"/o={forest}/ou=Exchange Administrative Group/cn=Recipients/cn={name}",
            x500_addresses=[f"/o=first organisation/ou=site {number % 40}/cn=recipients/cn={name}"],
            user_principal_name=f"{name}@{forest}.example",
            sam_account_name=f"u{number:05}",
            mailbox_guid=uuid5(NAMESPACE_DNS, f"box/{forest}/{name}").bytes_le,
        )

    source, target = account(SIDE_SOURCE, "alpha"), account(SIDE_TARGET, "beta")
    return Pair(
        id=uuid5(NAMESPACE_DNS, str(number)).bytes,
        kind=RECIPIENT_KIND_USER,
        source=source,
        target=target,
        collection="people",
    )


@asynccontextmanager
async def account_map(folder: Path) -> AsyncIterator[tuple[str, str]]:
    """A running account map that is full: its address, and its database's."""
    database_port, grpc_port, http_port = free_ports(3)
    with running(postgres.prepare(folder / "postgres", database_port), log_folder=folder):
        url = postgres.url(folder / "postgres", database_port, "isthmus")
        settings = ServiceSettings.model_validate({"database_url": url, "log_level": "warning"})
        async with Service("accountmap", settings) as service:
            pool = await service.database("accountmap", files("isthmus_accountmap") / "migrations")
            for start in range(0, _PAIRS, 500):
                async with pool.acquire() as connection, connection.transaction():
                    for number in range(start, start + 500):
                        await store.take(connection, made(number))
            await pool.execute("ANALYZE")
        program = Program(
            name="accountmap",
            command=(str(Path(sys.executable).parent / "isthmus-accountmap"),),
            folder=folder,
            ready=lambda: None,
            environment={
                "ISTHMUS_DATABASE_URL": url,
                "ISTHMUS_GRPC_PORT": str(grpc_port),
                "ISTHMUS_HTTP_PORT": str(http_port),
                "ISTHMUS_KAFKA": "127.0.0.1:1",  # nothing is said or heard here
            },
        )
        with running(program, log_folder=folder):
            yield f"127.0.0.1:{grpc_port}", url


@contextmanager
def echo(folder: Path) -> Iterator[str]:
    """The address of the server that answers without looking."""
    file = folder / "pair"
    file.write_bytes(made(1).SerializeToString())
    command, pipe = (sys.executable, "-m", "tests.bench.echo_server", str(file)), subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            yield f"127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.stdin.close()


async def rate(count: int, ask: Callable[[Identity], Awaitable[object]]) -> Rate:
    """`count` lookups, the better of the rounds."""
    found: list[Rate] = []
    for number in range(_ROUNDS):
        chosen = random.Random(number).choices(range(_PAIRS), k=count)
        questions = iter([Identity(smtp_address=f"first.last{each:05}@alpha.example") for each in chosen])
        times: list[float] = []

        async def one(questions: Iterator[Identity] = questions, times: list[float] = times) -> None:
            for question in questions:
                began = time.perf_counter()
                await ask(question)
                times.append(time.perf_counter() - began)
                if not len(times) % 500:
                    await asyncio.sleep(0)  # answers from memory wait for nothing, and others want to work, too

        began = time.perf_counter()
        await asyncio.gather(*(one() for _ in range(_AT_ONCE)))
        seconds = time.perf_counter() - began
        times.sort()
        found.append(Rate(count / seconds, 1e3 * times[count // 2], 1e3 * times[count * 99 // 100]))
    return max(found, key=lambda each: each.per_second)


async def milliseconds(work: Callable[[], Awaitable[object]]) -> float:
    """The best of five."""
    found = []
    for _ in range(5):
        began = time.perf_counter()
        await work()
        found.append(time.perf_counter() - began)
    return 1e3 * min(found)


async def from_cache(accounts: AccountMap) -> Rate:
    """Lookups answered by the cache alone. On a machine so busy that the service is not heard of for a second the
    client asks instead of trusting it, which is right but is not what is measured: then it is done again."""
    for _ in range(10):
        while not accounts.in_touch:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.01)
        asked_before = metrics.FROM_SERVICE.collect()
        found = await rate(100_000, accounts.resolve)
        if metrics.FROM_SERVICE.collect() == asked_before:
            return found
    raise AssertionError("the account map was out of touch in each of ten measurements")


async def measure(address: str, url: str, echo_address: str) -> list[Row]:
    """All figures."""
    batch = [Identity(smtp_address=f"first.last{number:05}@beta.example") for number in range(_BATCH)]
    async with AccountMap(address) as accounts:
        await accounts.filled()
        cached = await from_cache(accounts)
        cached_batch = await milliseconds(lambda: accounts.resolve_batch(batch))
    async with Uncached(address) as accounts:
        await accounts.resolve(batch[0])
        uncached = await rate(10_000, accounts.resolve)
        answer = await accounts.resolve_batch(batch)
        assert not answer.unknown and not answer.ambiguous
        uncached_batch = await milliseconds(lambda: accounts.resolve_batch(batch))
    async with Security().channel(address) as channel:
        stub = AccountMapServiceStub(channel)
        single = await rate(10_000, lambda identity: stub.Resolve(ResolveRequest(identity=identity)))
    async with Security().channel(echo_address) as channel:
        stub = AccountMapServiceStub(channel)
        bare = await rate(10_000, lambda identity: stub.Resolve(ResolveRequest(identity=identity)))
    kinds, values, sides = zip(*[name for each in batch if (name := asked(each))], strict=True)
    statement = "SELECT document FROM name JOIN pair ON pair.id = pair_id WHERE kind = $1 AND value = $2"
    settings = {"search_path": "accountmap"}
    async with asyncpg.create_pool(url, min_size=10, max_size=10, server_settings=settings) as pool:

        async def plain(identity: Identity) -> Pair:
            name = asked(identity)
            assert name is not None
            return Pair.FromString(await pool.fetchval(statement, name.kind, name.value))

        direct = await rate(10_000, plain)
        statement_alone = await milliseconds(lambda: pool.fetch(store.RESOLVE, kinds, values, sides))
    return [
        Row("account map: single lookups from the cache", "1/s", cached.per_second, "the aim", 20_000),
        Row("account map: single lookups asked of the service", "1/s", uncached.per_second, "the aim", 3_000),
        Row("account map: the same", "1/s", uncached.per_second, "asyncpg, no service", direct.per_second),
        Row(f"account map: the same, {_AT_ONCE} at a time, p50", "ms", uncached.p50, "asyncpg, no service", direct.p50),
        Row(f"account map: the same, {_AT_ONCE} at a time, p99", "ms", uncached.p99, "asyncpg, no service", direct.p99),
        Row("account map: one call for each lookup", "1/s", single.per_second, "bare gRPC", bare.per_second),
        Row(f"account map: the same, {_AT_ONCE} at a time, p99", "ms", single.p99, "bare gRPC", bare.p99),
        Row("account map: 10,000 identities at once", "ms", uncached_batch, "the aim", 300),
        Row("account map: the same", "ms", uncached_batch, "the statement alone", statement_alone),
        Row("account map: 10,000 identities from the cache", "ms", cached_batch, "the service", uncached_batch),
    ]


async def _run(folder: Path) -> list[Row]:
    async with account_map(folder) as (address, url):
        with echo(folder) as echo_address:
            return await measure(address, url, echo_address)


def run() -> list[Row]:
    """Everything; takes about a minute, most of it for filling the database."""
    with tempfile.TemporaryDirectory(prefix="isthmus-bench-") as folder:
        Path(folder).chmod(0o755)  # PostgreSQL runs as a user of its own
        return asyncio.run(_run(Path(folder)))


if __name__ == "__main__":
    from tests.bench.report import show

    show(run())
