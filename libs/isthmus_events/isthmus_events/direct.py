"""Events for programs without a database, such as the command line."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from aiokafka import AIOKafkaProducer

from isthmus_events.event import Event, headers
from isthmus_events.reading import newest, reader
from isthmus_events.topics import M, Topic


async def send(bootstrap: str, source: str, topic: Topic[M], key: bytes, message: M) -> None:
    """Send one event and return when the broker has it. Raises aiokafka.errors.KafkaError when it does not take it."""
    if not isinstance(message, topic.message):
        raise TypeError(f"{topic.name} is for {topic.message.__name__}, not for {type(message).__name__}")
    attributes = headers(str(uuid.uuid4()), source, message.DESCRIPTOR.full_name, datetime.now(UTC), sequence=0)
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True)
    try:  # an "async with" leaves open what did not start
        await producer.start()
        await producer.send_and_wait(topic.name, key=key, value=message.SerializeToString(), headers=attributes)
    finally:
        await producer.stop()


async def read_all(bootstrap: str, topic: Topic[M]) -> dict[bytes, Event]:
    """Read a compacted topic up to its present end: the newest event of each key.

    What cannot be decoded is left out. Raises aiokafka.errors.KafkaError when there is no broker or no such topic.
    """
    events: dict[bytes, Event] = {}
    async with reader(bootstrap, topic) as topic_reader:
        while not await topic_reader.at_end():
            for event in await topic_reader.next():
                newest(events, event)
    return events
