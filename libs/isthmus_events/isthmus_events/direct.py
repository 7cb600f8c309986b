"""Events for programs without a database, such as the command line."""

from __future__ import annotations

from isthmus_events.event import Event
from isthmus_events.topics import M, Topic


async def send(bootstrap: str, source: str, topic: Topic[M], key: bytes, message: M) -> None:
    """Send one event and return when the broker has it. Raises aiokafka.errors.KafkaError when it does not take it."""
    raise NotImplementedError


async def read_all(bootstrap: str, topic: Topic[M]) -> dict[bytes, Event]:
    """Read a compacted topic up to its present end: the newest event of each key."""
    raise NotImplementedError
