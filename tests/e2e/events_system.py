"""What the tests of events share: a database, a broker, a topic, and the workers of `events_worker` as processes."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable

from isthmus.events.v1.mailbox_pb2 import MailboxProgress
from isthmus_events import Topic, publish
from isthmus_service import Pool, Service, ServiceSettings

from tests.processes import Process


class System:
    """A topic of numbers, the schema of the workers, and a way to start them."""

    def __init__(
        self,
        service: Service[ServiceSettings],
        pool: Pool,
        topic: Topic[MailboxProgress],
        start: Callable[..., Process],
    ) -> None:
        self.service = service
        self.pool = pool
        self.topic = topic
        self._start = start

    def worker(self, role: str, name: str, *topics: Topic[MailboxProgress], http_port: int = 0) -> Process:
        """Start a worker; roles are those of `events_worker`. /readyz is at `http_port`."""
        names = [topic.name for topic in topics or [self.topic]]
        return self._start(
            name,
            *(sys.executable, "-m", "tests.e2e.events_worker", role, *names),
            ISTHMUS_DATABASE_URL=str(self.service.settings.database_url),
            ISTHMUS_KAFKA=self.service.settings.kafka,
            ISTHMUS_INSTANCE=name,
            ISTHMUS_HTTP_PORT=str(http_port),
            ISTHMUS_LOG_FORMAT="console",
        )

    async def say(self, key: bytes, number: int, topic: Topic[MailboxProgress] | None = None) -> None:
        """Publish one number."""
        async with self.pool.acquire() as connection, connection.transaction():
            await publish(connection, topic or self.topic, key, MailboxProgress(items_done=number))

    async def heard(self) -> dict[bytes, list[int]]:
        """The numbers that were heard of each key, in the order in which they were."""
        numbers: dict[bytes, list[int]] = defaultdict(list)
        for row in await self.pool.fetch("SELECT key, number FROM heard ORDER BY place"):
            numbers[row["key"]].append(row["number"])
        return numbers

    async def heard_count(self) -> int:
        """How many numbers were heard, repeats included."""
        return int(await self.pool.fetchval("SELECT count(*) FROM heard"))

    async def outbox_count(self) -> int:
        """How many events are not on Kafka yet."""
        return int(await self.pool.fetchval("SELECT count(*) FROM outbox"))


async def until(condition: Callable[[], Awaitable[bool]], what: str, seconds: float = 120.0) -> None:
    """Return when `condition()` holds; fail the test, saying `what`, when it does not in time."""
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        await asyncio.sleep(0.05)
