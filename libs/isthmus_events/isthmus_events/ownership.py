"""Partitions as exclusive property of one worker, fenced by an epoch in PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from isthmus_service import DATABASE_ERRORS, Connection, Pool, Service

from isthmus_events import metrics
from isthmus_events.event import Event
from isthmus_events.group import take_part
from isthmus_events.handling import Handling, OwnershipLost
from isthmus_events.sharing import Claims, Sharing
from isthmus_events.topics import Topic

_LOST_SECONDS = 5.0
_RELEASE_SECONDS = 1.0
_WATCH_SECONDS = 1.0
_HANDOVER_SECONDS = 8.0
"""So long at most a former owner that lives is waited for: it learns of its loss when we learn of our gain."""
_HANDOVER_LOOK_SECONDS = 0.1

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
    remembered position, in which the lease is held. Others come and go without a word here while a partition stays: as
    few change hands as can be (sharing.py). Before one goes to another worker, which waits for that, `lost` is set and
    `on_lost(lease)` is awaited, for at most 5 s; it ends all work on the partition. A worker that is cut off from
    Kafka works on until there is a newer owner, which it notices within 2 s, and calls on_lost then.
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
        self._sharing = Sharing(self._claims)
        self._owned: dict[int, Lease] = {}
        # For each partition a task that ends when its lease has.
        self._ends: dict[int, asyncio.Task[None]] = {}

    def owned(self) -> Mapping[int, Lease]:
        """The partitions that this worker owns now."""
        return MappingProxyType(self._owned)

    async def run(self) -> None:
        """Take part in the group until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch())
            await take_part(
                self._service,
                self._group,
                self._topics,
                lambda found: found.partition,
                self._work,
                sharing=self._sharing,
                on_units=self._keep,
            )

    def _claims(self) -> Claims:
        return {number: 0 if lease.lost.is_set() else lease.epoch for number, lease in self._owned.items()}

    async def _keep(self, partitions: Collection[int]) -> None:
        """These are ours from now on; work on others ends, and if there are none, has ended."""
        for number, lease in self._owned.items():
            if number not in partitions:
                lease.lost.set()
        if not partitions and self._ends:
            await asyncio.wait(self._ends.values())

    async def _work(self, consumer: AIOKafkaConsumer, partitions: list[TopicPartition]) -> None:
        """Hear the events of a partition while the group lets us; the lease outlasts that."""
        number = partitions[0].partition
        lease = await self._lease(number)

        async def handle(connection: Connection, event: Event) -> None:
            await self._handle(connection, lease, event)

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
        # The group will tell us sooner or later what it told the other worker.

    async def _lease(self, number: int) -> Lease:
        """The lease that we have, or a new one."""
        what = f"partition {number} of {self._group}"
        lease = self._owned.get(number)
        if lease is not None:
            known = lease
            # Of one that was taken for dead, the successor may have come and gone.
            if await self._service.wait_for(what, lambda: self._is_newest(known)):
                return lease
            lease.lost.set()
            if number in self._ends:
                await asyncio.wait({self._ends[number]})
        elif number in self._sharing.handed_over:
            await self._service.wait_for(what, lambda: self._until_released(number))
        lease = await self._service.wait_for(what, lambda: self._gain(number))
        self._owned[number] = lease
        self._ends[number] = asyncio.create_task(self._end(lease))
        metrics.owned.labels(self._group).set(len(self._owned))
        try:
            if self._on_gained:
                await self._on_gained(lease)
        except BaseException:
            lease.lost.set()
            raise
        return lease

    async def _is_newest(self, lease: Lease) -> bool:
        if lease.lost.is_set():
            return False
        epoch: int | None = await self._pool.fetchval(
            "SELECT epoch FROM partition_owner WHERE consumer_group = $1 AND partition = $2",
            self._group,
            lease.partition,
        )
        return epoch == lease.epoch and not lease.lost.is_set()

    async def _until_released(self, partition: int) -> None:
        """Return when the former owner has ended its work, or has had the time for it."""
        until = time.monotonic() + _HANDOVER_SECONDS
        owner = "SELECT owner FROM partition_owner WHERE consumer_group = $1 AND partition = $2"
        while time.monotonic() < until:
            if not await self._pool.fetchval(owner, self._group, partition):
                return
            await asyncio.sleep(_HANDOVER_LOOK_SECONDS)

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

    async def _end(self, lease: Lease) -> None:
        """When the lease is lost, end the work on its partition, and say so to whoever owns it next."""
        await lease.lost.wait()
        try:
            if self._on_lost:
                async with asyncio.timeout(_LOST_SECONDS):
                    await self._on_lost(lease)
        except Exception as error:
            log = self._service.log.bind(group=self._group, partition=lease.partition)
            log.error("work on a lost partition did not end well; it can no longer write", exc_info=error)
        finally:
            lease.ended = True
            del self._owned[lease.partition], self._ends[lease.partition]
            metrics.owned.labels(self._group).set(len(self._owned))
        with contextlib.suppress(*DATABASE_ERRORS):
            async with asyncio.timeout(_RELEASE_SECONDS):
                await self._pool.execute(
                    "UPDATE partition_owner SET owner = '' WHERE consumer_group = $1 AND partition = $2 AND epoch = $3",
                    self._group,
                    lease.partition,
                    lease.epoch,
                )

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
