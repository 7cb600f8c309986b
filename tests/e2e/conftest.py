"""Fixtures of the tests of events."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import AsyncIterator, Callable

import pytest
from isthmus_events import ensure_topics
from isthmus_service import Service, ServiceSettings

from tests.conftest import Broker
from tests.e2e.events_system import System
from tests.e2e.events_worker import MIGRATIONS, topic_named
from tests.processes import Process


@contextlib.asynccontextmanager
async def _system(database_url: str, kafka: str, start: Callable[..., Process]) -> AsyncIterator[System]:
    settings = ServiceSettings.model_validate({"database_url": database_url, "kafka": kafka, "instance": "test"})
    topic = topic_named(f"test.{uuid.uuid4()}.v1")
    async with Service("worker", settings) as service:
        pool = await service.database("worker", MIGRATIONS)
        await ensure_topics(kafka, [topic])
        yield System(service, pool, topic, start)


@pytest.fixture
async def system(database_url: str, kafka: str, start: Callable[..., Process]) -> AsyncIterator[System]:
    """A topic of numbers on the shared broker, and workers that say and hear them."""
    async with _system(database_url, kafka, start) as system:
        yield system


@pytest.fixture
async def system_with_broker(database_url: str, broker: Broker, start: Callable[..., Process]) -> AsyncIterator[System]:
    """The same on `broker`, which the test may stop."""
    async with _system(database_url, broker.bootstrap, start) as system:
        yield system
