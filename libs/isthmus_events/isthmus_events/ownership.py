"""Partitions as exclusive property of one worker, fenced by an epoch in PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from isthmus_service import Connection, Pool, Service

from isthmus_events.event import Event
from isthmus_events.topics import Topic


class OwnershipLost(Exception):  # noqa: N818 - an event in a worker's life, not an error
    """The partition belongs to another worker now; whatever was being done must not be written."""


class Lease:
    """The right to work on the keys of one partition, until `lost` is set."""

    partition: int
    epoch: int
    lost: asyncio.Event

    async def hold(self, connection: Connection) -> None:
        """Keep the partition until the caller's transaction ends. Raises OwnershipLost when it has a newer owner."""
        raise NotImplementedError


class Ownership:
    """Makes this worker the owner of some partitions of `topics`, which have equal numbers of partitions.

    For each partition gained: its epoch in table partition_owner is raised, `on_gained(lease)` is awaited, and the
    partition's events of all topics go to `handle(connection, lease, event)` as in `Consumer`: one transaction with the
    remembered position, in which the lease is held. Before a partition goes to another worker `on_lost(lease)` is
    awaited, for at most 10 s; it ends all work on the partition. A worker that is cut off from Kafka notices a newer
    owner within 2 s and calls on_lost then.
    """

    def __init__(
        self,
        service: Service[Any],
        pool: Pool,
        group: str,
        topics: Sequence[Topic[Any]],
        handle: Callable[[Connection, Lease, Event], Awaitable[None]],
        *,
        on_gained: Callable[[Lease], Awaitable[None]] | None = None,
        on_lost: Callable[[Lease], Awaitable[None]] | None = None,
    ) -> None:
        raise NotImplementedError

    def owned(self) -> Mapping[int, Lease]:
        """The partitions that this worker owns now."""
        raise NotImplementedError

    async def run(self) -> None:
        """Take part in the group until cancelled."""
        raise NotImplementedError
