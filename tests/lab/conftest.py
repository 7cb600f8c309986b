"""Fixtures of several tests of the directories, and of what surrounds mail."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from isthmus_mailbox.database import open_database
from isthmus_service import Pool, Service, ServiceSettings

from tests.conftest import Broker
from tests.lab.copying import copying
from tests.lab.directory_system import System
from tests.lab.surrounded import Surrounded
from tests.plugins.exchange import Exchanges, Office
from tests.plugins.forests import Forests, Units
from tests.processes import Process


@pytest.fixture
def system(
    forests: Forests,
    units: Units,
    broker: Broker,
    database_url: str,
    start: Callable[..., Process],
    tmp_path: Path,
) -> Iterator[System]:
    system = System((forests, units, tmp_path), broker.bootstrap, database_url, start)
    yield system
    for process in (system.dirsync, system.accounts_process):
        print(process.tail(60))


@pytest.fixture
async def ledgers(database_url: str) -> AsyncIterator[Pool]:
    """The mailbox service's database, empty."""
    settings = ServiceSettings.model_validate({"database_url": database_url, "instance": "test"})
    async with Service("mailbox", settings) as service:
        yield await open_database(service)


@pytest.fixture
async def around(exchanges: Exchanges, office: Office, database_url: str) -> AsyncIterator[Surrounded]:
    async with copying(exchanges, office, database_url) as box:
        yield Surrounded(box, exchanges, office)
