"""Consumers: errors, messages that are no events, batches, sharing."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiokafka import AIOKafkaProducer
from isthmus.events.v1.mailbox_pb2 import MailboxProgress, PassCompleted
from isthmus_events import Consumer, Event, Topic, TryLater, handling, send
from isthmus_service import Connection

from tests.e2e.events_system import System, until
from tests.e2e.events_worker import GROUP, hear

Handle = Callable[[Connection, Event], Awaitable[None]]


async def write_down(connection: Connection, event: Event) -> None:
    await hear(connection, event, "test")


@contextlib.asynccontextmanager
async def consuming(system: System, handle: Handle = write_down, batch: int = 1) -> AsyncIterator[None]:
    consumer = Consumer(system.service, system.pool, GROUP, [system.topic], handle, batch=batch)
    task = asyncio.create_task(consumer.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def send_number(system: System, key: bytes, number: int) -> None:
    await send(system.service.settings.kafka, "test", system.topic, key, MailboxProgress(items_done=number))


async def heard(system: System, count: int) -> list[int]:
    """The numbers heard of the key ada, once there are so many."""

    async def so_many() -> bool:
        return await system.heard_count() >= count

    await until(so_many, f"{count} numbers heard")
    return (await system.heard())[b"ada"]


async def test_a_message_that_is_no_event_goes_to_dead_letter_and_stops_nothing(system: System) -> None:
    kafka, name = system.service.settings.kafka, system.topic.name
    await send_number(system, b"ada", 1)
    async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        await producer.send_and_wait(name, key=b"ada", value=b"\xff\xff", headers=[("traceparent", b"a\x00b")])
        await producer.send_and_wait(name, key=b"ada", value=None)
        await producer.send_and_wait(name, key=None, value=b"no key", partition=0)
    foreign = Topic(name, PassCompleted, compacted=False, about="", partitions=system.topic.partitions)
    await send(kafka, "test", foreign, b"ada", PassCompleted())
    await send_number(system, b"ada", 2)
    async with consuming(system):
        assert await heard(system, 2) == [1, 2]

        async def four() -> bool:
            return int(await system.pool.fetchval("SELECT count(*) FROM dead_letter")) == 4

        await until(four, "four dead letters")
    rows = await system.pool.fetch("SELECT key, data, problem, headers FROM dead_letter ORDER BY message_offset")
    problems = {row["problem"] for row in rows}
    assert "it has no header ce_specversion" in problems
    assert "it has no data" in problems
    assert "it has no key" in problems
    assert "it is a isthmus.events.v1.PassCompleted, and the topic is for isthmus.events.v1.MailboxProgress" in problems
    assert b"\xff\xff" in {row["data"] for row in rows}


async def test_an_event_that_fails_is_tried_again_and_then_set_aside(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handling, "PAUSES", (0.01,) * 4)
    attempts: list[int] = []

    async def handle(connection: Connection, event: Event) -> None:
        number = event.data.items_done
        attempts.append(number)
        await write_down(connection, event)
        if number == 2 or (number == 3 and attempts.count(3) < 3):
            raise LookupError(f"no folder {number}")

    for number in (1, 2, 3, 4):
        await send_number(system, b"ada", number)
    async with consuming(system, handle):
        assert await heard(system, 3) == [1, 3, 4]
    assert attempts == [1, 2, 2, 2, 2, 2, 3, 3, 3, 4]
    assert await system.pool.fetchval("SELECT problem FROM dead_letter") == "LookupError: no folder 2"


async def test_what_needs_something_that_is_away_is_tried_until_it_is_there(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handling, "PAUSES", ())
    attempts = 0

    async def handle(connection: Connection, event: Event) -> None:
        nonlocal attempts
        attempts += 1
        if attempts < 4:
            raise TryLater("the account map does not answer")
        await write_down(connection, event)

    await send_number(system, b"ada", 1)
    async with consuming(system, handle):
        assert await heard(system, 1) == [1]
    assert attempts == 4
    assert not await system.pool.fetch("SELECT FROM dead_letter")


async def test_a_batch_with_a_failing_event_is_handled_one_by_one(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handling, "PAUSES", (0.01,))
    transactions: list[tuple[int, int]] = []

    async def handle(connection: Connection, event: Event) -> None:
        number = event.data.items_done
        transactions.append((await connection.fetchval("SELECT txid_current()"), number))
        if number == 5:
            raise LookupError
        await write_down(connection, event)

    for number in range(8):
        await system.say(b"ada", number)
    relay = system.worker("relay", "relay")

    async def all_sent() -> bool:
        return await system.outbox_count() == 0

    await until(all_sent, "all sent")
    relay.stop()
    async with consuming(system, handle, batch=100):
        assert await heard(system, 7) == [0, 1, 2, 3, 4, 6, 7]
    first = transactions[0][0]
    assert [number for transaction, number in transactions if transaction == first] == [0, 1, 2, 3, 4, 5]
    assert len(await system.pool.fetch("SELECT FROM dead_letter")) == 1


async def test_a_database_connection_lost_in_the_middle_costs_nothing(system: System) -> None:
    killed = False

    async def handle(connection: Connection, event: Event) -> None:
        nonlocal killed
        await write_down(connection, event)
        if event.data.items_done == 2 and not killed:
            killed = True
            pid = await connection.fetchval("SELECT pg_backend_pid()")
            await system.pool.execute("SELECT pg_terminate_backend($1)", pid)

    for number in range(5):
        await send_number(system, b"ada", number)
    async with consuming(system, handle):
        assert await heard(system, 5) == [0, 1, 2, 3, 4]


async def test_a_topic_that_was_made_anew_is_read_from_its_beginning(system: System) -> None:
    await send_number(system, b"ada", 1)
    await system.pool.execute(
        "INSERT INTO consumer_position SELECT $1, $2, partition, 1000 FROM generate_series(0, 3) AS partition",
        GROUP,
        system.topic.name,
    )
    async with consuming(system):
        assert await heard(system, 1) == [1]


async def test_members_of_a_group_share_the_partitions(system: System) -> None:
    first = system.worker("consume", "first")
    system.worker("consume", "second")
    number = 0

    async def both() -> bool:
        nonlocal number
        for key in range(16):
            await send_number(system, b"key %d" % key, number)
        number += 1
        rows = await system.pool.fetch("SELECT DISTINCT worker FROM heard")
        return {row["worker"] for row in rows} == {"first", "second"}

    await until(both, "both hear something")
    assert first.stop() == 0
    for key in range(16):
        await send_number(system, b"key %d" % key, number)

    async def all_heard() -> bool:
        return await system.heard_count() >= (number + 1) * 16

    await until(all_heard, "the second hears what the first left")
    assert await system.heard() == {b"key %d" % key: list(range(number + 1)) for key in range(16)}
