"""A compacted topic in memory, kept right."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Generic, cast

from aiokafka.errors import KafkaError
from isthmus_service import Service

from isthmus_events.event import Event
from isthmus_events.reading import newest, reader
from isthmus_events.topics import M, Topic, ensure_topics


class Table(Generic[M]):
    """The newest message of every key of a compacted topic; reads from construction on, until the service stops.

    `async for event in table` yields what is known, each key once, and then every change; a reader that is slow gets
    the newest event of a key only.
    """

    def __init__(self, service: Service[Any], topic: Topic[M]) -> None:
        self._service = service
        self._topic = topic
        self._events: dict[bytes, Event] = {}
        self._filled = asyncio.Event()
        self._changes: set[_Changes] = set()
        service.check(f"topic {topic.name}", lambda: None if self._filled.is_set() else "not read to its end yet")
        service.spawn(f"table {topic.name}", self._read())

    async def filled(self) -> None:
        """Return when everything that was on the topic at construction is in memory."""
        await self._filled.wait()

    def get(self, key: bytes) -> M | None:
        """The newest message of `key`."""
        event = self._events.get(key)
        return cast("M", event.data) if event else None

    def values(self) -> list[M]:
        """The newest message of every key."""
        return [event.data for event in self._events.values()]

    async def __aiter__(self) -> AsyncIterator[Event]:
        changes = _Changes(dict(self._events), asyncio.Event())
        self._changes.add(changes)
        try:
            while True:
                while changes.events:
                    yield changes.events.pop(next(iter(changes.events)))
                changes.came.clear()
                await changes.came.wait()
        finally:
            self._changes.discard(changes)

    async def _read(self) -> None:
        kafka = self._service.settings.kafka
        while True:
            await self._service.wait_for(f"Kafka at {kafka}", lambda: ensure_topics(kafka, [self._topic]))
            try:
                async with reader(kafka, self._topic) as topic_reader:
                    while True:
                        for event in await topic_reader.next():
                            self._take(event)
                        if not self._filled.is_set() and await topic_reader.at_end():
                            self._filled.set()
            except KafkaError as error:
                # Read again from the beginning: what is known already changes nothing.
                self._service.log.warning(f"reading {self._topic.name} interrupted, starts again", reason=repr(error))
                await asyncio.sleep(1)

    def _take(self, event: Event) -> None:
        known = self._events.get(event.key)
        if known and (known.partition, known.offset) == (event.partition, event.offset):
            return
        if newest(self._events, event):
            for changes in self._changes:
                changes.events.pop(event.key, None)  # a newer event is a newer place in the order
                changes.events[event.key] = event
                changes.came.set()


class _Changes:
    """What one reader of the table has not yet seen."""

    def __init__(self, events: dict[bytes, Event], came: asyncio.Event) -> None:
        self.events = events
        self.came = came
