"""``isthmus switch``: people change sides, or go back."""

from __future__ import annotations

import asyncio
import getpass
import sys
import time
import uuid
from typing import Annotated, Any

import typer
from aiokafka.errors import KafkaError
from isthmus.accounts.v1.accounts_pb2 import Side
from isthmus.events.v1.switch_pb2 import SwitchRequested
from isthmus_events.direct import send
from isthmus_events.topics import SWITCH_REQUESTS
from rich.live import Live
from rich.table import Table
from rich.text import Text

from .. import not_brought
from ..endpoints import endpoints
from ..output import Exit, console, fail, print_json
from ..people import chosen, everybody
from ..portal import Portal, PortalError, portal_or_fail
from .options import DEFAULT_DATA, DataFolder, DryRun, Json

_ENDED = ("done", "refused")


def switch(
    addresses: Annotated[list[str] | None, typer.Argument(help="SMTP addresses of the people, on either side.")] = None,
    collection: Annotated[str | None, typer.Option("--collection", "-c", help="Everybody in this collection.")] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Back to the source.")] = False,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Return when it is done, or at once.")] = True,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask, whatever is not brought along.")] = False,
    data: DataFolder = DEFAULT_DATA,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Switch people to the target: new mail goes there from then on.

    Nobody is switched without proof that both mailboxes are equal. Then the active side changes, redirection in both
    forests follows, what arrived in between is brought over, and probe mails show that both organisations deliver
    to the right side. With [bold]--undo[/], the same way back. Exit code 1 when somebody was refused.

    What does not come along is named first, person by person: what Outlook has to download anew, search folders, items
    that are set aside, rules and delegates that wait. At a terminal you are asked whether to go on; a script is not.
    [bold]--dry-run[/] only names it, with --json for programs.
    """
    if bool(addresses) == bool(collection):
        fail("say who: addresses, or a --collection", Exit.WRONG_INPUT)
    where = endpoints(data)
    portal = portal_or_fail(where.portal)
    side = Side.SIDE_SOURCE if undo else Side.SIDE_TARGET
    people = chosen(everybody(portal), addresses or [], collection)
    already = [person for person in people if person["active_side"] == ("source" if undo else "target")]
    people = [person for person in people if person not in already]
    for person in already:
        console.print(f"{person['name']} is on that side already.") if not as_json else None
    if (paused := [person for person in people if person["status"] == "paused"]) and not undo:
        names = ", ".join(person["name"] for person in paused)
        fail(f"{names}: paused, so that nothing is proven; 'isthmus mailbox resume' lets the mailbox go on")
    if not people and not as_json:
        return
    if dry_run or not people:
        _say_plan(people, undo=undo, as_json=as_json)
        return
    if not (undo or as_json):
        _name_losses(people)
        if console.is_terminal and sys.stdin.isatty() and not yes:
            typer.confirm(f"Switch {_people(len(people))}?", abort=True)
    try:
        requests = asyncio.run(request_switches(where.kafka, [person["id"] for person in people], side))
    except (KafkaError, OSError) as error:
        fail(f"Kafka at {where.kafka} does not answer: {error}; is the system up ('isthmus ps')?", Exit.UNREACHABLE)
    results = follow(portal, requests, quiet=as_json) if wait else list(portal.mailboxes())
    if as_json:
        print_json([mailbox for mailbox in results if mailbox["id"] in requests])
    elif not wait:
        console.print(f"The switch of {_people(len(requests))} is requested; 'isthmus status --watch' shows it.")
    if wait and any(mailbox["switch"]["step"] == "refused" for mailbox in results):
        raise typer.Exit(Exit.NOT_AS_IT_SHOULD_BE)


async def request_switches(kafka: str, pairs: list[str], side: Side.ValueType) -> dict[str, str]:
    """Ask for these pairs (ids in hexadecimal) to be switched to ``side``; returns pair id -> request id."""
    requests = {}
    for pair in pairs:
        request = uuid.uuid4()
        key = bytes.fromhex(pair)
        message = SwitchRequested(pair_id=key, request_id=request.bytes, side=side, requested_by=getpass.getuser())
        await send(kafka, "isthmus", SWITCH_REQUESTS, key, message)
        requests[pair] = request.hex
    return requests


def follow(portal: Portal, requests: dict[str, str], *, quiet: bool = False) -> list[dict[str, Any]]:
    """Show these switches, live, until each is done or refused; returns their mailboxes as the portal has them then."""
    with Live(console=console, auto_refresh=False, transient=False) as live:
        while True:
            try:
                mailboxes = [mailbox for mailbox in portal.mailboxes() if mailbox["id"] in requests]
            except PortalError as error:
                fail(str(error), Exit.UNREACHABLE)
            if not quiet:
                live.update(_table(mailboxes, requests), refresh=True)
            if len(mailboxes) == len(requests) and all(_ended(mailbox, requests) for mailbox in mailboxes):
                return mailboxes
            time.sleep(0.3)


def _ended(mailbox: dict[str, Any], requests: dict[str, str]) -> bool:
    switch = mailbox["switch"]
    return bool(switch and switch["request"] == requests[mailbox["id"]] and switch["step"] in _ENDED)


def _say_plan(people: list[dict[str, Any]], *, undo: bool, as_json: bool) -> None:
    if as_json:
        print_json(people)
        return
    if not undo:
        _name_losses(people)
        console.print(f"{_people(len(people))} would be switched to the target.")
        return
    for person in people:
        console.print(f"{person['name']} ({person['status']}) would be switched back to the source.")


def _people(count: int) -> str:
    return f"{count} {'person' if count == 1 else 'people'}"


def _name_losses(people: list[dict[str, Any]]) -> None:
    if people:
        console.print(not_brought.table(people))
        console.print(f"[dim]{not_brought.FOR_EVERYBODY}[/]")


def _table(mailboxes: list[dict[str, Any]], requests: dict[str, str]) -> Table:
    table = Table("person", "step", "", box=None, header_style="bold", pad_edge=False)
    for mailbox in mailboxes:
        switch = mailbox["switch"]
        if not switch or switch["request"] != requests[mailbox["id"]]:
            table.add_row(mailbox["name"], "requested", "")
            continue
        colour = {"done": "green", "refused": "bold red"}.get(switch["step"], "magenta")
        remark = switch["problem"] or (f"waits for {switch['waiting_for']}" if switch["waiting_for"] else "")
        table.add_row(mailbox["name"], Text(switch["step"], colour), Text(remark))
    return table
