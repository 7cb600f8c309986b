"""A service for the tests of events, run as a process: `python -m tests.e2e.events_worker relay|consume|own TOPIC…`.

It writes what it does into the tables of events_worker_migrations.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from isthmus.events.v1.mailbox_pb2 import MailboxProgress
from isthmus_events import Consumer, Event, Lease, Ownership, OwnershipLost, Relay, Topic
from isthmus_service import Connection, Pool, Service, ServiceSettings, run

MIGRATIONS = Path(__file__).parent / "events_worker_migrations"
GROUP, OWNERS = "worker", "owners"
"""Two groups, as their members share partitions in different ways: one that a test killed is missed only later."""
PARTITIONS = 4


def topic_named(name: str) -> Topic[MailboxProgress]:
    """A topic of numbers: items_done is the number."""
    return Topic(name, MailboxProgress, compacted=False, partitions=PARTITIONS, about="numbers for a test")


async def hear(connection: Connection, event: Event, worker: str) -> None:
    """Handle an event by writing its number down."""
    await connection.execute(
        "INSERT INTO heard (key, number, worker) VALUES ($1, $2, $3)", event.key, event.data.items_done, worker
    )


class Owner:
    """Takes numbered steps for each partition that it owns, each a piece of work that lasts a while."""

    def __init__(self, service: Service[ServiceSettings], pool: Pool) -> None:
        self.worker = service.settings.instance
        self.service = service
        self.pool = pool
        self.loops: dict[int, asyncio.Task[None]] = {}

    async def gained(self, lease: Lease) -> None:
        await self.note("gained", lease)
        self.loops[lease.partition] = asyncio.create_task(self.work(lease))

    async def lost(self, lease: Lease) -> None:
        await self.loops.pop(lease.partition)
        await self.note("lost", lease)

    async def note(self, what: str, lease: Lease) -> None:
        await self.pool.execute(
            "INSERT INTO ownership (what, partition, epoch, worker) VALUES ($1, $2, $3, $4)",
            what,
            lease.partition,
            lease.epoch,
            self.worker,
        )

    async def work(self, lease: Lease) -> None:
        while not lease.lost.is_set():
            done = await self.pool.fetchval(
                "SELECT coalesce(max(number), 0) FROM step WHERE partition = $1", lease.partition
            )
            await asyncio.sleep(0.05)  # the work; from here on somebody else may have done it
            try:
                async with self.pool.acquire() as connection, connection.transaction():
                    await lease.hold(connection)
                    await connection.execute(
                        "INSERT INTO step (partition, number, epoch, worker) VALUES ($1, $2, $3, $4)",
                        lease.partition,
                        done + 1,
                        lease.epoch,
                        self.worker,
                    )
            except OwnershipLost:
                await self.note("fenced", lease)
                return

    async def handle(self, connection: Connection, _lease: Lease, event: Event) -> None:
        await hear(connection, event, self.worker)


async def serve(service: Service[ServiceSettings]) -> None:
    role, *names = sys.argv[1:]
    topics = [topic_named(name) for name in names]
    pool = await service.database("worker", MIGRATIONS)
    if role == "relay":
        service.spawn("relay", Relay(service, pool).run())
    elif role == "consume":
        worker = service.settings.instance
        consumer = Consumer(service, pool, GROUP, topics, lambda connection, event: hear(connection, event, worker))
        service.spawn("consumer", consumer.run())
    else:
        owner = Owner(service, pool)
        ownership = Ownership(service, pool, OWNERS, topics, owner.handle, on_gained=owner.gained, on_lost=owner.lost)
        service.spawn("ownership", ownership.run())
    await service.run_until_stopped()


if __name__ == "__main__":
    run("worker", ServiceSettings, serve)
