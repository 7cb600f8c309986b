"""Orders for the instance at work: any instance takes one, the one that holds the project's lock carries it out.

An order counts as long as somebody waits for it: whoever took it says so again and again, and nothing is done for a
caller who is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from typing import TYPE_CHECKING, TypeVar

from google.protobuf.any_pb2 import Any

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from isthmus_service import Connection, Pool

M = TypeVar("M", bound="Message")

_LOOK_SECONDS = 0.1
_WAITS = "waiting_at > clock_timestamp() - interval '10 seconds'"


async def place(pool: Pool, project: str, request: Message, response_type: type[M]) -> M:
    """Have a request carried out and return its response, however long that takes."""
    order, packed = uuid.uuid4().bytes, Any()
    packed.Pack(request)
    async with pool.acquire() as connection:
        await connection.execute(
            'INSERT INTO "order" (id, project, request) VALUES ($1, $2, $3)',
            order,
            project,
            packed.SerializeToString(),
        )
    try:
        while True:
            async with pool.acquire() as connection:
                response = await connection.fetchval(
                    'UPDATE "order" SET waiting_at = clock_timestamp() WHERE id = $1 RETURNING response', order
                )
            if response is not None:
                return response_type.FromString(response)
            await asyncio.sleep(_LOOK_SECONDS)
    finally:
        with contextlib.suppress(Exception):  # an order that stays is not carried out any more
            async with pool.acquire() as connection:
                await connection.execute('DELETE FROM "order" WHERE id = $1', order)


async def open_orders(connection: Connection, project: str) -> list[tuple[bytes, Any]]:
    """Orders for which somebody waits, oldest first."""
    rows = await connection.fetch(
        f'SELECT id, request FROM "order" WHERE project = $1 AND response IS NULL AND {_WAITS} ORDER BY at',  # noqa: S608
        project,
    )
    return [(row["id"], Any.FromString(row["request"])) for row in rows]


async def answer(connection: Connection, order: bytes, response: Message) -> None:
    await connection.execute('UPDATE "order" SET response = $2 WHERE id = $1', order, response.SerializeToString())


async def anything_asked(connection: Connection, project: str) -> bool:
    """Whether an order waits, or somebody let pass what the guard stopped."""
    found: bool = await connection.fetchval(
        f"""
        SELECT EXISTS (SELECT 1 FROM "order" WHERE project = $1 AND response IS NULL AND {_WAITS})
            OR EXISTS (SELECT 1 FROM stopped WHERE project = $1 AND allowed_at IS NOT NULL)
        """,  # noqa: S608
        project,
    )
    return found
