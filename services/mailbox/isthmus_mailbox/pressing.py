"""Holds the requests of this process to what the project allows at this hour, and says what holds work up."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from isthmus.events.v1 import mailbox_pb2
from isthmus.events.v1.mailbox_pb2 import WorkerPressure
from isthmus_events import publish
from isthmus_events.topics import MAILBOX_PRESSURE
from isthmus_exchange.governor import Governor, Limited
from isthmus_exchange.limiting import Limit
from isthmus_service import DATABASE_AWAY, Pool, Service

from isthmus_mailbox import telling
from isthmus_mailbox.boxes import Box
from isthmus_mailbox.hours import Waiting
from isthmus_mailbox.organisations import Organisations

_LOOK_SECONDS = 1.0
_AGAIN_SECONDS = 20.0
"""The same is said again after so long, so that others know that it still holds."""
_KEEPS_UP_SECONDS = 5.0
"""A pass that takes longer has more to bring than what just happened in its mailbox."""

_SAID = {
    Limit.NOTHING: mailbox_pb2.PRESSURE_LIMIT_NOTHING,
    Limit.SOURCE: mailbox_pb2.PRESSURE_LIMIT_SOURCE_SERVER,
    Limit.TARGET: mailbox_pb2.PRESSURE_LIMIT_TARGET_SERVER,
    Limit.BANDWIDTH: mailbox_pb2.PRESSURE_LIMIT_BANDWIDTH,
    Limit.BUSINESS_HOURS: mailbox_pb2.PRESSURE_LIMIT_BUSINESS_HOURS,
    Limit.PROCESSOR: mailbox_pb2.PRESSURE_LIMIT_PROCESSOR,
    Limit.CLOSED_HOURS: mailbox_pb2.PRESSURE_LIMIT_CLOSED_HOURS,
}


async def press(
    service: Service[Any],
    pool: Pool,
    organisations: Organisations,
    share: Callable[[], float],
    behind: Callable[[], bool],
    closed: Callable[[], Awaitable[Waiting]],
) -> None:
    """Until cancelled. `share` tells how much of all mailboxes are this process's, above 0 and at most 1; `behind`
    whether they are (is_behind); `closed` which wait for their hour.
    """
    governor = Governor(organisations.line)
    said: Limited | None = None
    said_at = 0.0
    while True:
        await governor.hold(organisations.governed(), organisations.lines(), share(), datetime.now(UTC))
        waiting = Waiting()
        with contextlib.suppress(*DATABASE_AWAY):
            waiting = await closed()
        found = governor.look(behind=behind(), closed=waiting.words, opens=waiting.until)
        if found != said or time.monotonic() - said_at > _AGAIN_SECONDS:
            with contextlib.suppress(*DATABASE_AWAY):
                await _say(pool, service.settings.instance, found)
                said, said_at = found, time.monotonic()
        await asyncio.sleep(_LOOK_SECONDS)


def is_behind(waiting: int, at_work: Iterable[tuple[Box, float]]) -> bool:
    """Whether there is more to do than to keep up with what happens in mailboxes: some wait for a place, or one is
    worked on, since so many seconds, that was never copied, that somebody ordered, or that takes long.
    """
    return waiting > 0 or any(not box.passes or box.orders or seconds > _KEEPS_UP_SECONDS for box, seconds in at_work)


async def _say(pool: Pool, worker: str, found: Limited) -> None:
    message = WorkerPressure(
        worker=worker,
        limit=_SAID[found.verdict.limit],
        organisation=found.organisation,
        words=found.words,
        until=int(found.until.timestamp() * 1_000_000) if found.until else 0,
        at=telling.microseconds(),
    )
    async with pool.acquire() as connection, connection.transaction():
        await publish(connection, MAILBOX_PRESSURE, worker.encode(), message)
