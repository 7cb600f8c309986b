"""A compacted topic in memory, kept right."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Generic

from isthmus_service import Service

from isthmus_events.event import Event
from isthmus_events.topics import M, Topic


class Table(Generic[M]):
    """The newest message of every key of a compacted topic; reads from construction on, until the service stops.

    `async for event in table` yields what is known, each key once, and then every change; a reader that is slow gets
    the newest event of a key only.
    """

    def __init__(self, service: Service[Any], topic: Topic[M]) -> None:
        raise NotImplementedError

    async def filled(self) -> None:
        """Return when everything that was on the topic at construction is in memory."""
        raise NotImplementedError

    def get(self, key: bytes) -> M | None:
        """The newest message of `key`."""
        raise NotImplementedError

    def values(self) -> list[M]:
        """The newest message of every key."""
        raise NotImplementedError

    def __aiter__(self) -> AsyncIterator[Event]:
        raise NotImplementedError
