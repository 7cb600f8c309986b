"""The transactional outbox: what a service says becomes true and is said in one PostgreSQL transaction."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import asyncpg
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import DefaultPartitioner
from isthmus_service import DATABASE_ERRORS, Connection, Pool, Service, cancellation_first, session

from isthmus_events import metrics
from isthmus_events.event import headers
from isthmus_events.finishing import finish
from isthmus_events.topics import M, Topic, ensure_topics

_LARGEST = 900_000
"""Bytes; Kafka takes messages up to 1 MiB with key and headers."""

_BATCH = 2000
_TURN_SECONDS = 0.5
"""So often an instance looks whether it is its turn to publish."""
_LOCK = "SELECT pg_try_advisory_lock(hashtextextended('isthmus outbox ' || $1, 0))"
_GATHER_SECONDS = 0.1
"""Between a batch and the next: whoever says much says it in few of Kafka's transactions, which have a price of their
own, there and here. An event after a silence is sent at once."""
_POLL_SECONDS = 1.0
"""A notification that was lost with its connection delays an event by this much."""

_MEASURE_SECONDS = 5.0
_LATE_SECONDS = 10.0
_FINISH_SECONDS = 3.0

_SAY = """
    WITH new AS (
        SELECT key, data FROM unnest($3::bytea[], $4::bytea[]) AS new (key, data)
    ), next AS (
        INSERT INTO outbox_sequence AS known (topic, key, sequence)
        SELECT $1, key, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint FROM new ORDER BY key
        ON CONFLICT (topic, key) DO UPDATE SET sequence = greatest(known.sequence + 1, excluded.sequence)
        RETURNING key, sequence
    ), said AS (
        INSERT INTO outbox (topic, key, sequence, type, data)
        SELECT $1, key, sequence, $2, data FROM next JOIN new USING (key)
        RETURNING position
    )
    SELECT pg_notify('outbox_' || current_schema(), '') FROM said LIMIT 1
"""


async def publish(connection: Connection, topic: Topic[M], key: bytes, message: M) -> None:
    """Say `message` when the caller's transaction commits; say nothing when it rolls back.

    Raises TypeError when the message is not of the topic's type, ValueError when it is larger than 900 kB, RuntimeError
    outside a transaction. Transactions that publish for the same key wait for each other, so that its events are in
    the order of the commits. For several keys use `publish_all`: one after the other in different orders, two
    transactions wait for each other in a circle, and PostgreSQL refuses one.
    """
    await publish_all(connection, topic, {key: message})


async def publish_all(connection: Connection, topic: Topic[M], messages: Mapping[bytes, M]) -> None:
    """`publish` for many keys, {key: message}, in one round trip."""
    for message in messages.values():
        if not isinstance(message, topic.message):
            raise TypeError(f"{topic.name} is for {topic.message.__name__}, not for {type(message).__name__}")
    if not connection.is_in_transaction():
        raise RuntimeError(
            f"publish to {topic.name} outside a transaction: it must belong to the change that it tells of"
        )
    data = [message.SerializeToString() for message in messages.values()]
    if (largest := max(map(len, data), default=0)) > _LARGEST:
        raise ValueError(f"a {topic.message.__name__} of {largest} bytes is too large for Kafka (at most {_LARGEST})")
    await connection.execute(_SAY, topic.name, topic.message.DESCRIPTOR.full_name, list(messages), data)


class Relay:
    """Moves a service's outbox to Kafka, in order; every instance of a service runs one, one of them is active.

    An advisory lock of the schema says which. What is sent goes in Kafka transactions under one transactional id, so
    that a relay that lost the lock without knowing can no longer send (Kafka fences it). A relay that dies between
    Kafka's commit and its own sends a batch twice; consumers know the sequence.
    """

    def __init__(self, service: Service[Any], pool: Pool) -> None:
        self._service = service
        self._pool = pool
        self._kafka = service.settings.kafka
        self._waiting = 0.0
        service.check("outbox", self._delay)

    def _delay(self) -> str | None:
        if self._waiting < _LATE_SECONDS:
            return None
        return f"the oldest event has been waiting for {self._waiting:.0f} s to be sent to Kafka"

    async def run(self) -> None:
        """Publish until cancelled; waits for Kafka and PostgreSQL when they are away."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._measure())
            while True:
                await self._service.wait_for(f"Kafka at {self._kafka}", lambda: ensure_topics(self._kafka))
                try:
                    with cancellation_first():
                        while True:
                            await self._relay()
                            await asyncio.sleep(_TURN_SECONDS)
                except (KafkaError, *DATABASE_ERRORS) as error:
                    self._service.log.warning("outbox relay interrupted, starts again", reason=repr(error))
                await asyncio.sleep(_TURN_SECONDS)

    async def _relay(self) -> None:
        """Publish for as long as it is this instance's turn. Nobody waits for that within PostgreSQL, which does not
        notice the death of a process that waits for a lock, and would keep its connection.
        """
        async with session(self._pool) as connection:
            schema = await connection.fetchval("SELECT current_schema()")
            # Held until the session ends, or its connection.
            if not await connection.fetchval(_LOCK, schema):
                return
            database = await connection.fetchval("SELECT current_database()")
            async with (
                _notified(connection, f"outbox_{schema}") as said,
                self._producer(f"isthmus.outbox.{database}.{schema}") as producer,
            ):
                self._service.log.info("outbox relay is active", schema=schema)
                while True:
                    said.clear()
                    rows = await connection.fetch("SELECT * FROM outbox ORDER BY position LIMIT $1", _BATCH)
                    if rows:
                        await finish(self._send(producer, connection, rows), _FINISH_SECONDS)
                    if 0 < len(rows) < _BATCH:
                        await asyncio.sleep(_GATHER_SECONDS)
                    elif not rows:
                        with contextlib.suppress(TimeoutError):
                            async with asyncio.timeout(_POLL_SECONDS):
                                await said.wait()

    async def _send(self, producer: AIOKafkaProducer, connection: Connection, rows: Sequence[asyncpg.Record]) -> None:
        await producer.begin_transaction()
        # In the order of the outbox, into batches; waiting for each would be a round trip an event.
        acknowledged = [
            await producer.send(
                row["topic"],
                key=row["key"],
                value=row["data"],
                timestamp_ms=int(row["said_at"].timestamp() * 1000),
                headers=headers(str(row["id"]), self._service.name, row["type"], row["said_at"], row["sequence"]),
            )
            for row in rows
        ]
        await asyncio.gather(*acknowledged)
        await producer.commit_transaction()
        await connection.execute("DELETE FROM outbox WHERE position = ANY($1)", [row["position"] for row in rows])
        for row in rows:
            metrics.published.labels(row["topic"]).inc()

    async def _measure(self) -> None:
        while True:
            with contextlib.suppress(*DATABASE_ERRORS):
                row = await self._pool.fetchrow(
                    "SELECT current_schema() AS schema, count(*) AS events,"
                    " coalesce(extract(epoch FROM clock_timestamp() - min(said_at)), 0)::float AS age FROM outbox"
                )
                assert row is not None
                metrics.outbox_events.labels(row["schema"]).set(row["events"])
                self._waiting = row["age"]
                metrics.outbox_age.labels(row["schema"]).set(row["age"])
            await asyncio.sleep(_MEASURE_SECONDS)

    @contextlib.asynccontextmanager
    async def _producer(self, transactional_id: str) -> AsyncIterator[AIOKafkaProducer]:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._kafka,
            transactional_id=transactional_id,
            partitioner=_partition,
            # A dead relay's open transaction holds up readers no longer than this; a successor ends it at once.
            transaction_timeout_ms=10_000,
            request_timeout_ms=10_000,
            retry_backoff_ms=20,
            max_batch_size=256 * 1024,
            max_request_size=1024 * 1024,
        )
        try:
            async with asyncio.timeout(30):
                await producer.start()
            yield producer
        finally:
            # Without a broker it waits until what it still has to send expires; the outbox has that too.
            with contextlib.suppress(KafkaError, TimeoutError):
                async with asyncio.timeout(3 if self._service.stopping.is_set() else 15):
                    await producer.stop()


def _partition(key: bytes, partitions: list[int], _available: list[int]) -> int:
    return _partition_of(key, tuple(partitions))


@lru_cache(maxsize=16_384)
def _partition_of(key: bytes, partitions: tuple[int, ...]) -> int:
    """As every client of Kafka chooses by the key. Several events in a row have the same one, and the hash is made in
    Python."""
    return int(DefaultPartitioner()(key, partitions, partitions))


@contextlib.asynccontextmanager
async def _notified(connection: Connection, channel: str) -> AsyncIterator[asyncio.Event]:
    """An event that PostgreSQL's NOTIFY sets."""
    came = asyncio.Event()

    def listener(*_: object) -> None:
        came.set()

    await connection.add_listener(channel, listener)
    try:
        yield came
    finally:
        if not connection.is_closed():
            await connection.remove_listener(channel, listener)
