"""A task that is cancelled ends, whatever its connection to PostgreSQL says meanwhile."""

from __future__ import annotations

import asyncio
import contextlib

import asyncpg
import pytest
from isthmus_service import DATABASE_ERRORS, cancellation_first


async def _work() -> None:
    """As long as it is wanted; its connection breaks in the very moment in which it is cancelled."""
    try:
        await asyncio.Event().wait()
    finally:
        raise asyncpg.InterfaceError("connection has been released back to the pool")


async def test_a_cancellation_is_not_hidden_by_a_connection_that_broke() -> None:
    async def again_and_again() -> None:
        while True:
            with contextlib.suppress(*DATABASE_ERRORS), cancellation_first():
                await _work()

    task = asyncio.create_task(again_and_again())
    await asyncio.sleep(0)
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=5)
    assert done
    assert task.cancelled()


async def test_what_breaks_by_itself_is_told() -> None:
    with pytest.raises(ConnectionResetError), cancellation_first():
        raise ConnectionResetError
