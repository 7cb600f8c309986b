"""``isthmus lab``: the two organisations on this machine, for people and for programs."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Coroutine, Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import aiohttp
import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from isthmus_lab.alone import down, up
from isthmus_lab.conditions_command import conditions
from isthmus_lab.ews import EwsError
from isthmus_lab.lab import Lab, LabError, LabOptions, populations
from isthmus_lab.people.staff import House
from isthmus_lab.terminal import DEFAULT_DATA, NOT_IN_ORDER, UNREACHABLE, WRONG_INPUT, DataFolder, console, fail

if TYPE_CHECKING:
    # The parsers of mail, calendars and PST are read by the commands that need them: the others start sooner.
    from isthmus_lab.importing import Entry, Outcome

_HELP = """The two Exchange organisations on this machine, to try things with.

'isthmus up --lab' has them as the two sides of a migration. Alone, for a rehearsal or to test other software:

\b
isthmus lab up                                    start them, with people and mail
isthmus lab info                                  where they answer, who works there, with which password
isthmus lab import backup.pst --mailbox ADDRESS   real mail into somebody's mailbox
isthmus lab populate --items 20000                more believable mail
isthmus lab conditions --faults plan.yaml         the same servers on a bad day; --reset: on a good one
isthmus lab down                                  stop; everything is kept for the next 'up'

docs/lab-exchange.md says what the servers can do and where they differ from real ones.
"""
app = typer.Typer(no_args_is_help=True, help=_HELP)
app.command()(up)
app.command()(down)
app.command()(conditions)


def _described(data: Path) -> dict[str, Any]:
    try:
        return Lab(data / "lab").info()
    except LabError as error:
        raise fail(str(error), WRONG_INPUT) from None


@app.command()
def info(
    data: DataFolder = DEFAULT_DATA,
    as_json: Annotated[bool, typer.Option("--json", help="Everything, passwords included, as JSON.")] = False,
) -> None:
    """Show where the organisations answer, and who works there with which password."""
    described = _described(data)["organisations"]
    if as_json:
        json.dump(described, sys.stdout, ensure_ascii=False, indent=2 if sys.stdout.isatty() else None)
        sys.stdout.write("\n")
        return
    for name, each in described.items():
        console.print(f"\n[bold]{name}[/]")
        table = Table(show_header=False, box=None)
        for label in ("ews", "autodiscover", "smtp", "ldap", "ca_file"):
            table.add_row(label, each[label])
        table.add_row(
            "account", f"{each['account']['user']}   {each['account']['password']}   may impersonate everybody"
        )
        table.add_row("administrator", f"{each['administrator']['user']}   {each['administrator']['password']}")
        console.print(table)
        people = Table(box=None, header_style="bold")
        for column in ("name", "address", "logs on as", "password", "department"):
            people.add_column(column, overflow="fold", no_wrap=column == "password")  # to be copied
        for person in each["people"]:
            people.add_row(*(person[key] for key in ("name", "address", "user", "password", "department")))
        console.print(people)


@app.command(name="import")
def import_(
    path: Annotated[Path, typer.Argument(help="An .eml file, a folder of them, an mbox, a Maildir or a PST.")],
    mailbox: Annotated[str, typer.Option("--mailbox", help="Address of the person whose mailbox gets the mail.")],
    organisation: Annotated[
        str | None, typer.Option("--organisation", help="alpha or beta; by default the one where the person works.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read everything and write nothing.")] = False,
    data: DataFolder = DEFAULT_DATA,
) -> None:
    """Put real mail into a mailbox of the running lab.

    Folders keep their names; Inbox, Sent Items and the like go to the folders of that kind. A message that cannot be
    read is named at the end and stops nothing; then the exit code is 1.
    """
    from isthmus_lab.importing import SourceError, open_source

    house = _house(_described(data)["organisations"], mailbox, organisation)
    try:
        entries = open_source(path)
    except SourceError as error:
        raise fail(str(error), WRONG_INPUT) from None
    outcomes = _run(_import(house, mailbox, entries, dry_run=dry_run), house)
    _report(outcomes, "would be imported" if dry_run else "imported")


@app.command()
def populate(
    items: Annotated[int, typer.Option("--items", min=1, help="How many items to add, over all mailboxes.")] = 1000,
    seed: Annotated[int, typer.Option("--seed", help="Other than the lab's own, else it is the same mail again.")] = 2,
    organisation: Annotated[str, typer.Option("--organisation", help="alpha or beta.")] = "alpha",
    data: DataFolder = DEFAULT_DATA,
) -> None:
    """Put more believable mail, appointments and so on into the mailboxes of the running lab."""
    from isthmus_lab.importing.more import more_entries

    described = _described(data)
    if organisation not in described["organisations"]:
        raise fail(f"there is no organisation {organisation}; the lab has alpha and beta", WRONG_INPUT)
    house = House.of(organisation, described["organisations"][organisation])
    population = populations(LabOptions(**described["options"]))[organisation]
    work = more_entries(population, items, seed, date.today())
    _report(_run(_populate(house, work, items), house), "added")


def _run(work: Coroutine[Any, Any, list[Outcome]], house: House) -> list[Outcome]:
    try:
        return asyncio.run(work)
    except (EwsError, aiohttp.ClientError) as error:
        raise fail(f"{house.ews} does not let us work: {error}", UNREACHABLE) from None


def _report(outcomes: list[Outcome], verb: str) -> None:
    """Name what is not in the mailbox, and say how much is. Ends with exit code 1 if anything is missing."""
    failed = [each for each in outcomes if each.problem]
    for each in outcomes:
        if each.problem:
            console.print(f"  [red]✗[/] {escape(f'{each.entry.where}: {each.problem}')}", soft_wrap=True)
        elif each.remark:
            console.print(f"  [yellow]![/] {escape(f'{each.entry.where}: {each.remark}')}", soft_wrap=True)
    size = sum(each.size for each in outcomes if not each.problem)
    console.print(f"{len(outcomes) - len(failed):,} of {len(outcomes):,} messages {verb} ({size / 1e6:.1f} MB)")
    if failed:
        raise typer.Exit(NOT_IN_ORDER)


def _house(described: dict[str, Any], mailbox: str, organisation: str | None) -> House:
    for name, each in described.items():
        if organisation not in (None, name):
            continue
        for person in each["people"]:
            if person["address"] == mailbox.lower() and (organisation or not person["also_in_alpha"]):
                return House.of(name, each)
    if organisation not in (None, *described):
        raise fail(f"there is no organisation {organisation}; the lab has {' and '.join(described)}", WRONG_INPUT)
    raise fail(f"nobody in the lab has the address {mailbox}; 'isthmus lab info' lists everybody", WRONG_INPUT)


async def _import(house: House, mailbox: str, entries: list[Entry], *, dry_run: bool) -> list[Outcome]:
    from isthmus_lab.importing import import_entries

    outcomes: list[Outcome] = []
    with _progress() as progress:
        task = progress.add_task(f"importing into {mailbox}", total=len(entries))

        def tell(outcome: Outcome) -> None:
            outcomes.append(outcome)
            progress.advance(task)

        async with house.client(mailbox.lower()) as client:
            await client.folder("inbox")  # a wrong password or a server that is down is one error, not one a message
            await import_entries(client, entries, tell, dry_run=dry_run)
    return outcomes


async def _populate(house: House, work: Iterator[tuple[str, list[Entry]]], items: int) -> list[Outcome]:
    from isthmus_lab.importing import import_entries

    outcomes: list[Outcome] = []
    with _progress() as progress:
        task = progress.add_task(f"adding to {house.name}", total=items)

        def tell(outcome: Outcome) -> None:
            outcomes.append(outcome)
            progress.advance(task)

        for address, entries in work:
            async with house.client(address) as client:
                await import_entries(client, entries, tell)
    return outcomes


def _progress() -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    return Progress(*columns, console=console, transient=True)


if __name__ == "__main__":
    app()
