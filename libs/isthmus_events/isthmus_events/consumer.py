"""Hearing each event once: handler, remembered position and the filter of duplicates are one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from isthmus_service import Pool, Service

from isthmus_events.group import take_part
from isthmus_events.handling import Handle, Handling
from isthmus_events.topics import Topic


class Consumer:
    """Calls `handle(connection, event)` once for each event of `topics`, in order within a partition.

    The handler's writes through `connection` and the memory that the event was handled are one transaction; it takes
    no second connection of the pool, which other handlers' transactions may have used up. Instances
    with the same `group` share the partitions. A message that cannot be decoded goes to the table dead_letter. When the
    handler raises, it is tried again, with growing pauses for about a minute, then the event goes to dead_letter too;
    TryLater, a lost database connection and any other OSError are waited for without end.

    `batch`: so many events at most share a transaction. Allow more than one only when the handler has no effect
    outside its connection: after an error the batch is rolled back and its events are handled one by one.
    """

    def __init__(
        self,
        service: Service[Any],
        pool: Pool,
        group: str,
        topics: Sequence[Topic[Any]],
        handle: Handle,
        *,
        batch: int = 1,
    ) -> None:
        self._service = service
        self._group = group
        self._topics = topics
        self._handle = handle
        self._handling = Handling(service, pool, group, topics, batch)

    async def run(self) -> None:
        """Consume until cancelled."""

        async def work(consumer: AIOKafkaConsumer, partitions: list[TopicPartition]) -> None:
            await self._handling.follow(consumer, partitions, self._handle)

        await take_part(self._service, self._group, self._topics, lambda partition: partition, work)
