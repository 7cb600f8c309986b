"""The mailbox service as a process, with Kafka, PostgreSQL and two Exchange servers, killed while it works."""

from __future__ import annotations

import asyncio
import random
import shutil
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from isthmus.accounts.v1.accounts_pb2 import RECIPIENT_KIND_USER, SIDE_SOURCE, SIDE_TARGET, Account, Pair
from isthmus.events.v1.mailbox_pb2 import (
    MAILBOX_ORDER_PASS,
    MAILBOX_ORDER_PASS_AND_PROVE,
    MAILBOX_ORDER_PAUSE,
    MAILBOX_ORDER_RESUME,
    MAILBOX_STATE_IN_STEP,
    MAILBOX_STATE_PAUSED,
    MAILBOX_STATE_SWITCHED,
    MailboxOrder,
    MailboxOrdered,
    MailboxProgress,
    PassCompleted,
)
from isthmus.events.v1.project_pb2 import ProjectApplied
from isthmus_cli.signing import make_keys
from isthmus_events import Topic, ensure_topics, read_all, send
from isthmus_events.event import decode
from isthmus_events.topics import (
    ACCOUNT_PAIRS,
    MAILBOX_CERTIFICATES,
    MAILBOX_ORDERS,
    MAILBOX_PASSES,
    MAILBOX_PROGRESS,
    PROJECTS,
)
from isthmus_exchange.client import Client, Mailbox
from isthmus_exchange.operations import CreateFolder, DeleteItems, MoveItems, RenameFolder, SetReadFlags
from isthmus_project import Project
from isthmus_sync.mailbox.certificate import PUBLIC_FILE, opened, public_key, unpacked

from tests.conftest import Broker
from tests.lab.copying import client, contents, listing, put, rewrite, role, stream
from tests.plugins.conditions import conditions
from tests.plugins.exchange import Exchange, Exchanges, Office, Person
from tests.processes import Process
from tests.waiting import eventually

_HEARD: Sequence[Topic[Any]] = (MAILBOX_PROGRESS, MAILBOX_PASSES)
_EVERYBODY: dict[str, Any] = {"name": "Everybody", "mailboxes": ["everybody@alpha.example"]}


@dataclass
class Mover:
    """Somebody with a mailbox on both sides, and what the service said of it."""

    source: Person
    target: Person
    alpha: Mailbox
    beta: Mailbox
    id: bytes = field(default_factory=lambda: uuid.uuid4().bytes)
    progress: list[MailboxProgress] = field(default_factory=list)
    passes: list[PassCompleted] = field(default_factory=list)

    def pair(self, active: Any = SIDE_SOURCE, collection: str = "Everybody") -> Pair:
        return Pair(
            id=self.id,
            kind=RECIPIENT_KIND_USER,
            source=_account(self.source, SIDE_SOURCE),
            target=_account(self.target, SIDE_TARGET),
            active_side=active,
            collection=collection,
        )


def _account(person: Person, side: Any) -> Account:
    return Account(
        side=side,
        display_name=person.name,
        primary_smtp_address=person.smtp,
        smtp_addresses=[person.smtp],
        mailbox_guid=person.mailbox.bytes_le,
    )


@dataclass
class Running:
    """The service, and the other ones as far as it hears of them."""

    bootstrap: str
    exchanges: Exchanges
    office: Office
    clients: tuple[Client, Client]
    service: Process
    secrets: Path
    document: dict[str, Any]
    movers: dict[bytes, Mover] = field(default_factory=dict)

    async def say(self, topic: Topic[Any], key: bytes, message: Any) -> None:
        await send(self.bootstrap, "test", topic, key, message)

    async def apply(self, *collections: dict[str, Any]) -> None:
        """Put a project with these collections in force."""
        project = Project.model_validate({**self.document, "collections": list(collections)})
        applied = ProjectApplied(project="merge", revision=1, document=project.model_dump_json().encode())
        await self.say(PROJECTS, b"merge", applied)

    def hire(self, name: str) -> Mover:
        source, target = self.office.alpha(name), self.office.beta(name)
        alpha, beta = self.clients
        mover = Mover(source, target, alpha.mailbox(source.smtp), beta.mailbox(target.smtp))
        self.movers[mover.id] = mover
        return mover

    async def order(self, mover: Mover, what: MailboxOrder.ValueType) -> bytes:
        request = uuid.uuid4().bytes
        await self.say(MAILBOX_ORDERS, mover.id, MailboxOrdered(pair_id=mover.id, order=what, request_id=request))
        return request

    async def answer(self, mover: Mover, request: bytes) -> PassCompleted:
        """The pass that answers a request."""

        async def answered() -> bool:
            return any(each.request_id == request for each in mover.passes)

        try:
            await eventually(answered, 150)
        except AssertionError:
            raise AssertionError(f"{mover.progress[-1:]}\n{self.service.tail()}") from None
        return next(each for each in mover.passes if each.request_id == request)

    async def listen(self) -> None:
        topics = {topic.name: topic for topic in _HEARD}
        consumer = AIOKafkaConsumer(
            *topics,
            bootstrap_servers=self.bootstrap,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            metadata_max_age_ms=1000,
        )
        async with consumer:
            async for got in consumer:
                event = decode(topics[got.topic], got.partition, got.offset, got.key, got.value, got.headers)
                mover = self.movers.get(event.key)
                if mover is not None:
                    (mover.progress if isinstance(event.data, MailboxProgress) else mover.passes).append(event.data)


def _organisation(exchange: Exchange) -> dict[str, Any]:
    own = exchange.organisation
    password = {"file": own.name}
    return {
        "name": own.name,
        "directory": {"url": exchange.forest.url, "user": "svc", "password": password, "base": exchange.forest.base},
        "exchange": {
            "ews": exchange.ews,
            "ca_file": f"{own.name}.pem",
            "user": exchange.service_account[0],
            "password": password,
        },
        "redirection": f"{{alias}}@{own.redirection_domain}",
        "create": dict.fromkeys(("users_ou", "groups_ou", "contacts_ou"), own.root_ou),
    }


@pytest.fixture
async def running(
    broker: Broker,
    exchanges: Exchanges,
    office: Office,
    database_url: str,
    start: Callable[..., Process],
    tmp_path: Path,
) -> AsyncIterator[Running]:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    make_keys(secrets)
    for exchange in (exchanges.alpha, exchanges.beta):
        (secrets / exchange.organisation.name).write_text(exchange.service_account[1])
        shutil.copy(exchange.authority, secrets / f"{exchange.organisation.name}.pem")
    await ensure_topics(broker.bootstrap)
    document = {
        "project": "merge",
        "source": _organisation(exchanges.alpha),
        "target": _organisation(exchanges.beta),
        "mailbox": {"interval_seconds": 0.5},
    }
    settings = {
        "ISTHMUS_KAFKA": broker.bootstrap,
        "ISTHMUS_DATABASE_URL": database_url,
        "ISTHMUS_SECRETS_DIR": str(secrets),
        "ISTHMUS_LOG_FORMAT": "console",
        "ISTHMUS_ANSWER_SECONDS": "8",
    }
    program = str(Path(sys.executable).with_name("isthmus-mailbox"))
    async with AsyncExitStack() as stack:
        clients = (
            await stack.enter_async_context(client(exchanges.alpha, answer_seconds=60)),
            await stack.enter_async_context(client(exchanges.beta, answer_seconds=60)),
        )
        service = start("mailbox", program, **settings)
        running = Running(
            broker.bootstrap,
            exchanges,
            office,
            clients,
            service,
            secrets,
            document,
        )
        await running.apply(_EVERYBODY)
        listening = asyncio.create_task(running.listen())
        yield running
        listening.cancel()
        await asyncio.wait({listening})


async def _fill(mover: Mover, items: int) -> None:
    inbox = await role(mover.alpha, "inbox")
    folder = await mover.alpha.call(CreateFolder(inbox, "Travel", "IPF.Note"))
    for start in range(0, items, 50):
        place = inbox if start % 100 else folder
        await put(mover.alpha, place, *(stream(f"Letter {start + number}", size=4000) for number in range(50)))
    await put(mover.alpha, inbox, stream("View"), associated=True)


async def _work(mover: Mover, luck: random.Random) -> None:
    """What people do while their mailbox is copied."""
    inbox = await role(mover.alpha, "inbox")
    letters = await listing(mover.alpha, inbox)
    luck.shuffle(letters)
    await put(mover.alpha, inbox, *(stream(f"New {number}") for number in range(3)))
    await rewrite(mover.alpha, inbox, letters[0], f"Edited {luck.random()}")
    await mover.alpha.call(SetReadFlags(tuple((each, luck.random() < 0.5) for each in letters[1:4])))
    await mover.alpha.call(MoveItems(tuple(letters[4:7]), await role(mover.alpha, "deleteditems")))
    await mover.alpha.call(DeleteItems((letters[7],)))
    folder = await mover.alpha.call(CreateFolder(inbox, f"Folder {luck.random()}", "IPF.Note"))
    await mover.alpha.call(MoveItems((letters[8],), folder))
    await mover.alpha.call(RenameFolder(folder, f"Renamed {luck.random()}"))


async def test_killed_ten_times_it_ends_equal(running: Running) -> None:
    luck = random.Random(5)
    movers = [running.hire(name) for name in ("anna", "bert", "cora")]
    for mover in movers:
        await _fill(mover, 300)
        await running.say(ACCOUNT_PAIRS, mover.id, mover.pair())
    for number in range(10):
        # From its first moments to well into its work, whatever the machine makes of that.
        await asyncio.sleep(luck.uniform(0.5, 6))
        running.service.kill()
        await _work(movers[number % len(movers)], luck)
        running.service.start()
    for mover in movers:
        request = await running.order(mover, MAILBOX_ORDER_PASS_AND_PROVE)
        answer = await running.answer(mover, request)
        assert answer.proof.equal, answer
        assert answer.proof.surplus == 0
        said = opened(unpacked(answer.proof.certificate), public_key((running.secrets / PUBLIC_FILE).read_bytes()))
        assert (said["pair"], said["complete"], said["differences"]) == (mover.id.hex(), True, [])
        assert said["source"]["items"] == said["target"]["items"] == answer.proof.source_items
        assert said["source"]["digest"] == said["target"]["digest"]
        issued = (await read_all(running.bootstrap, MAILBOX_CERTIFICATES))[mover.id].data
        assert (issued.certificate, list(issued.request_ids)) == (answer.proof.certificate, [request])
        assert answer.proof.source_items == answer.proof.target_items > 300
        assert await contents(mover.beta) == await contents(mover.alpha)
        last = mover.progress[-1]
        assert (last.state, last.items_done, last.items_set_aside) == (
            MAILBOX_STATE_IN_STEP,
            answer.proof.source_items,
            0,
        )
    assert running.service.stop() == 0, running.service.tail()


async def test_orders_sweeps_pauses_and_the_switch(running: Running) -> None:
    dora = running.hire("dora")
    inbox = await role(dora.alpha, "inbox")
    await put(dora.alpha, inbox, stream("One"))
    await running.say(ACCOUNT_PAIRS, dora.id, dora.pair())
    first = await running.answer(dora, b"")
    assert (first.added, first.proof.folders) == (1, 0), "a pass of its own accord proves nothing"

    # A mail that comes is brought over by the next sweep, without any order.
    await put(dora.alpha, inbox, stream("Two"))

    async def two_there() -> bool:
        return len(await listing(dora.beta, await role(dora.beta, "inbox"))) == 2

    await eventually(two_there)

    # While it is paused nothing happens, and that is said; an order given meanwhile is answered afterwards.
    await running.order(dora, MAILBOX_ORDER_PAUSE)

    async def paused() -> bool:
        return dora.progress[-1].state == MAILBOX_STATE_PAUSED

    await eventually(paused)
    request = await running.order(dora, MAILBOX_ORDER_PASS)
    await put(dora.alpha, inbox, stream("Three"))
    await asyncio.sleep(3)
    assert len(await listing(dora.beta, await role(dora.beta, "inbox"))) == 2
    await running.order(dora, MAILBOX_ORDER_RESUME)
    assert (await running.answer(dora, request)).request_id == request

    # After the switch nothing goes of its own accord; ordered, stragglers come, and what the owner deleted stays away.
    await running.say(ACCOUNT_PAIRS, dora.id, dora.pair(SIDE_TARGET))
    await put(dora.alpha, inbox, stream("Straggler"))
    there = await role(dora.beta, "inbox")
    await dora.beta.call(DeleteItems(tuple((await listing(dora.beta, there))[:1])))
    request = await running.order(dora, MAILBOX_ORDER_PASS_AND_PROVE)
    answer = await running.answer(dora, request)
    assert (answer.proof.missing, answer.proof.removed_on_target) == (1, 1)
    assert len(await listing(dora.beta, there)) == 3

    async def switched() -> bool:
        return dora.progress[-1].state == MAILBOX_STATE_SWITCHED

    await eventually(switched)


async def test_the_hours_of_a_collection_take_effect_at_once(running: Running) -> None:
    never = {"blackout": ["00:00-24:00"]}
    others = {"name": "Others", "mailboxes": ["others@alpha.example"]}
    await running.apply({**_EVERYBODY, "schedule": never}, others)
    anna, bert, cora = (running.hire(name) for name in ("anna", "bert", "cora"))
    await running.say(ACCOUNT_PAIRS, bert.id, bert.pair(collection="Others"))
    await running.answer(bert, b"")
    inbox = await role(anna.alpha, "inbox")
    await put(anna.alpha, inbox, *(stream(f"Letter {number}") for number in range(20)))
    for number in range(12):
        await anna.alpha.call(CreateFolder(inbox, f"Box {number}", "IPF.Note"))
    await running.say(ACCOUNT_PAIRS, anna.id, anna.pair())
    request = await running.order(anna, MAILBOX_ORDER_PASS)
    await running.say(ACCOUNT_PAIRS, cora.id, cora.pair(collection="Others"))
    await running.answer(cora, b"")
    assert anna.passes == [], "not even an ordered pass is made"

    # A pass that is under way when the hours change rests, and goes on when they change again.
    slow = {"call_ms": {"SyncFolderItems": 2000}}
    with conditions(running.exchanges.alpha, delay=slow):
        await running.apply(_EVERYBODY, others)

        async def under_way() -> bool:
            return bool(anna.progress)

        await eventually(under_way, 150)
        await running.apply({**_EVERYBODY, "schedule": never}, others)

        async def rests() -> bool:
            return "blackout hours" in running.service.tail(10_000)

        await eventually(rests, 150)
        assert anna.passes == []
    await running.apply({**_EVERYBODY, "schedule": {"windows": ["00:00-24:00"]}}, others)
    await running.answer(anna, request)
    assert await contents(anna.beta) == await contents(anna.alpha)
