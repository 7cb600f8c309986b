"""A mailbox copied between two sites, by an agent beside each Exchange: any half may die at any moment."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from isthmus.agent.v1.agent_pb2_grpc import AgentServiceStub
from isthmus_cli.certificates import issue, tls_settings
from isthmus_cli.runner.ports import free_ports
from isthmus_exchange import metrics
from isthmus_exchange.agent_line import AgentLine
from isthmus_exchange.client import Client
from isthmus_exchange.errors import AccessError, EwsError, InDoubtError, TransientError
from isthmus_exchange.operations import CreateFolder, GetDistinguishedFolders
from isthmus_mailbox.running import run_pass
from isthmus_service import Caller, Security

from tests.lab.copying import Copying, contents, copying, put, role, stream
from tests.plugins.exchange import Exchange, Exchanges, Office
from tests.processes import Process

BIN = Path(sys.executable).parent


@dataclass
class Site:
    """An agent beside a server, and the worker's client of that server by it."""

    agent: Process
    address: str
    client: Client
    security: Security


@dataclass
class Far:
    """A person whose mailbox is copied by two agents; `near` asks both servers without them."""

    near: Copying
    box: Copying
    alpha: Site
    beta: Site


@pytest.fixture
async def far(
    exchanges: Exchanges, office: Office, database_url: str, start: Callable[..., Process], tmp_path: Path
) -> AsyncIterator[Far]:
    security = issue(tmp_path / "authority", tmp_path / "worker", ["worker"], [])

    def site(exchange: Exchange) -> Site:
        name, (user, password) = exchange.organisation.name, exchange.service_account
        [port] = free_ports(1)
        (tmp_path / f"{name}-password").write_text(f"{password}\n")
        (tmp_path / f"{name}-ca.pem").write_bytes(exchange.authority.read_bytes())
        agent = start(
            f"agent-{name}",
            str(BIN / "isthmus-agent"),
            **tls_settings(issue(tmp_path / "authority", tmp_path / f"agent-{name}", ["agent"], ["127.0.0.1"])),
            ISTHMUS_GRPC_PORT=str(port),
            ISTHMUS_HTTP_PORT="0",
            ISTHMUS_SECRETS_DIR=str(tmp_path),
            ISTHMUS_EWS=exchange.ews,
            ISTHMUS_EWS_USER=user,
            ISTHMUS_EWS_PASSWORD_FILE=f"{name}-password",
            ISTHMUS_EWS_CA_FILE=f"{name}-ca.pem",
        )
        address = f"127.0.0.1:{port}"
        line = AgentLine(Caller(security, address, AgentServiceStub), name)
        return Site(agent, address, Client(exchange.ews, user, "", name=name, answer_seconds=5, line=line), security)

    async with AsyncExitStack() as stack:
        near = await stack.enter_async_context(copying(exchanges, office, database_url))
        alpha, beta = site(exchanges.alpha), site(exchanges.beta)
        for each in (alpha, beta):
            await stack.enter_async_context(each.client)
        inbox = await role(near.alpha, "inbox")
        travel = await near.alpha.call(CreateFolder(inbox, "Travel", "IPF.Note"))
        await put(near.alpha, inbox, *(stream(f"Letter {number}", size=3000) for number in range(150)))
        await put(near.alpha, travel, *(stream(f"Ticket {number}", size=40_000) for number in range(10)))
        box = replace(near, alpha=alpha.client.mailbox(near.alpha.address), beta=beta.client.mailbox(near.beta.address))
        for side in (box.alpha, box.beta):
            await side.call(GetDistinguishedFolders())  # the agents are up
        yield Far(near, box, alpha, beta)


async def until_in_step(box: Copying) -> None:
    """Passes until one finds nothing to do and nothing in doubt."""
    for _ in range(30):
        this = await box.new_pass()
        try:
            await run_pass(this)
        except (EwsError, InDoubtError, TransientError):
            await asyncio.sleep(0.2)
            continue
        if not this.counts and not this.doubt:
            return
    raise AssertionError("the passes come to no end")


async def same(far: Far) -> None:
    assert await contents(far.near.beta) == await contents(far.near.alpha)


async def test_what_crosses_the_line_is_compressed_and_arrives_as_it_was(far: Far) -> None:
    await until_in_step(far.box)
    await same(far)

    def crossed(name: str, direction: str, form: str) -> float:
        return float(metrics.LINE.labels(name, direction, form)._value.get())

    exported, uploaded = ("alpha", "received"), ("beta", "sent")
    for line in (exported, uploaded):
        assert 0 < crossed(*line, "packed") < crossed(*line, "plain") / 4, line


async def test_any_half_may_die_at_any_moment(far: Far) -> None:
    chance = random.Random(6)
    for _ in range(8):
        this = await far.box.new_pass()
        task = asyncio.create_task(run_pass(this))
        await asyncio.wait({task}, timeout=chance.uniform(0.02, 0.6))
        victim = chance.choice([far.alpha.agent, far.beta.agent, None])
        if victim is None:
            task.cancel()  # the worker; another one takes the mailbox
        else:
            victim.kill()
            await asyncio.sleep(chance.uniform(0, 0.3))
            victim.start()
        await asyncio.wait({task}, timeout=60)
        task.cancel()
        (outcome,) = await asyncio.gather(task, return_exceptions=True)
        assert outcome is None or isinstance(
            outcome, (asyncio.CancelledError, EwsError, InDoubtError, TransientError)
        ), outcome
    await until_in_step(far.box)
    await same(far)


async def test_an_agent_answers_only_who_shows_a_certificate_and_says_what_is_wrong(far: Far, tmp_path: Path) -> None:
    stranger = issue(tmp_path / "another authority", tmp_path / "stranger", ["worker"], [])
    unknown = replace(stranger, ca=far.alpha.security.ca)
    line = AgentLine(Caller(unknown, far.alpha.address, AgentServiceStub), "alpha")
    with pytest.raises(TransientError, match="no agent answers"):
        await line.ready()
    await line.close()
    (tmp_path / "alpha-password").write_text("wrong\n")
    far.alpha.agent.kill()
    far.alpha.agent.start()
    with pytest.raises(AccessError, match="refuses the account"):
        await far.box.alpha.call(GetDistinguishedFolders())
