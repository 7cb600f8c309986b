"""From the outbox to the consumer: nothing lost, nothing twice, in order for each key, whatever dies in between."""

from __future__ import annotations

import asyncio
import signal

import pytest
from isthmus.events.v1.mailbox_pb2 import MailboxProgress, PassCompleted
from isthmus_cli.runner.ports import free_ports
from isthmus_events import Relay, publish, publish_all, read_all
from isthmus_events.reading import reader

from tests.conftest import Broker
from tests.e2e.events_system import System, until
from tests.processes import readiness

KEYS = [b"ada", b"ben", b"cleo", b"dora", b"emil"]


async def test_an_event_is_said_when_its_transaction_commits(system: System) -> None:
    async with system.pool.acquire() as connection:
        with pytest.raises(LookupError):
            async with connection.transaction():
                await publish(connection, system.topic, b"ada", MailboxProgress(items_done=1))
                raise LookupError
        async with connection.transaction():
            await publish(connection, system.topic, b"ada", MailboxProgress(items_done=2))
            await publish_all(
                connection, system.topic, {b"ben": MailboxProgress(), b"ada": MailboxProgress(items_done=3)}
            )
    rows = await system.pool.fetch("SELECT key, sequence, data FROM outbox ORDER BY position")
    said = [(row["key"], MailboxProgress.FromString(row["data"]).items_done) for row in rows if row["key"] == b"ada"]
    assert said == [(b"ada", 2), (b"ada", 3)]
    sequences = [row["sequence"] for row in rows if row["key"] == b"ada"]
    assert sequences == sorted(set(sequences))


async def test_what_cannot_be_said_is_refused(system: System) -> None:
    async with system.pool.acquire() as connection:
        with pytest.raises(RuntimeError, match="outside a transaction"):
            await publish(connection, system.topic, b"ada", MailboxProgress())
        async with connection.transaction():
            with pytest.raises(TypeError, match="is for MailboxProgress, not for PassCompleted"):
                await publish(connection, system.topic, b"ada", PassCompleted())  # type: ignore[misc]
            with pytest.raises(ValueError, match="too large"):
                await publish(connection, system.topic, b"ada", MailboxProgress(problem="x" * 1_000_000))
    assert await system.outbox_count() == 0


async def test_concurrent_transactions_of_a_key_are_heard_in_the_order_of_their_commits(system: System) -> None:
    order: list[int] = []

    async def change(number: int) -> None:
        async with system.pool.acquire() as connection, connection.transaction():
            await publish(connection, system.topic, b"ada", MailboxProgress(items_done=number))
            order.append(number)  # the key is ours from here to the commit

    await asyncio.gather(*(change(number) for number in range(50)))
    system.service.spawn("relay", Relay(system.service, system.pool).run())
    system.worker("consume", "consumer")

    async def all_heard() -> bool:
        return await system.heard_count() >= 50

    await until(all_heard, "all numbers heard")
    assert await system.heard() == {b"ada": order}


async def test_relays_and_consumers_killed_again_and_again_lose_and_repeat_nothing(system: System) -> None:
    rounds, a_round = 8, 60
    relay = system.worker("relay", "relay")
    consumer = system.worker("consume", "consumer")
    said = 0

    async def progress() -> bool:
        return await system.heard_count() > before

    for number in range(rounds):
        before = await system.heard_count()
        for _ in range(a_round):
            for key in KEYS:
                await system.say(key, said)
            said += 1
        if number % 2:
            # While it sends: the broker has something that the outbox still has, or nothing of what was begun.
            relay.kill()
            relay.start()
        else:
            await until(progress, "the consumer hears again")
            consumer.kill()
            consumer.start()

    async def all_heard() -> bool:
        return await system.heard_count() >= said * len(KEYS)

    await until(all_heard, "all numbers heard")
    await until(lambda: _is_empty(system), "the outbox is empty")
    assert await system.heard() == {key: list(range(said)) for key in KEYS}


async def test_what_a_dead_relay_had_sent_is_not_heard_again(system: System) -> None:
    system.worker("consume", "consumer")
    for number in range(10):
        await system.say(b"ada", number)
    # A relay that dies after Kafka has committed and before PostgreSQL has: the rows are there again.
    await system.pool.execute("CREATE TABLE kept AS SELECT * FROM outbox")
    relay = system.worker("relay", "relay")
    await until(lambda: _is_empty(system), "the outbox is empty")
    relay.kill()
    await system.pool.execute("INSERT INTO outbox OVERRIDING SYSTEM VALUE SELECT * FROM kept")
    await system.say(b"ada", 10)
    relay.start()

    async def last_heard() -> bool:
        return (await system.heard())[b"ada"][-1:] == [10]

    await until(last_heard, "the number after the repeats is heard")
    assert await system.heard() == {b"ada": list(range(11))}
    # The repeats are on the topic all the same.
    sent = []
    async with reader(system.service.settings.kafka, system.topic) as topic_reader:
        while not await topic_reader.at_end():
            sent += [event.data.items_done for event in await topic_reader.next()]
    assert sent == [*range(10), *range(11)]
    # A reader of the newest state must not fall back to them either.
    events = await read_all(system.service.settings.kafka, system.topic)
    assert events[b"ada"].data.items_done == 10


async def test_a_relay_that_wakes_up_late_can_no_longer_send(system: System) -> None:
    frozen = system.worker("relay", "frozen")
    await system.say(b"ada", 0)
    await until(lambda: _is_empty(system), "the first relay is active")
    frozen.send(signal.SIGSTOP)
    # Its connection is gone, as after 25 s of silence; with it goes the lock that makes it the active one.
    await system.pool.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'isthmus worker frozen'"
    )
    system.worker("relay", "successor")
    for number in range(1, 20):
        await system.say(b"ada", number)
    await until(lambda: _is_empty(system), "the successor is active")
    frozen.send(signal.SIGCONT)
    for number in range(20, 40):
        await system.say(b"ada", number)
    await until(lambda: _is_empty(system), "all is sent")
    system.worker("consume", "consumer")

    async def all_heard() -> bool:
        return await system.heard_count() >= 40

    await until(all_heard, "all numbers heard")
    assert await system.heard() == {b"ada": list(range(40))}


async def test_a_broker_that_goes_away_while_events_are_said(system_with_broker: System, broker: Broker) -> None:
    system = system_with_broker
    relay_port, consumer_port = free_ports(2)
    relay = system.worker("relay", "relay", http_port=relay_port)
    consumer = system.worker("consume", "consumer", http_port=consumer_port)
    said = 0
    for outage in (broker.stop, broker.kill):
        for step in range(60):
            for key in KEYS:
                await system.say(key, said)
            said += 1
            if step == 20:
                outage()
        broker.start()

    async def all_heard() -> bool:
        return await system.heard_count() >= said * len(KEYS)

    await until(all_heard, "all numbers heard")
    await until(lambda: _is_empty(system), "the outbox is empty")
    assert await system.heard() == {key: list(range(said)) for key in KEYS}
    await until(lambda: _waits_for(relay_port, None), "the relay is ready")
    await until(lambda: _waits_for(consumer_port, None), "the consumer is ready")
    broker.kill()
    await system.say(b"ada", said)
    await until(lambda: _waits_for(relay_port, "outbox"), "the relay says that events wait")
    await until(lambda: _waits_for(consumer_port, "Kafka, group worker"), "the consumer says that Kafka is silent")
    assert (relay.stop(), consumer.stop()) == (0, 0)


async def _waits_for(port: int, what: str | None) -> bool:
    status, waiting = await asyncio.to_thread(readiness, port)
    return status == 200 if what is None else status == 503 and what in waiting


async def _is_empty(system: System) -> bool:
    return await system.outbox_count() == 0
