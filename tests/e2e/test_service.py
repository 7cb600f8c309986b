"""The life of a service: waiting, readiness, stopping, failing; migrations by many at once."""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest
from aiohttp import ClientSession, web
from isthmus_cli.runner import postgres as postgres_runner
from isthmus_cli.runner.ports import free_ports
from isthmus_service import MigrationError, Service, ServiceSettings

from tests.e2e.events_system import until
from tests.processes import Process, ProgramProcess, readiness, wait_until

_BEGIN = "import asyncio\nfrom isthmus_service import ServiceSettings, run\n"
_FAILING = """
async def copy():
    raise LookupError("no folder")

async def serve(service):
    service.spawn("copying", copy())
    await service.run_until_stopped()

run("failing", ServiceSettings, serve)
"""
_STUCK = """
async def never():
    await asyncio.Event().wait()

async def serve(service):
    service.on_stop(never)
    await service.run_until_stopped()

run("stuck", ServiceSettings, serve)
"""
_SEEN = """
import gc

async def serve(service):
    print(gc.get_threshold())

run("seen", ServiceSettings, serve{})
"""


def settings(database_url: str) -> ServiceSettings:
    return ServiceSettings.model_validate({"database_url": database_url, "instance": "test"})


def test_a_service_waits_for_postgresql_and_says_so(
    servers_folder: Path, kafka: str, start: Callable[..., Process]
) -> None:
    postgres_port, port = free_ports(2)
    folder = servers_folder / "postgres-late"
    server = ProgramProcess(postgres_runner.prepare(folder, postgres_port, durable=False), folder / "log")
    service = start(
        "service",
        *(sys.executable, "-m", "tests.e2e.events_worker", "relay"),
        ISTHMUS_DATABASE_URL=postgres_runner.url(folder, postgres_port),
        ISTHMUS_KAFKA=kafka,
        ISTHMUS_HTTP_PORT=str(port),
    )
    name = f"PostgreSQL at 127.0.0.1:{postgres_port}"
    wait_until(lambda: name in readiness(port)[1], "it says what it waits for")
    assert readiness(port)[0] == 503
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz") as answer:
        assert answer.status == 200
    server.start()
    try:
        wait_until(lambda: readiness(port) == (200, {}), "it is ready")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            assert b"isthmus_outbox_events" in answer.read()
        for again in range(5):  # each time in another moment of the relay's and the pool's own work
            server.stop()
            wait_until(lambda: readiness(port)[0] == 503, "it is not ready without PostgreSQL")
            server.start()
            wait_until(lambda: readiness(port) == (200, {}), "it is ready again")
            time.sleep(again * 0.15)
        assert service.stop() == 0
    finally:
        server.kill()
    lines = [json.loads(line) for line in service.log.read_text().splitlines()]
    assert {"waiting for " + name, name + " is there", "worker has stopped"} <= {line["message"] for line in lines}
    assert all(line["service"] == "worker" and line["instance"] and line["time"] and line["level"] for line in lines)
    assert postgres_runner.url(folder, postgres_port).split(":")[2].split("@")[0] not in service.log.read_text()


def test_a_service_that_waits_can_be_stopped(kafka: str, start: Callable[..., Process]) -> None:
    postgres_port, port = free_ports(2)
    service = start(
        "service",
        *(sys.executable, "-m", "tests.e2e.events_worker", "relay"),
        ISTHMUS_DATABASE_URL=f"postgresql://nobody@127.0.0.1:{postgres_port}/none",
        ISTHMUS_KAFKA=kafka,
        ISTHMUS_HTTP_PORT=str(port),
    )
    wait_until(lambda: len(readiness(port)[1]) == 2, "it waits")
    assert service.stop() == 0


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"ISTHMUS_HTTP_PORT": "http"}, "ISTHMUS_HTTP_PORT is wrong: Input should be a valid integer"),
        ({"ISTHMUS_HTTP_HOST": "192.0.2.1"}, "cannot listen on 192.0.2.1:0"),
        ({"ISTHMUS_DATABASE_URL": ""}, "ISTHMUS_DATABASE_URL"),
    ],
)
def test_a_wrong_setting_ends_with_ex_config(
    environment: dict[str, str], message: str, start: Callable[..., Process]
) -> None:
    service = start("service", sys.executable, "-m", "tests.e2e.events_worker", "relay", **environment)
    assert service.wait() == 78
    assert message in service.log.read_text()


def test_a_task_that_fails_ends_the_process(start: Callable[..., Process]) -> None:
    service = start("service", sys.executable, "-c", _BEGIN + _FAILING)
    assert service.wait() == 1
    assert "LookupError: no folder" in service.log.read_text()
    assert "copying failed" in service.log.read_text()


def test_a_service_that_cannot_close_ends_nevertheless(start: Callable[..., Process]) -> None:
    service = start("service", sys.executable, "-c", _BEGIN + _STUCK)
    wait_until(lambda: "stuck has started" in service.log.read_text(), "it has started")
    assert service.stop() == 1
    assert "not everything was closed" in service.log.read_text()


@pytest.mark.parametrize(
    ("given", "threshold"), [("", "(10000, 10, 10)"), (", gc_threshold=(50_000, 20, 30)", "(50000, 20, 30)")]
)
def test_the_collector_of_a_process_is_set_where_it_begins(
    start: Callable[..., Process], given: str, threshold: str
) -> None:
    service = start("service", sys.executable, "-c", _BEGIN + _SEEN.format(given), ISTHMUS_HTTP_PORT="0")
    assert service.wait() == 0
    assert threshold in service.log.read_text()


async def test_a_service_within_another_process_leaves_its_collector_alone() -> None:
    before = gc.get_threshold()
    async with Service("guest", ServiceSettings(http_port=0)):
        assert gc.get_threshold() == before


async def test_pages_of_a_service_come_when_it_has_started() -> None:
    async def hello(_request: web.Request) -> web.Response:
        return web.Response(text="hello")

    async with Service("pages", ServiceSettings()) as service, ClientSession() as client:
        service.web.router.add_get("/hello", hello)
        service.check("cache", lambda: "still empty")
        async with client.get(f"{service.url}/readyz") as answer:
            assert (answer.status, (await answer.json())["waiting"]) == (
                503,
                {"cache": "still empty", "pages": "starting"},
            )
        service.spawn("serving", service.run_until_stopped())

        async def started() -> bool:
            return service.started

        await until(started, "the service has started")
        async with client.get(f"{service.url}/hello") as answer:
            assert await answer.text() == "hello"
        async with client.get(f"{service.url}/healthz") as answer:
            assert answer.status == 200


async def test_what_was_opened_last_is_closed_first() -> None:
    closed: list[str] = []

    async def close(name: str) -> None:
        closed.append(name)

    async def task() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            closed.append("task")

    async with Service("order", ServiceSettings()) as service:
        service.on_stop(lambda: close("first"))
        service.spawn("task", task())
        service.on_stop(lambda: close("last"))
        await asyncio.sleep(0)
    assert closed == ["last", "task", "first"]


async def test_migrations_are_applied_once_when_many_start_together(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "0001_first.sql").write_text("CREATE TABLE a (n int); INSERT INTO a SELECT 1 FROM pg_sleep(0.3)")
    (tmp_path / "0002_second.sql").write_text("INSERT INTO a VALUES (2)")

    async def begin() -> list[int]:
        async with Service("many", settings(database_url)) as service:
            pool = await service.database("many", tmp_path)
            return [row["n"] for row in await pool.fetch("SELECT n FROM a ORDER BY n")]

    assert await asyncio.gather(*(begin() for _ in range(6))) == [[1, 2]] * 6


async def test_a_failing_migration_leaves_nothing_behind(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "0001_first.sql").write_text("CREATE TABLE a (n int)")
    (tmp_path / "0002_second.sql").write_text("INSERT INTO b VALUES (2)")
    async with Service("wrong", settings(database_url)) as service:
        with pytest.raises(MigrationError, match=r'0002_second\.sql of wrong failed: relation "b" does not exist'):
            await service.database("wrong", tmp_path)
    connection = await asyncpg.connect(database_url)
    assert await connection.fetchval("SELECT to_regclass('wrong.a')") is None
    await connection.close()


async def test_a_changed_old_migration_is_refused(database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "0001_first.sql"
    file.write_text("CREATE TABLE a (n int)")
    async with Service("changed", settings(database_url)) as service:
        await service.database("changed", tmp_path)
    file.write_text("CREATE TABLE a (n bigint)")
    async with Service("changed", settings(database_url)) as service:
        with pytest.raises(MigrationError, match=r"0001_first\.sql of changed was changed after"):
            await service.database("changed", tmp_path)
