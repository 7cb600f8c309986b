"""Partitions as exclusive property of one worker, fenced by an epoch in PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from isthmus_service import DATABASE_ERRORS, Connection, Pool, Service

from isthmus_events import metrics
from isthmus_events.event import Event
from isthmus_events.group import take_part
from isthmus_events.handling import Handling, OwnershipLost
from isthmus_events.topics import Topic

_LOST_SECONDS = 5.0
_WATCH_SECONDS = 1.0

HOLD = "SELECT true FROM partition_owner WHERE consumer_group = $1 AND partition = $2 AND epoch = $3 FOR SHARE"
"""With a lease's group, partition and epoch. A statement that writes only where this finds a row is fenced."""


class Lease:
    """The right to work on the keys of one partition, until `lost` is set. `epoch` rises with every owner."""

    def __init__(self, group: str, partition: int, epoch: int) -> None:
        self.group = group
        self.partition = partition
        self.epoch = epoch
        self.lost = asyncio.Event()
        self.ended = False

    async def hold(self, connection: Connection) -> None:
        """Keep the partition until the caller's transaction ends. Raises OwnershipLost when it has a newer owner.

        Works until `on_lost` has returned, so that work can write where it stands when it is told to end.
        """
        if not connection.is_in_transaction():
            raise RuntimeError("Lease.hold outside a transaction holds nothing")
        self.held(not self.ended and bool(await connection.fetchval(HOLD, self.group, self.partition, self.epoch)))

    def held(self, found: bool) -> None:
        """For a statement that has HOLD within itself: `found` is whether that found a row. Raises OwnershipLost."""
        if self.ended or not found:
            self.lost.set()
            raise OwnershipLost(
                f"partition {self.partition} of {self.group} was ours in epoch {self.epoch} and is no more"
            )


class Ownership:
    """Makes this worker the owner of some partitions of `topics`, which have equal numbers of partitions.

    For each partition gained: its epoch in table partition_owner is raised, `on_gained(lease)` is awaited, and the
    partition's events of all topics go to `handle(connection, lease, event)` as in `Consumer`: one transaction with the
    remembered position, in which the lease is held. Before a partition goes to another worker `lost` is set and
    `on_lost(lease)` is awaited, for at most 5 s; it ends all work on the partition. A worker that is cut off from
    Kafka notices a newer owner within 2 s and calls on_lost then.
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
        if len({topic.partitions for topic in topics}) != 1:
            names = ", ".join(f"{topic.name} ({topic.partitions})" for topic in topics)
            raise ValueError(f"topics owned together need equal numbers of partitions: {names}")
        self._service = service
        self._pool = pool
        self._group = group
        self._topics = topics
        self._handle = handle
        self._on_gained = on_gained
        self._on_lost = on_lost
        self._handling = Handling(service, pool, group, topics, batch=1)
        self._owned: dict[int, Lease] = {}

    def owned(self) -> Mapping[int, Lease]:
        """The partitions that this worker owns now."""
        return MappingProxyType(self._owned)

    async def run(self) -> None:
        """Take part in the group until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch())
            await take_part(self._service, self._group, self._topics, lambda found: found.partition, self._work)

    async def _work(self, consumer: AIOKafkaConsumer, partitions: list[TopicPartition]) -> None:
        number = partitions[0].partition
        lease = await self._service.wait_for(f"partition {number} of {self._group}", lambda: self._gain(number))

        async def handle(connection: Connection, event: Event) -> None:
            await self._handle(connection, lease, event)

        try:
            self._owned[number] = lease
            metrics.owned.labels(self._group).set(len(self._owned))
            if self._on_gained:
                await self._on_gained(lease)
            following = asyncio.ensure_future(self._handling.follow(consumer, partitions, handle, lease.hold))
            losing = asyncio.ensure_future(lease.lost.wait())
            try:
                await asyncio.wait({following, losing}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                losing.cancel()
                following.cancel()
                await asyncio.wait({following})
            if not following.cancelled() and not isinstance(error := following.exception(), OwnershipLost | None):
                raise error
            self._service.log.warning("partition has a newer owner", group=self._group, partition=number)
        finally:
            await self._lose(lease)
        # The group will tell us sooner or later what it told the other worker.

    async def _gain(self, partition: int) -> Lease:
        # Waits for transactions in which the former owner holds its lease: what it has begun is done or undone now.
        epoch = await self._pool.fetchval(
            """
            INSERT INTO partition_owner AS known (consumer_group, partition, epoch, owner) VALUES ($1, $2, 1, $3)
            ON CONFLICT (consumer_group, partition)
            DO UPDATE SET epoch = known.epoch + 1, owner = excluded.owner, since = now()
            RETURNING epoch
            """,
            self._group,
            partition,
            self._service.settings.instance,
        )
        return Lease(self._group, partition, epoch)

    async def _lose(self, lease: Lease) -> None:
        lease.lost.set()
        try:
            if self._on_lost:
                async with asyncio.timeout(_LOST_SECONDS):
                    await self._on_lost(lease)
        except Exception as error:
            log = self._service.log.bind(group=self._group, partition=lease.partition)
            log.error("work on a lost partition did not end well; it can no longer write", exc_info=error)
        finally:
            lease.ended = True
            if self._owned.get(lease.partition) is lease:
                del self._owned[lease.partition]
            metrics.owned.labels(self._group).set(len(self._owned))

    async def _watch(self) -> None:
        """Notice newer owners without Kafka's help."""
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            with contextlib.suppress(*DATABASE_ERRORS):
                leases = dict(self._owned)
                rows = await self._pool.fetch(
                    "SELECT partition, epoch FROM partition_owner WHERE consumer_group = $1 AND partition = ANY($2)",
                    self._group,
                    list(leases),
                )
                for row in rows:
                    if row["epoch"] != leases[row["partition"]].epoch:
                        leases[row["partition"]].lost.set()
