"""Switches that request themselves: mailboxes that are in step, in collections whose project says "when-in-step"."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from isthmus.accounts.v1.accounts_pb2 import SIDE_TARGET
from isthmus.events.v1.mailbox_pb2 import MAILBOX_STATE_IN_STEP
from isthmus.events.v1.switch_pb2 import SwitchRequested
from isthmus_events import publish
from isthmus_events.topics import SWITCH_REQUESTS
from isthmus_service import DATABASE_ERRORS

from .project import current_project
from .saga import Side, Step

if TYPE_CHECKING:
    from isthmus.events.v1.project_pb2 import ProjectApplied
    from isthmus_events import Table
    from isthmus_service import Connection, Pool, Service

REQUESTED_BY = "the collection, when in step"
_EVERY = 1.0
_AGAIN_AFTER = timedelta(minutes=15)
_AT_ONCE = 20
"""So many switches at most run because they requested themselves; the others wait for their turn."""

# Who has been switched, or switched back by hand, is left alone; who was refused is tried again after a while. Those of
# a collection are looked at one after the other until there are enough, each by itself; a join would read all of them.
# The numbers are those of the indexes.
_CANDIDATES = f"""
    SELECT found.pair_id
    FROM unnest($1::text[]) AS wanted (collection), LATERAL (
        SELECT m.pair_id
        FROM mailbox m
        LEFT JOIN LATERAL (SELECT * FROM switch WHERE pair_id = m.pair_id OFFSET 0) AS s ON true
        LEFT JOIN LATERAL (SELECT * FROM self_request WHERE pair_id = m.pair_id OFFSET 0) AS q ON true
        WHERE m.state = {MAILBOX_STATE_IN_STEP} AND m.collection = wanted.collection
          AND (s.pair_id IS NULL OR (s.step = $2 AND s.side = $3 AND s.step_since < $4))
          AND (q.pair_id IS NULL OR q.requested_at < $4)
        ORDER BY m.pair_id
        LIMIT $5
    ) AS found
    ORDER BY found.pair_id
    LIMIT $5
"""  # noqa: S608
_RUNNING = f"SELECT count(*) FROM switch WHERE step < {Step.DONE.value} AND requested_by = $1"  # noqa: S608
_ONCE = """
    INSERT INTO self_request AS known VALUES ($1, $2)
    ON CONFLICT (pair_id) DO UPDATE SET requested_at = excluded.requested_at WHERE known.requested_at < $3
    RETURNING true
"""


async def ask_for_switches(service: Service[Any], pool: Pool, projects: Table[ProjectApplied]) -> None:
    """Until cancelled: looks every second whether somebody's time has come."""
    await projects.filled()
    while True:
        collections = _by_themselves(projects)
        if collections:
            try:
                await _ask(service, pool, collections)
            except DATABASE_ERRORS as error:
                service.log.warning("PostgreSQL is away", reason=repr(error))
        await asyncio.sleep(_EVERY)


def _by_themselves(projects: Table[ProjectApplied]) -> list[str]:
    try:
        project = current_project(projects)
    except LookupError:  # who asks for a switch by hand is told so
        return []
    return [collection.name for collection in project.collections if collection.switch == "when-in-step"]


async def candidates(connection: Connection, collections: list[str], now: datetime) -> list[bytes]:
    """Mailboxes of these collections whose time has come, as many as there are places for."""
    running = await connection.fetchval(_RUNNING, REQUESTED_BY)
    places = max(0, _AT_ONCE - running)
    rows = await connection.fetch(_CANDIDATES, collections, Step.REFUSED, Side.TARGET, now - _AGAIN_AFTER, places)
    return [row["pair_id"] for row in rows]


async def _ask(service: Service[Any], pool: Pool, collections: list[str]) -> None:
    now = datetime.now(UTC)
    async with pool.acquire() as connection:
        for pair_id in await candidates(connection, collections, now):
            async with connection.transaction():
                if not await connection.fetchval(_ONCE, pair_id, now, now - _AGAIN_AFTER):
                    continue  # another instance has asked for it
                request = SwitchRequested(
                    pair_id=pair_id, request_id=uuid4().bytes, side=SIDE_TARGET, requested_by=REQUESTED_BY
                )
                await publish(connection, SWITCH_REQUESTS, pair_id, request)
            service.log.info("a mailbox is in step and requests its switch", pair=pair_id.hex())
