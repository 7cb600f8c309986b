"""switch with the real account map, Kafka, PostgreSQL, and two Exchange organisations that carry the probe mails.

What directory synchronisation and the mailbox service do is done here, by what they do it with: targetAddress in both
forests, and events on their topics.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import grpc
import pytest
from exchangelib import Message
from isthmus.accounts.v1 import accounts_pb2
from isthmus.accounts.v1.accounts_pb2_grpc import AccountMapServiceStub
from isthmus.events.v1 import directory_pb2, mailbox_pb2, project_pb2, switch_pb2
from isthmus_cli.runner.ports import free_ports
from isthmus_cli.signing import make_keys
from isthmus_events import Topic, ensure_topics, send
from isthmus_events.topics import (
    ACCOUNT_PAIRS,
    DIRECTORY_PAIRS,
    MAILBOX_ORDERS,
    MAILBOX_PASSES,
    MAILBOX_PROGRESS,
    PROJECTS,
    REDIRECTIONS,
    SWITCH_PROGRESS,
    SWITCH_REQUESTS,
)
from isthmus_project import Project
from isthmus_sync.mailbox import certificate

from tests.conftest import Broker
from tests.lab.mailbox_system import events, organisation
from tests.plugins.clients import account_of
from tests.plugins.exchange import Exchange, Exchanges, Office, Person
from tests.processes import Process
from tests.waiting import eventually

SOURCE, TARGET = accounts_pb2.SIDE_SOURCE, accounts_pb2.SIDE_TARGET
BIN = Path(sys.executable).parent
STEP = switch_pb2.SwitchStep
HEARD = (ACCOUNT_PAIRS, MAILBOX_ORDERS, SWITCH_PROGRESS, SWITCH_REQUESTS)
EQUAL = mailbox_pb2.Proof(equal=True)


@dataclass
class Mover:
    """Somebody with a mailbox on both sides, and what was said about them."""

    alpha: Person
    beta: Person
    id: bytes = field(default_factory=lambda: uuid.uuid4().bytes)
    orders: list[bytes] = field(default_factory=list)
    progress: list[switch_pb2.SwitchProgress] = field(default_factory=list)
    requests: list[bytes] = field(default_factory=list)
    # Whether the mailbox service signs what it proved.
    certified: bool = True
    # The proofs of the next passes; the last one stands for all that follow.
    proofs: list[mailbox_pb2.Proof] = field(default_factory=lambda: [EQUAL])

    def ended(self, request: bytes) -> switch_pb2.SwitchProgress | None:
        last = self.progress[-1] if self.progress else None
        over = last is not None and last.step in (STEP.SWITCH_STEP_DONE, STEP.SWITCH_STEP_REFUSED)
        return last if over and last is not None and last.request_id == request else None


class World:
    """The other services, as far as switch hears of them."""

    def __init__(self, bootstrap: str, exchanges: Exchanges, secrets: Path) -> None:
        self.bootstrap = bootstrap
        self._secrets = secrets
        self.exchanges = exchanges
        self.movers: dict[bytes, Mover] = {}
        self._active: dict[bytes, int] = {}

    async def say(self, topic: Topic[Any], key: bytes, message: Any) -> None:
        await send(self.bootstrap, "test", topic, key, message)

    async def listen(self) -> None:
        """Hears everything from the beginning, and does what the other services would do about it."""
        async for event in events(self.bootstrap, HEARD):
            mover = self.movers.get(event.key)
            if mover is not None:
                await self._heard(mover, event.data)

    async def _heard(self, mover: Mover, said: Any) -> None:
        match said:
            case switch_pb2.SwitchProgress():
                mover.progress.append(said)
            case switch_pb2.SwitchRequested():
                mover.requests.append(said.request_id)
            case mailbox_pb2.MailboxOrdered():
                proof = mover.proofs.pop(0) if len(mover.proofs) > 1 else mover.proofs[0]
                mover.orders.append(said.request_id)
                done = mailbox_pb2.PassCompleted(pair_id=mover.id, request_id=said.request_id, proof=proof)
                if proof.equal and mover.certified:
                    done.proof.certificate = self.certificate(mover)
                await self.say(MAILBOX_PASSES, mover.id, done)
            case accounts_pb2.Pair() if self._active.get(mover.id) != said.active_side:
                self._active[mover.id] = said.active_side
                await asyncio.to_thread(self._redirect, mover, said.active_side)
                redirection = directory_pb2.RedirectionSet(pair_id=mover.id, active_side=said.active_side)
                await self.say(REDIRECTIONS, mover.id, redirection)

    def certificate(self, mover: Mover) -> bytes:
        key = certificate.signing_key((self._secrets / certificate.KEY_FILE).read_bytes())
        said = {
            "kind": certificate.KIND,
            "pair": mover.id.hex(),
            "complete": True,
            "ended_at": f"{datetime.now(UTC):%FT%TZ}",
        }
        return certificate.packed(certificate.sealed(said, key))

    def _redirect(self, mover: Mover, active: int) -> None:
        for exchange, person, other, here in (
            (self.exchanges.alpha, mover.alpha, (self.exchanges.beta, mover.beta), active == SOURCE),
            (self.exchanges.beta, mover.beta, (self.exchanges.alpha, mover.alpha), active == TARGET),
        ):
            there = f"SMTP:{other[1].account}@{other[0].organisation.redirection_domain}"
            exchange.change(person.dn, targetAddress=[] if here else [there])

    async def apply(self, *collections: dict[str, Any]) -> None:
        document = {
            "project": "merge",
            "source": organisation(self.exchanges.alpha),
            "target": organisation(self.exchanges.beta),
            "collections": list(collections),
        }
        project = Project.model_validate(document).model_dump_json().encode()
        await self.say(PROJECTS, b"merge", project_pb2.ProjectApplied(project="merge", revision=1, document=project))

    async def pair(self, mover: Mover, collection: str = "Everybody", *, without: int = 0) -> None:
        """Says that these two belong together; returns when the account map knows it. `without`: a side that has no
        mailbox.
        """
        self.movers[mover.id] = mover
        pair = accounts_pb2.Pair(id=mover.id, kind=accounts_pb2.RECIPIENT_KIND_USER, collection=collection)
        for account, person, side in ((pair.source, mover.alpha, SOURCE), (pair.target, mover.beta, TARGET)):
            account.MergeFrom(
                accounts_pb2.Account(
                    side=side,
                    object_guid=uuid.uuid4().bytes,
                    display_name=person.name,
                    primary_smtp_address=person.smtp,
                    smtp_addresses=[person.smtp],
                    distinguished_name=person.dn,
                    mailbox_guid=person.mailbox.bytes_le if side != without else b"",
                )
            )
        await self.say(DIRECTORY_PAIRS, mover.id, directory_pb2.PairObserved(pair=pair))

        async def known() -> bool:
            return mover.id in self._active

        await eventually(known, 60)

    async def request(self, mover: Mover, side: accounts_pb2.Side.ValueType = TARGET) -> bytes:
        request = uuid.uuid4().bytes
        message = switch_pb2.SwitchRequested(pair_id=mover.id, request_id=request, side=side, requested_by="a test")
        await self.say(SWITCH_REQUESTS, mover.id, message)
        return request

    async def in_step(self, mover: Mover, collection: str) -> None:
        message = mailbox_pb2.MailboxProgress(
            pair_id=mover.id, collection=collection, state=mailbox_pb2.MAILBOX_STATE_IN_STEP, at=int(time.time() * 1e6)
        )
        await self.say(MAILBOX_PROGRESS, mover.id, message)


@dataclass
class Running:
    world: World
    switch: Process
    accounts: Any
    database: str

    async def ended(self, mover: Mover, request: bytes) -> switch_pb2.SwitchProgress:
        """How this switch ended, as soon as it did."""
        try:
            async with asyncio.timeout(150):
                while (last := mover.ended(request)) is None:  # noqa: ASYNC110 - another task appends to it
                    await asyncio.sleep(0.05)
                return last
        except TimeoutError:
            raise AssertionError(f"not ended: {mover.progress}\n{self.switch.tail()}") from None

    async def active(self, mover: Mover) -> int:
        return int((await self.known(mover)).active_side)

    async def known(self, mover: Mover) -> accounts_pb2.Pair:
        """What the account map knows of them."""
        request = accounts_pb2.ResolveRequest(identity=accounts_pb2.Identity(pair_id=mover.id))
        answer = await self.accounts.Resolve(request, wait_for_ready=True, timeout=60)
        pair: accounts_pb2.Pair = answer.pair
        return pair


@pytest.fixture
async def running(
    broker: Broker, exchanges: Exchanges, database_url: str, start: Callable[..., Process], tmp_path: Path
) -> AsyncIterator[Running]:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    make_keys(secrets)
    for exchange in (exchanges.alpha, exchanges.beta):
        (secrets / exchange.organisation.name).write_text(exchange.service_account[1])
        shutil.copy(exchange.authority, secrets / f"{exchange.organisation.name}.pem")
    await ensure_topics(broker.bootstrap)
    [port] = free_ports(1)
    settings = {
        "ISTHMUS_KAFKA": broker.bootstrap,
        "ISTHMUS_DATABASE_URL": database_url,
        "ISTHMUS_ACCOUNTMAP": f"127.0.0.1:{port}",
        "ISTHMUS_SECRETS_DIR": str(secrets),
        "ISTHMUS_LOG_FORMAT": "console",
    }
    start("accountmap", str(BIN / "isthmus-accountmap"), ISTHMUS_GRPC_PORT=str(port), **settings)
    switch = start("switch", str(BIN / "isthmus-switch"), **settings)
    world = World(broker.bootstrap, exchanges, secrets)
    listening = asyncio.create_task(world.listen())
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield Running(world, switch, AccountMapServiceStub(channel), database_url)
    listening.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await listening


def subjects(exchange: Exchange, person: Person) -> list[str]:
    """The subjects of everything in every folder of a mailbox."""
    root = account_of(exchange, person).msg_folder_root
    return [str(subject) for subject in root.walk().all().values_list("subject", flat=True)]


async def test_a_switch_that_is_killed_at_every_step(running: Running, office: Office) -> None:
    world, switch = running.world, running.switch
    anna = Mover(office.alpha("anna"), office.beta("anna"))
    bert = office.alpha("bert")
    await world.apply({"name": "Everybody", "mailboxes": [anna.alpha.smtp]})
    await world.pair(anna)

    connection = await asyncpg.connect(running.database)
    killed: list[tuple[int, str]] = []
    changed = asyncio.Event()
    await connection.execute("SET search_path = switch")
    await connection.add_listener("switch_due", lambda *_: changed.set())
    request = await world.request(anna)
    async with asyncio.timeout(200):
        while anna.ended(request) is None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), 0.2)
            changed.clear()
            with contextlib.suppress(asyncpg.UndefinedTableError):  # it may not have come so far yet
                place = await connection.fetchrow("SELECT step, task FROM switch WHERE pair_id = $1", anna.id)
                if place is not None and tuple(place) not in killed:
                    killed.append(tuple(place))
                    switch.kill()
                    switch.start()
    await connection.close()

    assert len(killed) >= 6, killed
    assert [said.step for said in anna.progress] == sorted(said.step for said in anna.progress)
    assert anna.progress[-1].step == STEP.SWITCH_STEP_DONE
    assert anna.progress[-1].problem == ""
    assert len(set(anna.orders)) == 2, "one pass to prove, and the last one"
    assert await running.active(anna) == TARGET

    # New mail is in beta wherever it was sent, and no probe is left anywhere.
    alpha, beta = world.exchanges.alpha, world.exchanges.beta
    for exchange, sender in ((alpha, bert), (beta, anna.beta)):
        account = account_of(exchange, sender)
        recipient = anna.alpha.smtp if exchange is alpha else anna.beta.smtp
        subject = f"From {exchange.organisation.name}"
        await asyncio.to_thread(
            Message(account=account, subject=subject, to_recipients=[recipient]).send, save_copy=False
        )
    async with asyncio.timeout(60):
        while set(there := await asyncio.to_thread(subjects, beta, anna.beta)) != {"From alpha", "From beta"}:  # noqa: ASYNC110
            await asyncio.sleep(0.2)
    assert sorted(there) == ["From alpha", "From beta"]
    assert await asyncio.to_thread(subjects, alpha, anna.alpha) == []
    assert switch.stop() == 0, switch.tail()


async def test_differences_refusals_and_switches_of_their_own_accord(running: Running, office: Office) -> None:
    world = running.world
    names = ("carl", "dora", "emil", "fred", "gina")
    carl, dora, emil, fred, gina = (Mover(office.alpha(name), office.beta(name)) for name in names)
    await world.apply(
        {"name": "Everybody", "mailboxes": [carl.alpha.smtp, dora.alpha.smtp, gina.alpha.smtp]},
        {"name": "Quick", "mailboxes": [emil.alpha.smtp, fred.alpha.smtp], "switch": "when-in-step"},
    )

    # Somebody was at work during the first pass; the second one shows both sides equal.
    carl.proofs = [mailbox_pb2.Proof(missing=1, differences=["Inbox: 'Tickets' is missing"]), EQUAL]
    await world.pair(carl)
    assert (await running.ended(carl, await world.request(carl))).step == STEP.SWITCH_STEP_DONE
    assert len(carl.orders) == 3

    # Proven, but nobody signed it: refused with what to do, and nothing was changed.
    gina.certified = False
    await world.pair(gina)
    refused = await running.ended(gina, await world.request(gina))
    assert refused.step == STEP.SWITCH_STEP_REFUSED
    assert "isthmus certificate key" in refused.problem
    assert (len(gina.orders), await running.active(gina)) == (1, SOURCE)

    # Without a mailbox on the target nothing is begun.
    await world.pair(dora, without=TARGET)
    refused = await running.ended(dora, await world.request(dora))
    assert refused.step == STEP.SWITCH_STEP_REFUSED
    assert "no mailbox in the target organisation" in refused.problem
    assert (dora.orders, await running.active(dora)) == ([], SOURCE)

    # In step, and so switched without anybody asking; back again when somebody asks, and then left alone.
    await world.pair(emil, "Quick")
    await world.in_step(emil, "Quick")
    async with asyncio.timeout(60):
        while not emil.requests:  # noqa: ASYNC110 - another task appends to it
            await asyncio.sleep(0.05)
    assert (await running.ended(emil, emil.requests[0])).requested_by == "the collection, when in step"
    assert await running.active(emil) == TARGET
    emil.proofs = [mailbox_pb2.Proof(surplus=3)]
    undone = await running.ended(emil, await world.request(emil, SOURCE))
    assert undone.step == STEP.SWITCH_STEP_DONE
    assert "3 items that came to the target" in undone.problem
    assert await running.active(emil) == SOURCE

    await world.in_step(emil, "Quick")
    await world.pair(fred, "Quick")
    await world.in_step(fred, "Quick")
    async with asyncio.timeout(60):
        while not fred.requests:  # noqa: ASYNC110 - another task appends to it
            await asyncio.sleep(0.05)
    await running.ended(fred, fred.requests[0])
    assert len(emil.requests) == 2
    assert len(fred.requests) == 1

    # Nobody goes back to where there is no mailbox any more, and mail with them.
    await world.pair(fred, "Quick", without=SOURCE)
    async with asyncio.timeout(60):
        while (await running.known(fred)).source.mailbox_guid:  # noqa: ASYNC110 - the account map hears of it
            await asyncio.sleep(0.05)
        request = await world.request(fred, SOURCE)
        while (last := fred.progress[-1]).request_id != request or not last.problem:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.05)
    assert (last.step, await running.active(fred)) == (STEP.SWITCH_STEP_ACTIVE_SIDE, TARGET)
    assert "no mailbox in the source organisation" in last.problem
    assert running.switch.stop() == 0, running.switch.tail()
