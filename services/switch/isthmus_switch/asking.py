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
    from isthmus_service import Pool, Service

REQUESTED_BY = "the collection, when in step"
_EVERY = 1.0
_AGAIN_AFTER = timedelta(minutes=15)
_AT_ONCE = 20
"""So many switches at most run because they requested themselves; the others wait for their turn."""

# Who has been switched, or switched back by hand, is left alone; who was refused is tried again after a while.
_CANDIDATES = """
    SELECT m.pair_id
    FROM mailbox m
    LEFT JOIN switch s USING (pair_id)
    LEFT JOIN self_request q USING (pair_id)
    WHERE m.state = $1 AND m.collection = ANY($2)
      AND (s.pair_id IS NULL OR (s.step = $3 AND s.side = $4 AND s.step_since < $5))
      AND (q.pair_id IS NULL OR q.requested_at < $5)
    ORDER BY m.pair_id
    LIMIT $6
"""
_RUNNING = "SELECT count(*) FROM switch WHERE step < $1 AND requested_by = $2"
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


async def _ask(service: Service[Any], pool: Pool, collections: list[str]) -> None:
    now = datetime.now(UTC)
    async with pool.acquire() as connection:
        running = await connection.fetchval(_RUNNING, Step.DONE, REQUESTED_BY)
        rows = await connection.fetch(
            _CANDIDATES,
            MAILBOX_STATE_IN_STEP,
            collections,
            Step.REFUSED,
            Side.TARGET,
            now - _AGAIN_AFTER,
            max(0, _AT_ONCE - running),
        )
        for row in rows:
            pair_id = row["pair_id"]
            async with connection.transaction():
                if not await connection.fetchval(_ONCE, pair_id, now, now - _AGAIN_AFTER):
                    continue  # another instance has asked for it
                request = SwitchRequested(
                    pair_id=pair_id, request_id=uuid4().bytes, side=SIDE_TARGET, requested_by=REQUESTED_BY
                )
                await publish(connection, SWITCH_REQUESTS, pair_id, request)
            service.log.info("a mailbox is in step and requests its switch", pair=pair_id.hex())
