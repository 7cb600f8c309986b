"""What the commands of ``isthmus mailbox`` share: whom they are about, and how they reach the two Exchange servers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeVar

import typer
from isthmus_exchange.client import Client, Mailbox
from isthmus_exchange.errors import AccessError, EwsError, TransientError
from isthmus_project import Project
from isthmus_service import Security

from ..endpoints import Endpoints, known_endpoints
from ..output import Exit, fail
from ..people import chosen
from ..portal import PortalError, portal_or_fail
from .options import DEFAULT_PROJECT, read_project, secrets_folder

T = TypeVar("T")

Address = Annotated[str, typer.Argument(help="An SMTP address of the person, on either side.")]
Addresses = Annotated[list[str] | None, typer.Argument(help="SMTP addresses of the people, on either side.")]
Collection = Annotated[str | None, typer.Option("--collection", "-c", help="Everybody in this collection.")]
ProjectOption = Annotated[
    Path, typer.Option("--project", "-p", help="The project file: how to reach the servers.", show_default=True)
]


def people(where: Endpoints, addresses: list[str], collection: str | None = None) -> list[dict[str, Any]]:
    """These people as the portal knows them; ends the program when one is unknown or the portal does not answer."""
    try:
        return chosen(list(portal_or_fail(where.portal).mailboxes()), addresses, collection)
    except PortalError as error:
        fail(str(error), Exit.UNREACHABLE)


def one(where: Endpoints, address: str) -> dict[str, Any]:
    """One person."""
    return people(where, [address])[0]


class Servers(NamedTuple):
    """How the two Exchange servers are reached: `security` is for an agent that stands beside one."""

    project: Project
    secrets: Path
    security: Security


def servers_in(path: Path, data: Path) -> Servers:
    """The servers of a project file. Without a file, of the one that ``isthmus up --lab`` wrote."""
    if path == DEFAULT_PROJECT and not path.exists() and (data / path).exists():
        path = data / path
    where = known_endpoints(data)
    return Servers(read_project(path), secrets_folder(path), where.security if where else Security())


def ask_servers(servers: Servers, person: dict[str, Any], ask: Callable[[Mailbox, Mailbox], Awaitable[T]]) -> T:
    """``ask(source, target)`` with the person's mailboxes; ends the program when a server does not answer."""

    async def run() -> T:
        async with AsyncExitStack() as stack:
            source, target = [
                await stack.enter_async_context(Client.of(each, servers.secrets, security=servers.security))
                for each in (servers.project.source, servers.project.target)
            ]
            return await ask(source.mailbox(person["source_address"]), target.mailbox(person["target_address"]))

    try:
        return asyncio.run(run())
    except (LookupError, AccessError, TransientError, EwsError) as error:
        fail(str(error), Exit.UNREACHABLE)
