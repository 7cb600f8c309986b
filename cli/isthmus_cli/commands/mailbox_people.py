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
from isthmus_project import Project, ProjectError, load_project
from isthmus_service import Security

from ..endpoints import Endpoints, known_endpoints
from ..output import Exit, fail
from ..people import chosen, everybody
from ..portal import PortalError, portal_or_fail
from .options import project_file, secrets_folder

T = TypeVar("T")

NO_ANSWER = (LookupError, AccessError, TransientError, EwsError)
"""A server is not known well enough, takes nobody in, is away, or refuses."""

Address = Annotated[str, typer.Argument(help="An SMTP address of the person, on either side.")]
Addresses = Annotated[list[str] | None, typer.Argument(help="SMTP addresses of the people, on either side.")]
Collection = Annotated[str | None, typer.Option("--collection", "-c", help="Everybody in this collection.")]
ProjectOption = Annotated[
    Path, typer.Option("--project", "-p", help="The project file: how to reach the servers.", show_default=True)
]


def people(
    where: Endpoints, addresses: list[str], collection: str | None = None, *, left: bool = False
) -> list[dict[str, Any]]:
    """These people as the portal knows them (people.chosen); ends the program when it does not answer, too."""
    try:
        return chosen(everybody(portal_or_fail(where.portal)), addresses, collection, left=left)
    except PortalError as error:
        fail(str(error), Exit.UNREACHABLE)


def one(where: Endpoints, address: str) -> dict[str, Any]:
    """One person, of whom nothing is ordered: so it may be one who is in no collection any more."""
    return people(where, [address], left=True)[0]


class Servers(NamedTuple):
    """How the two Exchange servers are reached: `security` is for an agent that stands beside one."""

    project: Project
    secrets: Path
    security: Security


def read_servers(path: Path, data: Path) -> Servers:
    """The servers of a project file (options.project_file). Raises ProjectError."""
    path, where = project_file(path, data), known_endpoints(data)
    return Servers(load_project(path), secrets_folder(path), where.security if where else Security())


def servers_in(path: Path, data: Path) -> Servers:
    """The same; ends the program with what is wrong in the file."""
    try:
        return read_servers(path, data)
    except ProjectError as error:
        fail(str(error), Exit.WRONG_INPUT)


def try_servers(servers: Servers, person: dict[str, Any], ask: Callable[[Mailbox, Mailbox], Awaitable[T]]) -> T:
    """``ask(source, target)`` with the person's mailboxes. Raises NO_ANSWER."""

    async def run() -> T:
        async with AsyncExitStack() as stack:
            source, target = [
                await stack.enter_async_context(Client.of(each, servers.secrets, security=servers.security))
                for each in (servers.project.source, servers.project.target)
            ]
            return await ask(source.mailbox(person["source_address"]), target.mailbox(person["target_address"]))

    return asyncio.run(run())


def ask_servers(servers: Servers, person: dict[str, Any], ask: Callable[[Mailbox, Mailbox], Awaitable[T]]) -> T:
    """The same; ends the program when a server does not answer."""
    try:
        return try_servers(servers, person, ask)
    except NO_ANSWER as error:
        fail(str(error), Exit.UNREACHABLE)
