"""Ownership: one worker a partition, a dead one is replaced, and a late one can write nothing."""

from __future__ import annotations

import asyncio
import signal
import uuid
from collections import Counter

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from isthmus.events.v1.mailbox_pb2 import MailboxOrdered, MailboxProgress
from isthmus_events import Lease, Ownership, OwnershipLost, Topic, ensure_topics

from tests.e2e.events_system import System, until
from tests.e2e.events_worker import PARTITIONS, topic_named
from tests.processes import Process


async def owners(system: System) -> dict[int, str]:
    """Who owns each partition now, as the database knows it."""
    rows = await system.pool.fetch("SELECT partition, owner FROM partition_owner")
    return {row["partition"]: row["owner"] for row in rows}


async def work_is_shared(system: System, *workers: str) -> None:
    """Wait until these workers, and no others, own all partitions, and each partition makes progress."""

    async def shared() -> bool:
        found = await owners(system)
        return len(found) == PARTITIONS and set(found.values()) == set(workers)

    await until(shared, f"{workers} own everything")
    steps = await system.pool.fetchval("SELECT coalesce(max(place), 0) FROM step")

    async def all_work() -> bool:
        rows = await system.pool.fetch(
            "SELECT partition FROM step WHERE place > $1 AND worker = ANY($2) GROUP BY partition HAVING count(*) > 3",
            steps,
            list(workers),
        )
        return len(rows) == PARTITIONS

    await until(all_work, f"{workers} work on everything")


async def nothing_was_done_twice(system: System) -> None:
    """Each partition has the steps 1, 2, 3… once each, and no former owner's after a newer one's."""
    for partition in range(PARTITIONS):
        rows = await system.pool.fetch("SELECT number, epoch FROM step WHERE partition = $1 ORDER BY place", partition)
        assert [row["number"] for row in rows] == list(range(1, len(rows) + 1))
        epochs = [row["epoch"] for row in rows]
        assert epochs == sorted(epochs)


async def freeze_between_transactions(system: System, worker: Process) -> None:
    """Stop a worker that is working, not writing: otherwise its successor waits a minute for its locks."""

    async def frozen() -> bool:
        worker.send(signal.SIGSTOP)
        writing = await system.pool.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND xact_start IS NOT NULL",
            f"isthmus worker {worker.environment['ISTHMUS_INSTANCE']}",
        )
        if writing:
            worker.send(signal.SIGCONT)
        return not writing

    await until(frozen, "a moment without a transaction")


async def test_a_worker_killed_in_the_middle_of_its_work_is_replaced(system: System) -> None:
    system.worker("relay", "relay")
    workers = {name: system.worker("own", name) for name in ("first", "second")}
    await work_is_shared(system, "first", "second")
    keys = [b"key %d" % number for number in range(12)]
    said = 0
    for victim, survivor in (("first", "second"), ("second", "first")):
        for _ in range(10):
            for key in keys:
                await system.say(key, said)
            said += 1
        workers[victim].kill()
        for key in keys:
            await system.say(key, said)
        said += 1
        await work_is_shared(system, survivor)
        workers[victim].start()
        await work_is_shared(system, "first", "second")

    async def all_heard() -> bool:
        return await system.heard_count() >= said * len(keys)

    await until(all_heard, "all numbers heard")
    assert await system.heard() == {key: list(range(said)) for key in keys}
    await nothing_was_done_twice(system)


async def test_a_worker_that_was_frozen_can_write_nothing_afterwards(system: System) -> None:
    frozen = system.worker("own", "frozen")
    await work_is_shared(system, "frozen")
    system.worker("own", "successor")
    await work_is_shared(system, "frozen", "successor")
    await freeze_between_transactions(system, frozen)
    await work_is_shared(system, "successor")
    frozen.send(signal.SIGCONT)
    await work_is_shared(system, "frozen", "successor")
    # It woke up in the middle of a step whose number the successor has given out, and said so when it was refused.
    assert await system.pool.fetch("SELECT FROM ownership WHERE what = 'fenced' AND worker = 'frozen'")
    await nothing_was_done_twice(system)


async def test_work_on_a_partition_has_ended_before_another_worker_begins(system: System) -> None:
    first = system.worker("own", "first")
    await work_is_shared(system, "first")
    second = system.worker("own", "second")
    await work_is_shared(system, "first", "second")
    assert second.stop() == 0
    await work_is_shared(system, "first")
    # What stayed with the first one noticed nothing of the second.
    gained = await system.pool.fetch("SELECT partition FROM ownership WHERE what = 'gained'")
    assert sorted(Counter(row["partition"] for row in gained).values()) == [1, 1, 3, 3]
    assert first.stop() == 0
    for partition in range(PARTITIONS):
        rows = await system.pool.fetch(
            "SELECT what, epoch, worker FROM ownership WHERE partition = $1 ORDER BY place", partition
        )
        assert [row["what"] for row in rows] == ["gained", "lost"] * (len(rows) // 2)
        assert {row["worker"] for row in rows[-2:]} == {"first"}
    await nothing_was_done_twice(system)


async def test_a_worker_that_hears_nothing_from_kafka_notices_its_successor(system: System) -> None:
    lost: list[int] = []

    async def on_lost(lease: Lease) -> None:
        lost.append(lease.partition)

    async def ignore(*_: object) -> None:
        pass

    ownership = Ownership(system.service, system.pool, "cut off", [system.topic], ignore, on_lost=on_lost)
    task = system.service.spawn("ownership", ownership.run())

    async def all_owned() -> bool:
        return len(ownership.owned()) == PARTITIONS

    await until(all_owned, "everything is owned")
    lease = ownership.owned()[2]
    async with system.pool.acquire() as connection, connection.transaction():
        await lease.hold(connection)
    # What another worker does, which Kafka has given the partition meanwhile.
    await system.pool.execute("UPDATE partition_owner SET epoch = epoch + 1, owner = 'another' WHERE partition = 2")
    with pytest.raises(OwnershipLost, match="partition 2 of cut off was ours in epoch 1"):
        async with system.pool.acquire() as connection, connection.transaction():
            await lease.hold(connection)

    async def noticed() -> bool:
        return 2 not in ownership.owned()

    await until(noticed, "the loss is noticed")
    assert lost == [2]
    assert lease.lost.is_set()
    assert not task.done()


async def test_a_new_owner_waits_for_what_the_old_one_has_begun(system: System) -> None:
    async def ignore(*_: object) -> None:
        pass

    ownership = Ownership(system.service, system.pool, "waiting", [system.topic], ignore)
    system.service.spawn("ownership", ownership.run())

    async def all_owned() -> bool:
        return len(ownership.owned()) == PARTITIONS

    await until(all_owned, "everything is owned")
    async with system.pool.acquire() as connection:
        async with connection.transaction():
            await ownership.owned()[0].hold(connection)
            taking = asyncio.ensure_future(
                system.pool.execute("UPDATE partition_owner SET epoch = epoch + 1 WHERE partition = 0")
            )
            await connection.execute("INSERT INTO step (partition, number, epoch, worker) VALUES (0, 1, 1, 'old')")
            waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"

            async def blocked() -> bool:
                # From outside the transaction, in which the statistics stand still.
                return bool(await system.pool.fetchval(waiting))

            await until(blocked, "the new owner waits")
            assert not taking.done()
        await taking
    assert await system.pool.fetchval("SELECT count(*) FROM step") == 1


async def test_whom_a_group_of_another_version_refuses_says_so_and_waits(system: System) -> None:
    group = f"owners {uuid.uuid4()}"
    older = AIOKafkaConsumer(
        bootstrap_servers=system.service.settings.kafka,
        group_id=group,
        client_id="worker-of-yesterday",
        partition_assignment_strategy=(RangePartitionAssignor,),
    )
    await older.start()
    try:
        older.subscribe([system.topic.name])

        async def is_member() -> bool:
            return bool(older.assignment())

        await until(is_member, "the older one is a member")

        async def ignore(*_: object) -> None:
            pass

        ownership = Ownership(system.service, system.pool, group, [system.topic], ignore)
        task = system.service.spawn("ownership", ownership.run())
        place = f"a place in Kafka's group {group}"

        async def refused() -> bool:
            return place in await system.service.not_ready()

        await until(refused, "the refusal is told")
        assert "worker-of-yesterday at 127.0.0.1. Stop them" in (await system.service.not_ready())[place]
        assert not ownership.owned() and not task.done()
    finally:
        await older.stop()

    async def all_owned() -> bool:
        return len(ownership.owned()) == PARTITIONS and place not in await system.service.not_ready()

    await until(all_owned, "everything is owned")


async def test_topics_owned_together_give_a_worker_the_same_partitions(system: System) -> None:
    second = topic_named(f"test.{uuid.uuid4()}.v1")
    await ensure_topics(system.service.settings.kafka, [second])
    system.worker("relay", "relay")
    for name in ("one", "two"):
        system.worker("own", name, system.topic, second)
    await work_is_shared(system, "one", "two")
    keys = [b"key %d" % number for number in range(20)]
    for topic in (system.topic, second):
        for key in keys:
            await system.say(key, 1, topic)

    async def all_heard() -> bool:
        return await system.heard_count() >= 2 * len(keys)

    await until(all_heard, "all numbers heard")
    rows = await system.pool.fetch("SELECT key, count(DISTINCT worker) AS workers, count(*) FROM heard GROUP BY key")
    assert {(row["workers"], row["count"]) for row in rows} == {(1, 2)}


async def test_topics_of_different_sizes_cannot_be_owned_together(system: System) -> None:
    other = Topic("test.other.v1", MailboxOrdered, compacted=False, about="", partitions=PARTITIONS + 1)
    own = Topic("test.own.v1", MailboxProgress, compacted=False, about="", partitions=PARTITIONS)

    async def ignore(*_: object) -> None:
        pass

    with pytest.raises(ValueError, match=r"test\.own\.v1 \(4\), test\.other\.v1 \(5\)"):
        Ownership(system.service, system.pool, "g", [own, other], ignore)
