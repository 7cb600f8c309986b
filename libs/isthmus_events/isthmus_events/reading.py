"""Reading a whole topic, outside any group."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord

from isthmus_events.event import Event, UndecodableError, decode
from isthmus_events.topics import Topic

_log = structlog.stdlib.get_logger("isthmus.events")


class Reader:
    """Reads all partitions of a topic from their beginnings."""

    def __init__(self, topic: Topic[Any], consumer: AIOKafkaConsumer, ends: dict[Any, int]) -> None:
        self._topic = topic
        self._consumer = consumer
        self._ends = ends

    async def next(self) -> list[Event]:
        """The next events, in order for each key; none when none came within 0.1 s. Skips what cannot be decoded."""
        records = await self._consumer.getmany(timeout_ms=100)
        return [event for some in records.values() for record in some if (event := self._decode(record))]

    async def at_end(self) -> bool:
        """Whether everything was returned that was on the topic when the reader was made."""
        return all([await self._consumer.position(partition) >= end for partition, end in self._ends.items()])

    def _decode(self, record: ConsumerRecord[bytes, bytes]) -> Event | None:
        try:
            return decode(self._topic, record.partition, record.offset, record.key, record.value, record.headers)
        except UndecodableError as error:
            place = f"{record.topic}/{record.partition}/{record.offset}"
            _log.warning("message skipped: it cannot be decoded", message_at=place, reason=str(error))
            return None


@contextlib.asynccontextmanager
async def reader(bootstrap: str, topic: Topic[Any]) -> AsyncIterator[Reader]:
    """A reader of `topic`. Raises aiokafka.errors.KafkaError when there is no broker or no such topic."""
    consumer = AIOKafkaConsumer(
        topic.name,
        bootstrap_servers=bootstrap,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    try:
        await consumer.start()
        yield Reader(topic, consumer, await consumer.end_offsets(consumer.assignment()))
    finally:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2):
                await consumer.stop()


def newest(events: dict[bytes, Event], event: Event) -> bool:
    """Put `event` into `events` unless the same source said something newer of its key; return whether it was put.

    A relay that died may have sent what it had sent before, and so older events after newer ones.
    """
    known = events.get(event.key)
    if known and event.sequence and known.source == event.source and known.sequence >= event.sequence:
        return False
    events[event.key] = event
    return True
