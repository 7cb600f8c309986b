"""What holds a mailbox worker up: it is said, and what the project allows is kept."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from isthmus.events.v1.mailbox_pb2 import PRESSURE_LIMIT_BANDWIDTH, PRESSURE_LIMIT_TARGET_SERVER
from isthmus_cli.runner.ports import free_ports
from isthmus_events.topics import ACCOUNT_PAIRS

from tests.conftest import Broker
from tests.lab.copying import contents, put, role, stream
from tests.lab.mailbox_system import EVERYBODY, PROGRAM, MailboxSystem, mailbox_system
from tests.plugins.conditions import conditions
from tests.plugins.exchange import Office
from tests.processes import Process
from tests.waiting import eventually


@pytest.fixture
async def running(broker: Broker, office: Office, database_url: str, tmp_path: Path) -> AsyncIterator[MailboxSystem]:
    async with mailbox_system(office, broker.bootstrap, database_url, tmp_path) as system:
        yield system


def measured(port: int, sample: str) -> float:
    """The value of a sample in a process's metrics, with its labels as they are written there; 0 when it is not yet."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    return float(next((line.rpartition(" ")[2] for line in lines if line.startswith(f"{sample} ")), 0))


async def test_what_is_limiting_is_said_and_a_bandwidth_is_kept(
    running: MailboxSystem, start: Callable[..., Process]
) -> None:
    [port] = free_ports(1)
    anna, bert = running.hire("anna"), running.hire("bert")
    for mover, letters in ((anna, 5), (bert, 300)):
        inbox = await role(mover.alpha, "inbox")
        for first in range(0, letters, 100):
            batch = range(first, min(first + 100, letters))
            await put(mover.alpha, inbox, *(stream(f"Letter {number}", size=4000) for number in batch))
    exchange = running.office.exchanges.beta
    beta = exchange.organisation.name

    async def said(limit: Any) -> bool:
        return any(each.limit == limit and each.organisation == beta for each in running.pressures)

    busy = {"fault": "busy", "operations": ["UploadItems"], "back_off_ms": 5000, "times": 1}
    with conditions(exchange, faults={"rules": [busy]}):
        start("mailbox", PROGRAM, **running.settings, ISTHMUS_HTTP_PORT=str(port))
        await running.say(ACCOUNT_PAIRS, anna.id, anna.pair())
        await running.answer(anna, b"")
    await eventually(lambda: said(PRESSURE_LIMIT_TARGET_SERVER), 150)
    resting = next(each for each in running.pressures if each.until)
    assert "busy (ErrorServerBusy)" in resting.words
    assert 0 < resting.until - resting.at < 6_000_000
    assert measured(port, f'isthmus_ews_spent_seconds_total{{on="back-off",server="{beta}"}}') > 1

    # A limit of the project holds at once, for a client that is in use.
    rate = 300_000
    running.document["target"]["exchange"]["limits"] = {"bandwidth": "300 kB/s"}
    await running.apply(EVERYBODY)

    async def in_force() -> bool:
        return measured(port, f'isthmus_ews_bandwidth_limit_bytes{{server="{beta}"}}') == rate

    await eventually(in_force, 60)
    sent = f'isthmus_ews_bytes_total{{direction="sent",server="{beta}"}}'
    before, began = measured(port, sent), time.monotonic()
    await running.say(ACCOUNT_PAIRS, bert.id, bert.pair())
    await running.answer(bert, b"")
    crossed = measured(port, sent) - before
    # A second's worth may come at once, and the last request may owe: a third of it all, here.
    assert crossed * 2 / 3 <= rate * (time.monotonic() - began + 1)
    assert crossed > 3 * rate
    await eventually(lambda: said(PRESSURE_LIMIT_BANDWIDTH), 60)
    assert await contents(bert.beta) == await contents(bert.alpha)
