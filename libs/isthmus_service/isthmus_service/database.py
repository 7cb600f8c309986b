"""PostgreSQL: the pool of connections of a service."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import asyncpg

from isthmus_service.migrations import Migration, migrate
from isthmus_service.settings import ConfigurationError

if TYPE_CHECKING:
    import asyncpg.pool

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"

DATABASE_AWAY = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.exceptions.OperatorInterventionError,
    asyncpg.exceptions.InsufficientResourcesError,
)
"""PostgreSQL cannot be reached, is being stopped or started, or its disk is full: waiting helps.

InternalClientError is one of them because asyncpg may hand out a connection that was closed in the middle of its reset,
and then says "cannot switch to state …; another operation is in progress".
"""

DATABASE_ERRORS = (asyncpg.PostgresError, *DATABASE_AWAY)
"""Whatever a statement can end with."""

_OLDEST = 15
_CONNECTIONS = 10

_SESSION = {
    # A frozen process must not keep its locks, and with them a partition, for ever.
    "idle_in_transaction_session_timeout": "60s",
    # A machine that vanished without a word is noticed after 25 s, and its locks are free.
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    # What looks expensive would be compiled, for some 200 ms; what is looked up here by keys never gains as much.
    "jit": "off",
}


_OF_DATABASES = 10_000
"""From this number on types are not PostgreSQL's own, and another database may have others by these numbers."""
_ARRAYS = "SELECT NULL::boolean[], NULL::smallint[], NULL::integer[], NULL::bigint[], NULL::float8[], NULL::bytea[]"
"""Mentions the types that statements here take; text[] is known to asyncpg."""
_RESET_SECONDS = 10.0


class _Connection(asyncpg.Connection):
    """Learns what PostgreSQL's own types of arrays are once a process: asking takes it 20 ms, and asyncpg does on every
    connection anew.
    """

    _learned: ClassVar[dict[int, asyncpg.Record]] = {}
    _asked_with: ClassVar[Any] = None

    async def _introspect_types(self, typeoids: Iterable[int], timeout: float) -> Any:  # noqa: ASYNC109 - asyncpg's
        wanted = set(typeoids)
        if wanted <= self._learned.keys():
            return list(self._learned.values()), self._asked_with
        types, statement = await super()._introspect_types(typeoids, timeout)  # type: ignore[misc]
        if all(each["oid"] < _OF_DATABASES for each in types):
            self._learned.update((each["oid"], each) for each in types)
            _Connection._asked_with = statement
        return types, statement


async def _as_it_is(_: object) -> None:
    """No question to PostgreSQL before a connection goes to the next one: nobody leaves anything behind in a session
    but who has it to himself (`session`). Transactions are ended all the same.
    """


@contextlib.asynccontextmanager
async def session(pool: Pool) -> AsyncIterator[Connection]:
    """A connection for what lasts longer than a transaction: advisory locks, listeners. They end with the block."""
    async with pool.acquire() as connection:
        try:
            yield connection
        finally:
            try:
                await connection.reset(timeout=_RESET_SECONDS)
            except BaseException:
                with contextlib.suppress(asyncpg.InterfaceError):  # it broke, and is not ours any more
                    connection.terminate()
                raise


async def open_pool(
    url: str, schema: str, application: str, migrations: list[Migration], more: Mapping[str, str] | None = None
) -> tuple[Pool, list[Migration]]:
    """Migrate `schema`, then return a pool of up to 10 connections whose search_path it is, and what was applied.
    `more`: PostgreSQL's settings for each of them.

    Raises OSError or asyncpg.PostgresError when the server is away, MigrationError, ConfigurationError.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", schema):
        raise ConfigurationError(f"{schema!r} cannot be the name of a schema")
    settings = {**_SESSION, "search_path": schema, "application_name": application}
    connection = await asyncpg.connect(url, server_settings=settings, timeout=10)
    try:
        version = connection.get_server_version()
        if version.major < _OLDEST:
            raise ConfigurationError(f"PostgreSQL {version.major} is too old: {_OLDEST} or newer is needed")
        applied = await migrate(connection, schema, migrations)
    finally:
        await connection.close()
    pool = await asyncpg.create_pool(
        url,
        min_size=1,
        max_size=_CONNECTIONS,
        connection_class=_Connection,
        reset=_as_it_is,
        server_settings=settings | dict(more or {}),
    )
    await pool.fetch(_ARRAYS)  # before many connections need them at the same moment
    return pool, applied


@contextlib.contextmanager
def cancellation_first() -> Iterator[None]:
    """Around what is begun again when PostgreSQL was away. Cleaning up on a connection that broke raises an error that
    would hide the cancellation of its task, which would begin again for ever."""
    try:
        yield
    except Exception as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError from error
        raise
