"""Real Kafka and PostgreSQL for the tests that ask for them: started once a test run, in a folder of their own."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest
from hypothesis import HealthCheck, settings
from isthmus_cli.runner import kafka as kafka_runner
from isthmus_cli.runner import postgres as postgres_runner
from isthmus_cli.runner.ports import free_ports

from tests.processes import Process, ProgramProcess

pytest_plugins = [
    "tests.plugins.violations",
    "tests.plugins.forests",
    "tests.plugins.exchange",
    "tests.plugins.lab",
    "tests.plugins.samples",
    "tests.plugins.public_folders",
]

# A busy machine is slow: that says nothing about what is tested. All else is hypothesis's own, or its profile for CI.
settings.register_profile("isthmus", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("isthmus")

_numbers = itertools.count(1)


class Broker(ProgramProcess):
    """A Kafka broker at `bootstrap`, host:port."""

    def __init__(self, folder: Path) -> None:
        port, controller_port = free_ports(2)
        self.bootstrap = f"127.0.0.1:{port}"
        super().__init__(kafka_runner.prepare(folder, port, controller_port), folder / "log")


@contextlib.contextmanager
def _broker(folder: Path) -> Iterator[Broker]:
    broker = Broker(folder)
    broker.start()
    try:
        yield broker
    finally:
        broker.kill()  # its folder goes with it


@pytest.fixture(scope="session")
def servers_folder() -> Iterator[Path]:
    """A folder for servers; gone after the test run."""
    with tempfile.TemporaryDirectory(prefix="isthmus-test-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def kafka(servers_folder: Path) -> Iterator[str]:
    """host:port of a broker that all tests share; use topics and groups with names of your own, or `broker`."""
    with _broker(servers_folder / "kafka") as broker:
        yield broker.bootstrap


@pytest.fixture
def broker(servers_folder: Path) -> Iterator[Broker]:
    """A broker for one test alone, without topics, which it may stop, kill and start."""
    with _broker(servers_folder / f"kafka-{next(_numbers)}") as broker:
        yield broker


@pytest.fixture(scope="session")
def postgres(servers_folder: Path) -> Iterator[Callable[[str], str]]:
    """A PostgreSQL server that all tests share, as a function from a database's name to its URL."""
    folder = servers_folder / "postgres"
    [port] = free_ports(1)
    process = ProgramProcess(postgres_runner.prepare(folder, port, durable=False), folder / "log")
    process.start()
    try:
        yield lambda database: postgres_runner.url(folder, port, database)
    finally:
        process.stop()


@pytest.fixture
def database_url(postgres: Callable[[str], str]) -> str:
    """URL of a new, empty database."""
    name = f"test_{next(_numbers)}"

    async def create() -> None:
        connection = await asyncpg.connect(postgres("isthmus"))
        await connection.execute(f"CREATE DATABASE {name}")
        await connection.close()

    asyncio.run(create())
    return postgres(name)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Start processes that end with the test: start("name", *command, **environment)."""
    processes: list[Process] = []

    def start_process(name: str, *command: str, **environment: str) -> Process:
        process = Process(command, tmp_path / f"{name}.log", environment)
        process.start()
        processes.append(process)
        return process

    yield start_process
    for process in processes:
        process.kill()
