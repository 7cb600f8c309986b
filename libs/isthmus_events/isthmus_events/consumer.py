"""Hearing each event once: handler, remembered position and duplicates' filter are one transaction."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from isthmus_service import Connection, Pool, Service

from isthmus_events.event import Event
from isthmus_events.topics import Topic


class TryLater(Exception):  # noqa: N818 - a request, not an error
    """A handler raises it when what it needs is away: the event is tried again for as long as it takes."""


class Consumer:
    """Calls `handle(connection, event)` once for each event of `topics`, in order within a partition.

    The handler's writes through `connection` and the memory that the event was handled are one transaction. Instances
    with the same `group` share the partitions. A message that cannot be decoded goes to the table dead_letter. When the
    handler raises, it is tried again, with growing pauses for about a minute, then the event goes to dead_letter too;
    TryLater and a lost database connection are waited for without end.

    `batch`: so many events at most share a transaction. Allow more than one only when the handler has no effect
    outside its connection: after an error the batch is rolled back and its events are handled one by one.
    """

    def __init__(
        self,
        service: Service[Any],
        pool: Pool,
        group: str,
        topics: Sequence[Topic[Any]],
        handle: Callable[[Connection, Event], Awaitable[None]],
        *,
        batch: int = 1,
    ) -> None:
        raise NotImplementedError

    async def run(self) -> None:
        """Consume until cancelled."""
        raise NotImplementedError
