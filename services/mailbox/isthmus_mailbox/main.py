"""The mailbox service: keeps the target's mailboxes in step with the source's."""

from __future__ import annotations

from contextlib import AsyncExitStack

from isthmus_accounts import AccountMap
from isthmus_events import Relay, Table
from isthmus_events.topics import PROJECTS
from isthmus_service import Security, Service, run

from isthmus_mailbox.answering import Answers
from isthmus_mailbox.database import open_database
from isthmus_mailbox.organisations import Organisations
from isthmus_mailbox.people import MappedPeople
from isthmus_mailbox.worker import Settings, Worker


async def serve(service: Service[Settings]) -> None:
    """Serve until stopped."""
    pool = await open_database(service)
    projects = Table(service, PROJECTS)
    await projects.filled()
    settings, security = service.settings, Security.of(service.settings)
    organisations = Organisations(projects, settings.secrets_dir, settings.answer_seconds, security)
    service.on_stop(organisations.close)
    Answers(pool, organisations).add_to(service.web)
    stack = AsyncExitStack()
    accounts = await stack.enter_async_context(AccountMap(settings.accountmap, security=security))
    service.on_stop(stack.aclose)
    service.spawn("relay", Relay(service, pool).run())
    service.spawn("worker", Worker(service, pool, organisations, MappedPeople(accounts)).run())
    await service.run_until_stopped()


def main() -> None:
    run("mailbox", Settings, serve)
