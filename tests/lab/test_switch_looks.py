"""What is looked for every second, and with every batch of events, is found without reading the rest."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from importlib.resources import files

import pytest
from isthmus.events.v1.mailbox_pb2 import MAILBOX_STATE_IN_STEP, MAILBOX_STATE_SWITCHED
from isthmus_events.handling import SEEN
from isthmus_service import Connection, Service, ServiceSettings
from isthmus_switch import asking
from isthmus_switch.saga import Side, Step

from tests.rows_read import rows_read

_MAILBOXES = 2000
_NOW = datetime(2026, 3, 1, tzinfo=UTC)
_LONG_AGO, _JUST_NOW = _NOW - timedelta(days=1), _NOW - timedelta(minutes=1)


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[Connection]:
    settings = ServiceSettings.model_validate({"database_url": database_url, "instance": "test"})
    async with Service("switch", settings) as service:
        pool = await service.database("switch", files("isthmus_switch") / "migrations")
        async with pool.acquire() as connection:
            yield connection


async def _switch(connection: Connection, pair_id: bytes, step: Step, side: Side, since: datetime) -> None:
    await connection.execute(
        """
        INSERT INTO switch (pair_id, request_id, side, requested_by, step, task, round, failures, step_since,
                            task_since, problem, note, arrived)
        VALUES ($1, '', $2, $3, $4, '', 0, 0, $5, $5, '', '', '{}')
        """,
        pair_id,
        side,
        asking.REQUESTED_BY,
        step,
        since,
    )


async def _stands(connection: Connection, pair_id: bytes, collection: str, state: int) -> None:
    await connection.execute("INSERT INTO mailbox VALUES ($1, $2, $3, 0, '')", pair_id, collection, state)


async def test_who_requests_a_switch(connection: Connection) -> None:
    for name, state, switched, asked in (
        (b"in step", MAILBOX_STATE_IN_STEP, None, None),
        (b"switched", MAILBOX_STATE_SWITCHED, (Step.DONE, Side.TARGET, _LONG_AGO), _LONG_AGO),
        (b"switched back", MAILBOX_STATE_IN_STEP, (Step.DONE, Side.SOURCE, _LONG_AGO), _LONG_AGO),
        (b"refused", MAILBOX_STATE_IN_STEP, (Step.REFUSED, Side.TARGET, _LONG_AGO), _LONG_AGO),
        (b"refused just now", MAILBOX_STATE_IN_STEP, (Step.REFUSED, Side.TARGET, _JUST_NOW), _LONG_AGO),
        (b"asked just now", MAILBOX_STATE_IN_STEP, None, _JUST_NOW),
    ):
        await _stands(connection, name, "by itself", state)
        if switched:
            await _switch(connection, name, *switched)
        if asked:
            await connection.execute("INSERT INTO self_request VALUES ($1, $2)", name, asked)
    await _stands(connection, b"of another one", "also by itself", MAILBOX_STATE_IN_STEP)
    await _stands(connection, b"by hand", "by hand", MAILBOX_STATE_IN_STEP)
    collections = ["by itself", "also by itself"]
    assert await asking.candidates(connection, collections, _NOW) == [b"in step", b"of another one", b"refused"]
    for number in range(19):
        await _switch(connection, b"running %d" % number, Step.PROOF, Side.TARGET, _LONG_AGO)
    assert await asking.candidates(connection, collections, _NOW) == [b"in step"]


@pytest.mark.parametrize("plans", ["auto", "force_generic_plan"])
async def test_of_many_who_wait_the_first_ones_are_read(connection: Connection, plans: str) -> None:
    await connection.execute(f"SET plan_cache_mode = {plans}")
    await connection.execute(
        "INSERT INTO mailbox SELECT int4send(n), 'by itself', CASE WHEN n % 2 = 0 THEN 3 ELSE 5 END, 0, ''"
        " FROM generate_series(1, $1::integer) AS n",
        _MAILBOXES,
    )
    for number in range(1, _MAILBOXES, 2):
        await _switch(connection, number.to_bytes(4, "big"), Step.DONE, Side.TARGET, _LONG_AGO)
    for _ in ("as they came", "counted"):
        found = asking.candidates(connection, ["by itself"], _NOW)
        assert await rows_read(connection, found) <= 100
        await connection.execute("ANALYZE")


@pytest.mark.parametrize("plans", ["auto", "force_generic_plan"])
async def test_no_key_is_read_but_those_that_are_heard_of(connection: Connection, plans: str) -> None:
    await connection.execute(f"SET plan_cache_mode = {plans}")
    wanted = [number.to_bytes(4, "big") for number in range(1, _MAILBOXES, 10)]
    for topic in ("before the count", "after it"):
        await connection.execute(
            "INSERT INTO consumer_seen SELECT 'group', $2, 'mailbox', int4send(n), n"
            " FROM generate_series(1, $1::integer) AS n",
            _MAILBOXES,
            topic,
        )
        asked = connection.fetch(SEEN, "group", topic, ["mailbox"] * len(wanted), wanted)
        assert await rows_read(connection, asked) == len(wanted)
        await connection.execute("ANALYZE")
