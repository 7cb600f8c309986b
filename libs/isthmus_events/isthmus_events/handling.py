"""Handling each event once: effect, remembered position and the filter of duplicates are one transaction."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import asyncpg
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from isthmus_service import Connection, Pool, Service

from isthmus_events import metrics
from isthmus_events.event import Event, UndecodableError, decode
from isthmus_events.finishing import finish
from isthmus_events.topics import Topic

Record: TypeAlias = "ConsumerRecord[bytes, bytes]"
Handle = Callable[[Connection, Event], Awaitable[None]]
Hold = Callable[[Connection], Awaitable[None]]


class TryLater(Exception):  # noqa: N818 - a request, not an error
    """A handler raises it when what it needs is away: the event is tried again for as long as it takes."""


class OwnershipLost(Exception):  # noqa: N818 - an event in a worker's life, not an error
    """The partition belongs to another worker now; whatever was being done must not be written."""


PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""Seconds between the attempts to handle an event that fails; then it goes to dead_letter."""

_AWAY = (
    TryLater,
    OSError,
    asyncpg.InternalClientError,  # the connection was closed while it was being reset
    asyncpg.PostgresConnectionError,
    asyncpg.exceptions.OperatorInterventionError,  # PostgreSQL is being stopped or started
    asyncpg.exceptions.InsufficientResourcesError,
    asyncpg.exceptions.TransactionRollbackError,  # a deadlock: the other one was let through
)
"""Nothing is wrong with the event when one of these is raised: it is tried until it goes through."""

_FINISH_SECONDS = 3.0
"""An event that is being handled when its partition is given back may take this long to be done."""

# Each key is looked up by itself. Of a topic that came after its last count PostgreSQL believes that nothing of it was
# heard, and would compare every key of the topic with every one that is looked for.
SEEN = """
    SELECT source, key, sequence
    FROM unnest($3::text[], $4::bytea[]) AS wanted (source, key), LATERAL (
        SELECT sequence FROM consumer_seen
        WHERE consumer_group = $1 AND topic = $2 AND source = wanted.source AND key = wanted.key OFFSET 0
    ) AS found
"""


@dataclass(frozen=True)
class _Broken:
    """A message that goes to dead_letter, and why."""

    record: Record
    problem: str


class Handling:
    """How one group handles the events of its topics; `Consumer` and `Ownership` say what it promises."""

    def __init__(self, service: Service[Any], pool: Pool, group: str, topics: Sequence[Topic[Any]], batch: int) -> None:
        self._service = service
        self._pool = pool
        self._group = group
        self._topics = {topic.name: topic for topic in topics}
        self._batch = batch
        # Partitions are handled side by side, without taking the whole pool for it.
        self._room = asyncio.Semaphore(4)

    async def follow(
        self, consumer: AIOKafkaConsumer, partitions: list[TopicPartition], handle: Handle, hold: Hold | None = None
    ) -> None:
        """Handle the events of `partitions` one after the other, from the remembered positions on, until cancelled.

        `hold` is awaited at the beginning of each transaction; when it raises OwnershipLost, so does this.
        """
        for partition in partitions:
            await self._service.wait_for(
                f"the position of {self._group} on {partition.topic}/{partition.partition}",
                lambda partition=partition: self._seek(consumer, partition),  # type: ignore[misc]
            )
        try:
            while True:
                found = await consumer.getmany(*partitions, timeout_ms=5_000, max_records=500)
                for partition, records in found.items():
                    for start in range(0, len(records), self._batch):
                        chunk = records[start : start + self._batch]
                        await finish(self._handle(chunk, handle, hold), _FINISH_SECONDS)
                        self._measure(consumer, partition, chunk[-1].offset + 1)
                for partition in partitions:
                    # Transaction markers take offsets too, and come without an event.
                    self._measure(consumer, partition, await consumer.position(partition))
        finally:
            for partition in partitions:
                metrics.lag.remove(self._group, partition.topic, partition.partition)

    async def _seek(self, consumer: AIOKafkaConsumer, partition: TopicPartition) -> None:
        place = (self._group, partition.topic, partition.partition)
        await self._pool.execute(
            "INSERT INTO consumer_position (consumer_group, topic, partition, next_offset) VALUES ($1, $2, $3, 0)"
            " ON CONFLICT DO NOTHING",
            *place,
        )
        position = await self._pool.fetchval(
            "SELECT next_offset FROM consumer_position WHERE consumer_group = $1 AND topic = $2 AND partition = $3",
            *place,
        )
        async with asyncio.timeout(30):
            first = (await consumer.beginning_offsets([partition]))[partition]
            end = (await consumer.end_offsets([partition]))[partition]
        log = self._service.log.bind(group=self._group, topic=partition.topic, partition=partition.partition)
        if position > end:
            log.warning("the topic is shorter than what was read of it: it was made anew; reading from its beginning")
            position = first
            await self._pool.execute(
                "UPDATE consumer_position SET next_offset = $4"
                " WHERE consumer_group = $1 AND topic = $2 AND partition = $3",
                *place,
                position,
            )
        elif 0 < position < first:
            log.warning("events expired before they were read", lost=first - position)
        consumer.seek(partition, max(position, first))
        lag = metrics.lag.labels(self._group, partition.topic, partition.partition)
        lag.set(end - max(position, first))

    def _measure(self, consumer: AIOKafkaConsumer, partition: TopicPartition, position: int) -> None:
        end = consumer.highwater(partition)
        if end is not None:
            lag = metrics.lag.labels(self._group, partition.topic, partition.partition)
            lag.set(max(0, end - position))

    async def _handle(self, records: Sequence[Record], handle: Handle, hold: Hold | None) -> None:
        """Handle `records` in one transaction; when that fails, each in one of its own."""
        error = await self._attempt(records, handle, hold)
        if error is None:
            return
        if len(records) > 1:
            for record in records:
                await self._handle([record], handle, hold)
            return
        for pause in PAUSES:
            log = self._service.log.bind(group=self._group, **_place(records[0]))
            log.warning("event could not be handled, trying again", seconds=pause, exc_info=error)
            metrics.retried.labels(self._group, self._topics[records[0].topic].message.DESCRIPTOR.full_name).inc()
            await asyncio.sleep(pause)
            error = await self._attempt(records, handle, hold)
            if error is None:
                return
        await self._attempt(records, handle, hold, give_up=f"{type(error).__name__}: {error}")

    async def _attempt(
        self, records: Sequence[Record], handle: Handle, hold: Hold | None, give_up: str = ""
    ) -> Exception | None:
        """Handle `records`, or set them aside when there is a reason to give up. Returns what went wrong with them."""

        async def probe() -> Exception | None:
            try:
                async with self._room, self._pool.acquire() as connection, connection.transaction():
                    if hold:
                        await hold(connection)
                    outcomes = await self._in_transaction(connection, records, handle, give_up)
            except (*_AWAY, asyncio.CancelledError):
                raise
            except Exception as error:
                return error
            for outcome, type_ in outcomes:
                metrics.handled.labels(self._group, type_, outcome).inc()
            return None

        place = "{topic}/{partition}/{offset}".format(**_place(records[0]))
        error = await self._service.wait_for(f"what {self._group} needs for the event {place}", probe)
        if isinstance(error, OwnershipLost):
            raise error
        return error

    async def _in_transaction(
        self, connection: Connection, records: Sequence[Record], handle: Handle, give_up: str
    ) -> list[tuple[str, str]]:
        """What became of each record that was not handled before: (outcome, type)."""
        topic, partition = records[0].topic, records[0].partition
        # Also a lock: a worker that is no longer the partition's reader waits here, and then finds the event done.
        position = await connection.fetchval(
            "SELECT next_offset FROM consumer_position WHERE consumer_group = $1 AND topic = $2 AND partition = $3"
            " FOR UPDATE",
            self._group,
            topic,
            partition,
        )
        messages = [self._decode(record, give_up) for record in records if record.offset >= position]
        if not messages:
            return []
        events = [message for message in messages if isinstance(message, Event)]
        seen = await self._seen(connection, events)
        outcomes = []
        for message in messages:
            if isinstance(message, _Broken):
                await self._set_aside(connection, message)
                outcomes.append(("dead_letter", self._topics[topic].message.DESCRIPTOR.full_name))
            elif is_repeat(message, seen):
                outcomes.append(("duplicate", message.type))
            else:
                await handle(connection, message)
                if message.sequence:
                    seen[message.source, message.key] = message.sequence
                outcomes.append(("handled", message.type))
        heard = {(event.source, event.key): seen[event.source, event.key] for event in events if event.sequence}
        await connection.execute(
            """
            WITH moved AS (
                UPDATE consumer_position SET next_offset = $4
                WHERE consumer_group = $1 AND topic = $2 AND partition = $3
            )
            INSERT INTO consumer_seen (consumer_group, topic, source, key, sequence)
            SELECT $1, $2, source, key, sequence
            FROM unnest($5::text[], $6::bytea[], $7::bigint[]) AS heard (source, key, sequence)
            ON CONFLICT (consumer_group, topic, source, key) DO UPDATE SET sequence = excluded.sequence
            """,
            self._group,
            topic,
            partition,
            records[-1].offset + 1,
            [source for source, _ in heard],
            [key for _, key in heard],
            list(heard.values()),
        )
        return outcomes

    def _decode(self, record: Record, give_up: str) -> Event | _Broken:
        if give_up:
            return _Broken(record, give_up)
        topic = self._topics[record.topic]
        try:
            return decode(topic, record.partition, record.offset, record.key, record.value, record.headers)
        except UndecodableError as error:
            return _Broken(record, str(error))

    async def _seen(self, connection: Connection, events: Sequence[Event]) -> dict[tuple[str, bytes], int]:
        sequenced = [event for event in events if event.sequence]
        if not sequenced:
            return {}
        wanted = {(event.source, event.key) for event in sequenced}
        rows = await connection.fetch(
            SEEN,
            self._group,
            sequenced[0].topic,
            [source for source, _ in wanted],
            [key for _, key in wanted],
        )
        return {(row["source"], row["key"]): row["sequence"] for row in rows}

    async def _set_aside(self, connection: Connection, broken: _Broken) -> None:
        record = broken.record
        self._service.log.error(
            "message put into dead_letter", group=self._group, **_place(record), problem=broken.problem
        )
        await connection.execute(
            "INSERT INTO dead_letter (consumer_group, topic, partition, message_offset, key, headers, data, problem)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
            self._group,
            record.topic,
            record.partition,
            record.offset,
            record.key,
            json.dumps({name: _text(value) for name, value in record.headers}),
            record.value,
            _text(broken.problem.encode()),
        )


def is_repeat(event: Event, seen: Mapping[tuple[str, bytes], int]) -> bool:
    """Whether the event was heard before; `seen` is {(source, key): the last sequence heard}."""
    return event.sequence > 0 and event.sequence <= seen.get((event.source, event.key), 0)


def _text(value: bytes | None) -> str:
    """As PostgreSQL takes it, which knows no NUL."""
    return (value or b"").decode(errors="replace").replace("\0", "")


def _place(record: Record) -> dict[str, Any]:
    return {"topic": record.topic, "partition": record.partition, "offset": record.offset}
