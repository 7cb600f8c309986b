"""Fixtures of several tests of the directories."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import Broker
from tests.lab.directory_system import System
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
