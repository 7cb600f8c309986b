"""Connections to PostgreSQL go from hand to hand, and nothing goes with them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from isthmus_service import Pool, session
from isthmus_service.database import open_pool

_LOCK = "SELECT pg_try_advisory_lock(7)"
_LOCKS = (
    "SELECT count(*) FROM pg_locks JOIN pg_database ON database = pg_database.oid"
    " WHERE locktype = 'advisory' AND datname = current_database()"
)


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    pool, _ = await open_pool(database_url, "sessions", "test", [])
    async with pool:
        yield pool


async def test_a_session_ends_with_its_locks_and_listeners(pool: Pool) -> None:
    heard: list[object] = []
    async with session(pool) as connection:
        assert await connection.fetchval(_LOCK)
        await connection.add_listener("news", lambda *said: heard.append(said))
        assert await pool.fetchval(_LOCKS) == 1
    assert await pool.fetchval(_LOCKS) == 0
    await pool.execute("NOTIFY news")
    assert not heard


async def test_a_session_that_is_cut_off_ends_all_the_same(pool: Pool) -> None:
    held = asyncio.Event()

    async def hold() -> None:
        async with session(pool) as connection:
            assert await connection.fetchval(_LOCK)
            held.set()
            await connection.execute("SELECT pg_sleep(600)")

    task = asyncio.create_task(hold())
    await held.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await pool.fetchval(_LOCKS) == 0


async def test_every_connection_knows_arrays(pool: Pool) -> None:
    async def sent(connection: int) -> object:
        async with pool.acquire() as one:
            await barrier.wait()
            rows = await one.fetch("SELECT * FROM unnest($1::bytea[], $2::int8[])", [b"\0", b"b"], [1, connection])
            ranges = await one.fetchval("SELECT range_agg(int8range(1, $1))", connection)
        return [tuple(row) for row in rows], ranges[0].upper

    barrier = asyncio.Barrier(3)
    for found, number in zip(await asyncio.gather(*map(sent, (2, 3, 4))), (2, 3, 4), strict=True):
        assert found == ([(b"\0", 1), (b"b", number)], number)
