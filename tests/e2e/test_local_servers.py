"""Kafka and PostgreSQL as local processes: what the runner relies on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest
from isthmus_cli.runner import postgres as postgres_runner
from isthmus_cli.runner.ports import free_ports

from tests.processes import ProgramProcess


async def test_postgres_asks_for_the_password(postgres: Callable[[str], str]) -> None:
    connection = await asyncpg.connect(postgres("isthmus"))
    assert await connection.fetchval("SELECT current_user") == "isthmus"
    await connection.close()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(postgres("isthmus"), password="guessed")


async def test_postgres_keeps_its_data_over_a_kill_and_a_change_of_ports(servers_folder: Path) -> None:
    folder = servers_folder / "postgres-killed"
    [port] = free_ports(1)
    server = ProgramProcess(postgres_runner.prepare(folder, port), folder / "log")
    server.start()
    connection = await asyncpg.connect(postgres_runner.url(folder, port))
    await connection.execute("CREATE TABLE kept (a int); INSERT INTO kept VALUES (1)")
    server.kill()
    [port] = free_ports(1)
    server = ProgramProcess(postgres_runner.prepare(folder, port), folder / "log")
    server.start()
    connection = await asyncpg.connect(postgres_runner.url(folder, port))
    assert await connection.fetchval("SELECT a FROM kept") == 1
    # A client that stays must not keep the server from stopping.
    server.stop(seconds=10)
    assert connection.is_closed() or not await _answers(connection)


async def _answers(connection: asyncpg.Connection[asyncpg.Record]) -> bool:
    try:
        return bool(await connection.fetchval("SELECT true"))
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        return False
