"""stats against a real broker: events in, portal out, over crashes and restarts, and in a real browser."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiokafka import AIOKafkaProducer
from google.protobuf.message import Message
from isthmus.accounts.v1 import accounts_pb2
from isthmus.events.v1 import directory_pb2, mailbox_pb2, project_pb2, switch_pb2
from isthmus_cli.runner.ports import free_ports
from isthmus_events import Topic, ensure_topics
from isthmus_events.event import headers
from isthmus_events.topics import (
    ACCOUNT_PAIRS,
    DIRECTORY_STATUS,
    MAILBOX_NOT_BROUGHT,
    MAILBOX_PASSES,
    MAILBOX_PRESSURE,
    MAILBOX_PROGRESS,
    MAILBOX_SET_ASIDE,
    PROJECTS,
    SWITCH_PROGRESS,
)
from isthmus_project import Project
from isthmus_service import Service
from isthmus_stats.aggregate import CHANGELOGS, Aggregation
from isthmus_stats.board import Board
from isthmus_stats.main import StatsSettings

from tests.browser import browser
from tests.conftest import Broker
from tests.processes import Process
from tests.waiting import eventually

BIN = Path(sys.executable).parent
SIDE = accounts_pb2.Side
STATE = mailbox_pb2.MailboxState
PEOPLE = ("Anna Berg", "Ben Castro", "Clara Dahl", "David Engel", "Eva Fischer", "Finn Grün")


class Speaker:
    """Says what the other services would say, through Kafka, as they do."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer
        self._said = 0

    async def say(self, topic: Topic[Any], key: bytes, message: Message) -> None:
        self._said += 1
        attributes = headers(
            f"{self._said}", "test", message.DESCRIPTOR.full_name, datetime.now(UTC), int(time.time() * 1e6)
        )
        await self._producer.send_and_wait(topic.name, key=key, value=message.SerializeToString(), headers=attributes)

    async def rubbish(self, topic: Topic[Any], key: bytes) -> None:
        await self._producer.send_and_wait(topic.name, key=key, value=b"\xff\xff\xff")

    async def project(self) -> None:
        document = project().model_dump_json().encode()
        await self.say(PROJECTS, b"merge", project_pb2.ProjectApplied(project="merge", revision=1, document=document))

    async def pair(self, number: int, side: accounts_pb2.Side.ValueType = SIDE.SIDE_SOURCE) -> None:
        name = PEOPLE[number]
        alias = name.split()[0].lower()
        pair = accounts_pb2.Pair(
            id=identity(number), kind=accounts_pb2.RECIPIENT_KIND_USER, active_side=side,
            collection="Board" if number == 0 else "Everybody", revision=int(time.time() * 1e6),
        )  # fmt: skip
        pair.source.MergeFrom(accounts_pb2.Account(display_name=name, primary_smtp_address=f"{alias}@alpha.example"))
        pair.source.mailbox_guid = identity(number)
        pair.target.primary_smtp_address = f"{alias}@beta.example"
        await self.say(ACCOUNT_PAIRS, pair.id, pair)

    async def progress(self, number: int, state: mailbox_pb2.MailboxState.ValueType, done: int, **fields: Any) -> None:
        message = mailbox_pb2.MailboxProgress(
            pair_id=identity(number), state=state, items_total=200, items_done=done, bytes_done=done * 25_000,
            folders=14, at=int(time.time() * 1e6), **fields,
        )  # fmt: skip
        setattr(message, "pass", 1)
        await self.say(MAILBOX_PROGRESS, message.pair_id, message)

    async def switch(self, number: int, step: switch_pb2.SwitchStep.ValueType, **fields: Any) -> None:
        message = switch_pb2.SwitchProgress(
            pair_id=identity(number), request_id=identity(99), side=SIDE.SIDE_TARGET, step=step,
            at=int(time.time() * 1e6), **fields,
        )  # fmt: skip
        await self.say(SWITCH_PROGRESS, message.pair_id, message)


def identity(number: int) -> bytes:
    return bytes([number]) * 16


def project() -> Project:
    def organisation(name: str) -> dict[str, Any]:
        base = f"DC={name},DC=example"
        return {
            "name": name,
            "directory": {"url": f"ldaps://{name}.example", "user": "svc", "password": {"file": name}, "base": base},
            "exchange": {"ews": f"https://{name}.example/EWS/Exchange.asmx", "user": "svc", "password": {"file": name}},
            "redirection": f"{{alias}}@{name}.redirect.example",
            "create": {"users_ou": f"OU=U,{base}", "groups_ou": f"OU=G,{base}", "contacts_ou": f"OU=C,{base}"},
        }

    return Project.model_validate(
        {
            "project": "merge",
            "source": organisation("alpha"),
            "target": organisation("beta"),
            "collections": [
                {"name": "Everybody", "ou": "OU=Staff,DC=alpha,DC=example", "switch": "when-in-step"},
                {"name": "Board", "mailboxes": ["anna@alpha.example"], "priority": 1},
            ],
        }
    )


class Stats:
    """The service as a process; ``get`` reads from it."""

    def __init__(self, process: Process, url: str, http: aiohttp.ClientSession) -> None:
        self.process = process
        self.url = url
        self._http = http

    async def get(self, path: str) -> Any:
        async with self._http.get(self.url + path) as answer:
            return await answer.json() if "json" in answer.content_type else await answer.text()

    async def until(self, path: str, condition: Callable[[Any], Any], seconds: float = 90) -> Any:
        """What ``path`` answers, as soon as the condition holds for it."""
        answer: Any = None
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self.process.alive(), self.process.tail()
            try:
                answer = await self.get(path)
                if condition(answer):
                    return answer
            except (aiohttp.ClientError, KeyError):
                pass
            await asyncio.sleep(0.1)
        raise AssertionError(f"{path} answers {answer}\n{self.process.tail()}")

    async def ready(self) -> None:
        await self.until("/readyz", lambda answer: answer["ready"])


@pytest.fixture
async def speaker(broker: Broker) -> AsyncIterator[Speaker]:
    await ensure_topics(broker.bootstrap)
    async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap) as producer:
        yield Speaker(producer)


@pytest.fixture
async def stats(broker: Broker, start: Callable[..., Process]) -> AsyncIterator[Stats]:
    [port] = free_ports(1)
    process = start("stats", str(BIN / "isthmus-stats"), ISTHMUS_KAFKA=broker.bootstrap, ISTHMUS_HTTP_PORT=str(port))
    async with aiohttp.ClientSession() as http:
        yield Stats(process, f"http://127.0.0.1:{port}", http)


async def test_what_services_say_is_on_the_portal_and_survives_a_kill(speaker: Speaker, stats: Stats) -> None:
    await speaker.project()
    for number in range(len(PEOPLE)):
        await speaker.pair(number)
    await speaker.say(
        DIRECTORY_STATUS, b"merge", directory_pb2.DirectoryStatus(project="merge", state="in step", pairs=6)
    )
    await speaker.progress(0, STATE.MAILBOX_STATE_FIRST_PASS, 50)
    await speaker.progress(1, STATE.MAILBOX_STATE_IN_STEP, 200)
    await speaker.rubbish(MAILBOX_PROGRESS, identity(1))
    await speaker.say(
        MAILBOX_SET_ASIDE, identity(0),
        mailbox_pb2.ItemSetAside(pair_id=identity(0), folder="Inbox", item_id="AAA", reason="ErrorItemCorrupt"),
    )  # fmt: skip
    done = mailbox_pb2.PassCompleted(pair_id=identity(1), added=200, proof=mailbox_pb2.Proof(equal=True))
    await speaker.say(MAILBOX_PASSES, identity(1), done)
    await speaker.switch(1, switch_pb2.SWITCH_STEP_PROOF, waiting_for="a pass that proves both sides equal")
    held_up = mailbox_pb2.WorkerPressure(
        worker="mailbox-1", limit=mailbox_pb2.PRESSURE_LIMIT_TARGET_SERVER, words="beta is busy", at=2**60
    )
    await speaker.say(MAILBOX_PRESSURE, b"mailbox-1", held_up)
    cache = mailbox_pb2.NotBrought.Loss(kind="offline cache", count=50, bytes=2_500_000, words="is built anew")
    await speaker.say(
        MAILBOX_NOT_BROUGHT, identity(0), mailbox_pb2.NotBrought(pair_id=identity(0), losses=[cache], at=1)
    )

    await stats.ready()
    held = await stats.until("/api/v1/summary", lambda got: got["limited_by"])
    expected = {"limit": "target server", "words": "beta is busy", "until": 0, "workers": ["mailbox-1"]}
    assert held["limited_by"] == [expected]
    summary = await stats.until("/api/v1/summary", lambda got: got["mailboxes"] == 6 and got["items"]["done"] == 250)
    assert summary["project"]["source"] == "alpha"
    assert [one["name"] for one in summary["collections"]] == ["Board", "Everybody"]
    assert summary["by_status"] == dict.fromkeys(summary["by_status"], 0) | {"waiting": 4, "copying": 1, "switching": 1}
    anna = await stats.until(f"/api/v1/mailboxes/{identity(0).hex()}", lambda got: got["set_aside"])
    assert anna["set_aside"][0]["reason"] == "ErrorItemCorrupt"
    anna = await stats.until(f"/api/v1/mailboxes/{identity(0).hex()}", lambda got: got["not_brought"])
    assert (anna["not_brought"][0]["kind"], anna["not_brought"][0]["count"]) == ("offline cache", 50)
    ben = await stats.until(f"/api/v1/mailboxes/{identity(1).hex()}", lambda got: got["passes"] and got["switch"])
    assert ben["passes"][0]["equal"] is True
    metrics = await stats.get("/metrics")
    assert 'isthmus_mailboxes{collection="Board",status="copying"} 1.0' in metrics

    stats.process.kill()
    await speaker.progress(0, STATE.MAILBOX_STATE_IN_STEP, 200)  # said while it is away
    stats.process.start()
    await stats.ready()
    again = await stats.until(f"/api/v1/mailboxes/{identity(0).hex()}", lambda got: got["state"] == "in step")
    assert again["not_brought"] == anna["not_brought"]
    assert (again["items"]["done"], again["set_aside"]) == (200, anna["set_aside"])
    # Ben's story was told before the kill and is on no compacted topic: it comes from the tables.
    assert (await stats.get(f"/api/v1/mailboxes/{identity(1).hex()}"))["passes"] == ben["passes"]
    assert (await stats.get("/api/v1/summary"))["mailboxes"] == 6


async def test_it_waits_for_kafka_and_stops_at_once_while_people_look(
    broker: Broker, speaker: Speaker, stats: Stats
) -> None:
    await stats.ready()
    broker.kill()
    stats.process.kill()
    stats.process.start()
    waiting = await stats.until("/readyz", lambda got: any("Kafka" in what for what in got["waiting"]))
    assert not waiting["ready"]
    broker.start()
    await stats.ready()
    await speaker.pair(2)
    await stats.until("/api/v1/summary", lambda got: got["mailboxes"] == 1)
    async with aiohttp.ClientSession() as http, http.get(f"{stats.url}/events") as looking:
        await looking.content.readline()
        assert await asyncio.to_thread(stats.process.stop) == 0, stats.process.tail()


async def test_what_comes_while_it_joins_is_read_when_it_has(broker: Broker, speaker: Speaker) -> None:
    """In the moment between tables that are read back and topics that flow (reading.py)."""
    await ensure_topics(broker.bootstrap, CHANGELOGS)
    async with Service("stats", StatsSettings.model_validate({"kafka": broker.bootstrap})) as service:
        board = Board()
        aggregation = Aggregation(service, board)
        service.spawn("aggregation", aggregation.run())
        app = aggregation._app

        async def joined() -> bool:
            return "tables" not in await service.not_ready() and not app.rebalancing

        async def read() -> bool:
            return identity(1).hex() in board.mailboxes

        await eventually(joined)
        app.consumer.pause_partitions(app.consumer.assignment())
        await speaker.pair(1)
        await asyncio.sleep(0.5)  # time to lose it in
        assert not await read()
        tables: Any = app.tables  # Faust's types do not have all of it
        await tables.recovery.on_recovery_completed(app.consumer_generation_id)
        await eventually(read)


async def test_it_is_not_ready_before_it_has_seen_all_topics(broker: Broker) -> None:
    await ensure_topics(broker.bootstrap, CHANGELOGS)
    async with Service("stats", StatsSettings.model_validate({"kafka": broker.bootstrap})) as service:
        board = Board()
        aggregation = Aggregation(service, board)
        service.spawn("aggregation", aggregation.run())
        recovered = asyncio.Event()

        async def ready() -> bool:
            return "tables" not in await service.not_ready()

        aggregation._app.on_rebalance_complete.connect(lambda *_, **__: recovered.set(), weak=False)
        async with asyncio.timeout(60):
            await recovered.wait()
        assert not await ready()
        await ensure_topics(broker.bootstrap)
        await eventually(ready)


@pytest.mark.filterwarnings("ignore::faust.exceptions.AlreadyConfiguredWarning")
async def test_tables_that_cannot_be_read_back_end_it_with_an_error(broker: Broker, speaker: Speaker) -> None:
    await ensure_topics(broker.bootstrap, CHANGELOGS)
    async with Service("stats", StatsSettings.model_validate({"kafka": broker.bootstrap})) as service:
        aggregation = Aggregation(service, Board())
        running = service.spawn("aggregation", aggregation.run())
        app = aggregation._app

        async def joined() -> bool:
            return "tables" not in await service.not_ready() and not app.rebalancing

        async def failed() -> bool:
            return service.failed

        await eventually(joined)
        app.conf.broker_request_timeout = 1.0
        tables: Any = app.tables  # Faust's types do not have all of it
        broker.send(signal.SIGSTOP)
        try:
            tables.recovery.signal_recovery_start.set()
            await eventually(failed)
        finally:
            broker.send(signal.SIGCONT)  # Faust says good-bye to it
        with pytest.raises(TimeoutError, match="Kafka has not answered for 1 s"):
            running.result()


async def test_a_browser_sees_changes_as_they_happen(speaker: Speaker, stats: Stats) -> None:
    await speaker.project()
    for number in range(len(PEOPLE)):
        await speaker.pair(number)
        await speaker.progress(number, STATE.MAILBOX_STATE_FIRST_PASS, 20 * number)
    await stats.ready()
    await stats.until("/api/v1/summary", lambda got: got["items"]["done"] == 300)
    async with browser() as page:
        await page.open(stats.url)
        await page.until("document.querySelector('.connection.live')")
        await page.until("document.querySelectorAll('#mailboxes tbody tr').length === 6")
        row = f"document.querySelector('[data-key=\"{identity(5).hex()}\"]')"
        assert "Copying" in await page.value(f"{row}.innerText")
        # The very same element changes: nobody's focus or selection is lost.
        await page.value(f"window.kept = {row}; window.kept.querySelector('a').focus(); true")

        await speaker.progress(5, STATE.MAILBOX_STATE_IN_STEP, 200)
        await page.until(f"{row}.innerText.includes('In step')")
        assert await page.value(f"window.kept === {row} && document.activeElement.closest('tr') === window.kept")
        await speaker.switch(5, switch_pb2.SWITCH_STEP_REDIRECTION, problem="<b>dirsync</b> is away")
        await page.until(f"{row}.innerText.includes('<b>dirsync</b> is away')")

        await page.value("document.querySelector('#q').value = 'anna'; "
                         "document.querySelector('#q').dispatchEvent(new Event('input')); true")  # fmt: skip
        await page.until("document.querySelectorAll('#mailboxes tbody tr').length === 1")
        assert await page.value("location.search") == "?q=anna"

        await page.open(f"{stats.url}/mailboxes/{identity(5).hex()}")
        await page.until("document.querySelector('#switches').innerText.includes('is away')")
        await speaker.switch(5, switch_pb2.SWITCH_STEP_DONE)
        await speaker.pair(5, SIDE.SIDE_TARGET)
        await page.until("document.querySelector('#standing .pill').innerText.includes('Switched')")
        assert page.problems == []
        assert await page.picture(400, 800, dark=True) != await page.picture(400, 800), "dark mode is another picture"
