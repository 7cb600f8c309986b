"""The mailbox service as processes between two Exchange servers; what other services would say is said by hand."""

from __future__ import annotations

import asyncio
import shutil
import sys
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer
from isthmus.accounts.v1.accounts_pb2 import RECIPIENT_KIND_USER, SIDE_SOURCE, SIDE_TARGET, Account, Pair
from isthmus.events.v1.mailbox_pb2 import (
    MailboxOrder,
    MailboxOrdered,
    MailboxProgress,
    NotBrought,
    PassCompleted,
    WorkerPressure,
)
from isthmus.events.v1.project_pb2 import ProjectApplied
from isthmus_cli.signing import make_keys
from isthmus_events import Event, Topic, ensure_topics, send
from isthmus_events.event import decode
from isthmus_events.topics import (
    MAILBOX_NOT_BROUGHT,
    MAILBOX_ORDERS,
    MAILBOX_PASSES,
    MAILBOX_PRESSURE,
    MAILBOX_PROGRESS,
    PROJECTS,
)
from isthmus_exchange.client import Client, Mailbox
from isthmus_project import Project

from tests.lab.copying import client
from tests.plugins.exchange import Exchange, Office, Person
from tests.waiting import eventually

_HEARD: Sequence[Topic[Any]] = (MAILBOX_PROGRESS, MAILBOX_PASSES, MAILBOX_NOT_BROUGHT, MAILBOX_PRESSURE)
EVERYBODY: dict[str, Any] = {"name": "Everybody", "mailboxes": ["everybody@alpha.example"]}
PROGRAM = str(Path(sys.executable).with_name("isthmus-mailbox"))


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
    not_brought: list[NotBrought] = field(default_factory=list)

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
class MailboxSystem:
    """What the service needs, and what it says. Processes of it are started with `settings`."""

    bootstrap: str
    office: Office
    clients: tuple[Client, Client]
    secrets: Path
    settings: dict[str, str]
    document: dict[str, Any]
    movers: dict[bytes, Mover] = field(default_factory=dict)
    pressures: list[WorkerPressure] = field(default_factory=list)

    async def say(self, topic: Topic[Any], key: bytes, message: Any) -> None:
        await send(self.bootstrap, "test", topic, key, message)

    async def apply(self, *collections: dict[str, Any]) -> None:
        """Put a project with these collections in force."""
        project = Project.model_validate({**self.document, "collections": list(collections)})
        applied = ProjectApplied(project="merge", revision=1, document=project.model_dump_json().encode())
        await self.say(PROJECTS, b"merge", applied)

    def hire(self, name: str, archives: tuple[bool, bool] = (False, False)) -> Mover:
        """Somebody with a mailbox on both sides, of whom the service has not heard yet. `archives`: whether they have
        one in alpha, in beta.
        """
        here, there = ({"msExchArchiveGUID": uuid.uuid4().bytes_le} if each else {} for each in archives)
        source, target = self.office.alpha(name, **here), self.office.beta(name, **there)
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
            raise AssertionError(f"no answer; last said: {mover.progress[-1:]}") from None
        return next(each for each in mover.passes if each.request_id == request)

    async def listen(self) -> None:
        async for event in events(self.bootstrap, _HEARD):
            mover = self.movers.get(event.key)
            if isinstance(event.data, WorkerPressure):
                self.pressures.append(event.data)
            elif mover is not None:
                heard: dict[type, list[Any]] = {
                    MailboxProgress: mover.progress,
                    PassCompleted: mover.passes,
                    NotBrought: mover.not_brought,
                }
                heard[type(event.data)].append(event.data)


async def events(bootstrap: str, topics: Sequence[Topic[Any]]) -> AsyncIterator[Event]:
    """Everything that was and is said on these topics."""
    named = {topic.name: topic for topic in topics}
    consumer = AIOKafkaConsumer(
        *named,
        bootstrap_servers=bootstrap,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        metadata_max_age_ms=1000,
    )
    async with consumer:
        async for got in consumer:
            yield decode(named[got.topic], got.partition, got.offset, got.key, got.value, got.headers)


def organisation(exchange: Exchange) -> dict[str, Any]:
    """What a project file says of it."""
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


@asynccontextmanager
async def mailbox_system(
    office: Office, bootstrap: str, database_url: str, folder: Path
) -> AsyncIterator[MailboxSystem]:
    """Secrets, topics, a project in force, and ears for what the service says; no process of it yet."""
    exchanges = office.exchanges
    secrets = folder / "secrets"
    secrets.mkdir()
    make_keys(secrets)
    for exchange in (exchanges.alpha, exchanges.beta):
        (secrets / exchange.organisation.name).write_text(exchange.service_account[1])
        shutil.copy(exchange.authority, secrets / f"{exchange.organisation.name}.pem")
    await ensure_topics(bootstrap)
    document = {
        "project": "merge",
        "source": organisation(exchanges.alpha),
        "target": organisation(exchanges.beta),
        "mailbox": {"interval_seconds": 0.5},
    }
    settings = {
        "ISTHMUS_KAFKA": bootstrap,
        "ISTHMUS_DATABASE_URL": database_url,
        "ISTHMUS_SECRETS_DIR": str(secrets),
        "ISTHMUS_LOG_FORMAT": "console",
        "ISTHMUS_ANSWER_SECONDS": "8",
    }
    async with AsyncExitStack() as stack:
        clients = (
            await stack.enter_async_context(client(exchanges.alpha, answer_seconds=60)),
            await stack.enter_async_context(client(exchanges.beta, answer_seconds=60)),
        )
        system = MailboxSystem(bootstrap, office, clients, secrets, settings, document)
        await system.apply(EVERYBODY)
        listening = asyncio.create_task(system.listen())
        yield system
        listening.cancel()
        await asyncio.wait({listening})
