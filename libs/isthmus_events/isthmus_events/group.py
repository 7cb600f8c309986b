"""Membership in a Kafka consumer group: partitions come and go, work on them starts and ends."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import Any, Generic, TypeVar

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.abstract import AbstractPartitionAssignor
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import KafkaError
from isthmus_service import Service

from isthmus_events.refusals import explained
from isthmus_events.topics import Topic, ensure_topics

U = TypeVar("U")

_SESSION_MS = 6_000
"""Silence after which a worker counts as dead; the least that brokers allow unless told otherwise."""

_HEARTBEAT_MS = 1_500
_REBALANCE_MS = 20_000
"""How long the broker waits for members to end their work before it gives partitions away without them."""

_END_SECONDS = 12.0
"""How long we wait for work to end: less than the broker does."""

_LEAVE_SECONDS = 2.0
_SILENT_SECONDS = 10.0
"""A broker answers twice a second that there is nothing new; when it does not for so long, it is away."""

_LOOK_SECONDS = 1.0
"""So often a member asks aiokafka whether the group still takes it."""

_NEVER_MS = 24 * 3600 * 1000
"""A worker is alive while its heartbeats come; how long one event takes is no sign of death."""


async def take_part(
    service: Service[Any],
    group: str,
    topics: Sequence[Topic[Any]],
    unit: Callable[[TopicPartition], U],
    work: Callable[[AIOKafkaConsumer, list[TopicPartition]], Awaitable[None]],
    *,
    sharing: AbstractPartitionAssignor | type[AbstractPartitionAssignor] = RangePartitionAssignor,
    on_units: Callable[[Collection[U]], Awaitable[None]] | None = None,
) -> None:
    """Be a member of `group` until cancelled: run `work(consumer, partitions)` for the partitions that it gives us.

    Partitions of the same `unit` are worked on together. Whenever a member joins or leaves, all work of all members is
    cancelled and its end awaited, then it begins again for what each is given. What is to outlast that goes by
    `on_units`, which is awaited with all units that are ours from now on before work on them begins, and with none
    before we leave the group. While Kafka refuses us for a reason that somebody can mend, log and /readyz say which,
    and it is tried again. Raises what `work` raises, and any other error of the membership.
    """
    kafka = service.settings.kafka

    async def join() -> AIOKafkaConsumer:
        await ensure_topics(kafka, topics)
        consumer = AIOKafkaConsumer(
            bootstrap_servers=kafka,
            group_id=group,
            client_id=f"{service.name}-{service.settings.instance}",
            enable_auto_commit=False,  # the position is in PostgreSQL, in the transaction of the event's effect
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            partition_assignment_strategy=(sharing,),
            session_timeout_ms=_SESSION_MS,
            heartbeat_interval_ms=_HEARTBEAT_MS,
            rebalance_timeout_ms=_REBALANCE_MS,
            max_poll_interval_ms=_NEVER_MS,
            max_poll_records=500,
        )
        try:
            await consumer.start()
        except BaseException:
            await consumer.stop()
            raise
        return consumer

    consumer = await service.wait_for(f"Kafka at {kafka}", join)
    member = _Member(service, group, consumer, unit, work, on_units)
    service.check(f"Kafka, group {group}", member.silence)
    try:
        consumer.subscribe([topic.name for topic in topics], listener=member)
        belonging = asyncio.ensure_future(member.belong(TopicPartition(topics[0].name, -1)))
        try:
            await member.failure
        finally:
            belonging.cancel()
    finally:
        await member.end_all()
        if on_units:
            await on_units(())
        # Leaves the group, so that its partitions go to others at once; without a broker there is nothing to leave.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LEAVE_SECONDS):
                await consumer.stop()


class _Member(ConsumerRebalanceListener, Generic[U]):  # type: ignore[misc]
    def __init__(
        self,
        service: Service[Any],
        group: str,
        consumer: AIOKafkaConsumer,
        unit: Callable[[TopicPartition], U],
        work: Callable[[AIOKafkaConsumer, list[TopicPartition]], Awaitable[None]],
        on_units: Callable[[Collection[U]], Awaitable[None]] | None,
    ) -> None:
        self._service = service
        self._group = group
        self._log = service.log.bind(group=group)
        self._consumer = consumer
        self._unit = unit
        self._work = work
        self._on_units = on_units
        self._tasks: set[asyncio.Task[None]] = set()
        self.failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def silence(self) -> str | None:
        """None while the broker answers this member, else for how long it has not."""
        answers = [self._consumer.last_poll_timestamp(partition) for partition in self._consumer.assignment()]
        silent = time.time() - max((answer for answer in answers if answer), default=time.time() * 1000) / 1000
        return f"no answer for {silent:.0f} s" if silent > _SILENT_SECONDS else None

    async def belong(self, nowhere: TopicPartition) -> None:
        """See without end whether the group takes us. aiokafka keeps an error of the membership until it is asked for
        events, which nobody does who has no partitions, and only then tries again. `nowhere`: one that does not exist.
        """

        async def probe() -> None:
            try:
                await self._consumer.getmany(nowhere)
            except KafkaError as error:
                if refused := await explained(error, self._service.settings.kafka, self._group):
                    raise refused from error
                self._fail(error)

        while not self.failure.done():
            await self._service.wait_for(f"a place in Kafka's group {self._group}", probe)
            await asyncio.sleep(_LOOK_SECONDS)

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """aiokafka awaits this before it asks for a new assignment, and sends heartbeats meanwhile."""
        if self._tasks:
            self._log.debug("partitions are given back", partitions=len(list(revoked)))
        await self.end_all()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        units: dict[U, list[TopicPartition]] = defaultdict(list)
        for partition in sorted(assigned):
            units[self._unit(partition)].append(partition)
        self._log.info("partitions assigned", partitions=len(units))
        if self._on_units:
            await self._on_units(units.keys())
        for partitions in units.values():
            task = asyncio.ensure_future(self._work(self._consumer, partitions))
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        if not self.failure.done():
            self.failure.set_exception(error)

    async def end_all(self) -> None:
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=_END_SECONDS)
            if late:
                self._log.error("work on partitions did not end in time; only its fence stops it", partitions=len(late))
