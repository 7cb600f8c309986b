"""PostgreSQL: the pool of connections of a service."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeAlias

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
)
"""PostgreSQL cannot be reached, or is being stopped or started: waiting helps.

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
}


async def open_pool(
    url: str, schema: str, application: str, migrations: list[Migration]
) -> tuple[Pool, list[Migration]]:
    """Migrate `schema`, then return a pool of up to 10 connections whose search_path it is, and what was applied.

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
    pool = await asyncpg.create_pool(url, min_size=1, max_size=_CONNECTIONS, server_settings=settings)
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
