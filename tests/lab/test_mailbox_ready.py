"""A worker is ready by what is its own: not by servers and agents of others, which all workers ask."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from isthmus_cli.runner.ports import free_ports
from isthmus_events.topics import ACCOUNT_PAIRS

from tests.conftest import Broker
from tests.lab.mailbox_system import EVERYBODY, PROGRAM, mailbox_system
from tests.plugins.exchange import Office
from tests.processes import Process, readiness
from tests.waiting import eventually


async def test_a_worker_is_ready_while_an_agent_is_not_there(
    broker: Broker, office: Office, database_url: str, tmp_path: Path, start: Callable[..., Process]
) -> None:
    port, nobody = free_ports(2)
    async with mailbox_system(office, broker.bootstrap, database_url, tmp_path) as system:
        system.document["source"]["exchange"]["agent"] = f"127.0.0.1:{nobody}"
        await system.apply(EVERYBODY)
        start("mailbox", PROGRAM, **system.settings, ISTHMUS_HTTP_PORT=str(port))
        anna = system.hire("anna")
        await system.say(ACCOUNT_PAIRS, anna.id, anna.pair())

        async def told() -> bool:
            return any("no agent answers" in each.problem for each in anna.progress)

        await eventually(told, 150)
        assert await asyncio.to_thread(readiness, port) == (200, {})
