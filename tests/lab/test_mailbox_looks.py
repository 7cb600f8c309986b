"""What a worker looks for again and again, and what people page through, costs no look at every mailbox."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from isthmus.accounts.v1.accounts_pb2 import Pair
from isthmus_mailbox import boxes
from isthmus_mailbox.answering import Answers
from isthmus_service import Connection, Pool

from tests.rows_read import rows_read

_MAILBOXES = 500
_ASIDE, _FOUND = 3, 20
"""Rows of each sort that are looked for; rows that may be read for them, with what is joined to them."""


async def _add(connection: Connection, pair_id: bytes, **columns: object) -> None:
    values: dict[str, object] = {
        "pair_id": pair_id,
        "pair": Pair(id=pair_id).SerializeToString(),
        "partition": 0,
        "collection": "open",
        "wanted": True,
        "switched": False,
        "passes": 1,
    } | columns
    places = ", ".join(f"${number}" for number in range(1, len(values) + 1))
    await connection.execute(f"INSERT INTO mailbox ({', '.join(values)}) VALUES ({places})", *values.values())


async def _order(connection: Connection, pair_id: bytes) -> None:
    await connection.execute("INSERT INTO mailbox_order (pair_id, request_id, what) VALUES ($1, $1, 1)", pair_id)


@pytest.fixture(params=["as they came", "counted"])
async def connection(ledgers: Pool, request: pytest.FixtureRequest) -> AsyncIterator[Connection]:
    """With many mailboxes that rest, or are switched, and a few that somebody ordered, or that are paused."""
    async with ledgers.acquire() as connection:
        await connection.execute(
            """
            INSERT INTO mailbox (pair_id, partition, pair, collection, wanted, switched, passes, due)
            SELECT int4send(n), n % 4, '', 'open', true, n % 2 = 0, 1,
                   CASE WHEN n % 2 = 0 THEN now() ELSE now() + interval '1 hour' END
            FROM generate_series(1, $1::integer) AS n
            """,
            _MAILBOXES,
        )
        await connection.execute(
            """
            INSERT INTO work (pair_id, source_id, folder, work, search_key, size, associated, is_read, change_key,
                              modified, attempts, not_before, reason, sequence)
            SELECT int4send(n), 'item', 1, 1, '', 1, false, false, '', '', 0, 0,
                   CASE WHEN n <= $2::integer THEN 'refused' ELSE '' END, n
            FROM generate_series(1, $1::integer) AS n
            """,
            _MAILBOXES,
            _ASIDE,
        )
        for number in range(_ASIDE):
            await _order(connection, number.to_bytes(4, "big"))
            await _add(connection, b"paused%d" % number, paused=True)
        if request.param == "counted":
            await connection.execute("ANALYZE")
        yield connection


async def test_of_mailboxes_that_rest_none_is_read(connection: Connection) -> None:
    pool = cast("Pool", connection)
    partitions = [0, 1, 2, 3]
    looks = {
        "due": boxes.due(pool, partitions, [], most=10, priorities={"open": 1}),
        "closed": boxes.closed(pool, partitions, ["open"], ["open"]),
        "paused": boxes.paused(pool, partitions),
    }
    read = {name: await rows_read(connection, look) for name, look in looks.items()}
    assert all(rows <= _FOUND for rows in read.values()), read


async def test_a_page_of_what_is_set_aside_reads_no_other_work(connection: Connection) -> None:
    application = web.Application()
    Answers(cast("Pool", connection), cast("Any", None)).add_to(application)
    async with TestClient(TestServer(application)) as client:

        async def ask() -> None:
            async with client.get("/api/v1/setaside") as response:
                assert [each["number"] for each in (await response.json())["items"]] == [1, 2, 3]

        assert await rows_read(connection, ask()) <= _FOUND


async def test_whose_turn_it_is(ledgers: Pool) -> None:
    async with ledgers.acquire() as connection:
        later = await connection.fetchval("SELECT now() + interval '1 hour'")
        await _add(connection, b"due")
        await _add(connection, b"rests", due=later)
        await _add(connection, b"ordered", due=later)
        await _add(connection, b"ordered, and due", collection="closed")
        await _add(connection, b"ordered, and failed", due=later, failures=1)
        await _add(connection, b"ordered, and locked", collection="locked")
        await _add(connection, b"ordered, and paused", paused=True)
        await _add(connection, b"ordered, and switched", switched=True)
        await _add(connection, b"ordered, elsewhere", partition=1)
        await _add(connection, b"switched", switched=True)
        await _add(connection, b"closed", collection="closed")
        await _add(connection, b"first", passes=0)
        await _add(connection, b"first, and no place", passes=0, collection="full")
        await _add(connection, b"copied, and no place", collection="full")
        await _add(connection, b"runs")
        for each in await connection.fetch("SELECT pair_id FROM mailbox WHERE pair_id LIKE 'ordered%'"):
            await _order(connection, each["pair_id"])
    found, in_all = await boxes.due(
        ledgers,
        [0],
        [b"runs"],
        most=10,
        priorities={"open": 2, "full": 3, "closed": 1},
        closed=["closed", "locked"],
        closed_to_orders=["locked"],
        full=["full"],
    )
    names = [box.id.decode() for box in found]
    assert in_all == len(names)
    assert names[0] == "ordered, and due"
    assert set(names[1:3]) == {"ordered", "ordered, and switched"}
    assert set(names[3:5]) == {"due", "first"}
    assert names[5:] == ["copied, and no place"]
    assert {box.id: [order.request_id for order in box.orders] for box in found if box.orders} == {
        name: [name] for name in (b"ordered", b"ordered, and due", b"ordered, and switched")
    }
