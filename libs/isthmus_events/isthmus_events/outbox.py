"""The transactional outbox: what a service says becomes true and is said in one PostgreSQL transaction."""

from __future__ import annotations

from typing import Any

from isthmus_service import Connection, Pool, Service

from isthmus_events.topics import M, Topic


async def publish(connection: Connection, topic: Topic[M], key: bytes, message: M) -> None:
    """Say `message` when the caller's transaction commits; say nothing when it rolls back.

    Raises TypeError when the message is not of the topic's type, RuntimeError outside a transaction.
    Transactions that publish for the same key wait for each other, so that its events are in the order of the commits;
    publish several keys in sorted order, or two transactions may wait for each other in a circle and one is refused.
    """
    raise NotImplementedError


class Relay:
    """Moves a service's outbox to Kafka, in order; every instance of a service runs one, one of them is active."""

    def __init__(self, service: Service[Any], pool: Pool) -> None:
        raise NotImplementedError

    async def run(self) -> None:
        """Publish until cancelled; waits for Kafka and PostgreSQL when they are away."""
        raise NotImplementedError
