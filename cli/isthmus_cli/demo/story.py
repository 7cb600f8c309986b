"""``isthmus demo``: starts everything, migrates people while others work, checks what it claims, and says so."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from isthmus.accounts.v1.accounts_pb2 import Side
from isthmus_lab.lab import Lab, LabOptions
from isthmus_lab.people.journal import read_journal
from isthmus_project import load_project
from rich.live import Live
from rich.panel import Panel
from rich.table import Table

from ..commands.options import DEFAULT_DATA
from ..commands.project import apply_project
from ..commands.status import view
from ..commands.switch import follow, request_switches
from ..commands.system import bring_up, failing_clearly
from ..output import Exit, console, fail
from ..portal import Portal
from ..runner.system import RunnerError, System
from .checks import (
    Finding,
    Person,
    everybody_is_matched,
    everything_is_there_once,
    mail_reaches_everybody,
    shown,
)
from .witness import Organisation

_DIRECTORY_SECONDS = 60.0
_COPY_SECONDS = 600.0
_PEOPLE_AT_WORK = "people"
"""The lab's program that plays the people at work."""
_FOLDER = DEFAULT_DATA / "demo"
_MARK = "made-by-isthmus-demo"
"""A file in the folder of a demo's system: ISTHMUS_DATA may name one that is no demo, and must not be removed."""


def demo(
    data: Annotated[
        Path,
        typer.Option(
            "--data", envvar="ISTHMUS_DATA", help="Folder of the demo's system; a former demo there is removed."
        ),
    ] = _FOLDER,
    people: Annotated[int, typer.Option("--people", min=10, help="How many people.")] = 25,
    items: Annotated[int, typer.Option("--items", min=100, help="How many items they have together.")] = 5000,
    switched: Annotated[int, typer.Option("--switch", min=1, help="How many of them are switched.")] = 8,
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same people and mail.")] = 1,
    workers: Annotated[int, typer.Option("--mailbox-workers", min=1, help="How many mailbox processes.")] = 1,
    portal_port: Annotated[int | None, typer.Option("--portal-port", help="A free one by default.")] = None,
) -> None:
    """Show a whole migration: two organisations, people at work, proof at the end.

    The system stays up for a look. The exit code is the verdict: 0 when everything that the summary claims was checked
    and is so.
    """
    started = time.monotonic()
    system = System(data)
    _remove_former(system)
    with failing_clearly():
        _say("Starting two organisations and Isthmus")
        system.data.mkdir(parents=True, exist_ok=True)
        (system.data / _MARK).touch()
        options = LabOptions(people=people, items=items, seed=seed)
        bring_up(system, options, workers, portal_port)
        lab = system.lab()
        if lab is None:
            raise RunnerError(f"the system in {data} has no lab")
        portal = Portal(system.endpoints.portal)
        console.print(f"  The portal is at [bold]{portal.address}[/]")

        _say("Applying the project: everybody of alpha moves to beta, while all go on working")
        asyncio.run(apply_project(system.endpoints.kafka, load_project(system.project_file)))
        addresses = [person["address"] for person in lab.info()["organisations"]["alpha"]["people"]]
        _wait_for_directory(portal, len(addresses))
        _watch_copy(portal, len(addresses))

        _say(f"Switching {switched} people")
        movers = _movers(portal, addresses, switched)
        requests = asyncio.run(request_switches(system.endpoints.kafka, movers, Side.SIDE_TARGET))
        results = follow(portal, requests)

        _say("Checking, with a client that others wrote")
        findings = [_switches(results), *_check(system, lab, portal, addresses)]
    _summary(findings, portal, system, time.monotonic() - started)
    if not all(finding.right for finding in findings):
        raise typer.Exit(Exit.NOT_AS_IT_SHOULD_BE)


def _remove_former(system: System) -> None:
    if not system.data.exists():
        return
    with failing_clearly():
        known_by = _MARK if system.data != _FOLDER else "system.json"
        if any(system.data.iterdir()) and not (system.data / known_by).exists():
            fail(f"no demo made what is in {system.data}; name another folder with --data", Exit.WRONG_INPUT)
        system.stop()
        shutil.rmtree(system.data)


def _say(text: str) -> None:
    console.print(f"\n[bold]{text}[/]")


def _wait_for_directory(portal: Portal, people: int) -> None:
    deadline = time.monotonic() + _DIRECTORY_SECONDS
    with console.status("matching and creating accounts"):
        while True:
            summary = portal.summary()
            directory = summary["directory"]
            if directory and directory["state"] == "in step" and summary["mailboxes"] >= people:
                break
            if time.monotonic() > deadline:
                raise RunnerError(f"the directories are not in step after {_DIRECTORY_SECONDS:.0f} s: {directory}")
            time.sleep(0.2)
    console.print(
        f"  [green]✓[/] {directory['pairs']} pairs: {directory['matched']} matched, {directory['created']} created, "
        f"{directory['ambiguous']} ambiguous"
    )


def _watch_copy(portal: Portal, people: int) -> None:
    """Show the first pass until every mailbox has been in step, or something does not move any more."""
    deadline = time.monotonic() + _COPY_SECONDS
    started = time.monotonic()
    arrived: set[str] = set()
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while True:
            mailboxes = list(portal.mailboxes())
            summary = portal.summary()
            live.update(view(summary, mailboxes, most=max(10, console.height - 8)), refresh=True)
            arrived |= {mailbox["id"] for mailbox in mailboxes if mailbox["status"] == "in step" or mailbox["pass"] > 1}
            blocked = [f"{box['name']}: {box['problem']}" for box in mailboxes if box["status"] == "blocked"]
            if blocked:
                raise RunnerError("a mailbox is blocked\n" + "\n".join(blocked))
            if len(arrived) == len(mailboxes) >= people:
                break
            if time.monotonic() > deadline:
                raise RunnerError(f"the first pass is not done after {_COPY_SECONDS:.0f} s; see 'isthmus status'")
            time.sleep(0.3)
    took = time.monotonic() - started
    done = summary["items"]["done"]
    console.print(
        f"  [green]✓[/] {done:,} items, {summary['bytes_done'] / 1e6:.0f} MB in {took:.1f} s "
        f"({done / took:.0f} items/s) while people were at work".replace(",", " ")
    )


def _movers(portal: Portal, addresses: list[str], count: int) -> list[str]:
    """Pair ids of the first people, by name; rooms stay where they are."""
    known = {mailbox["source_address"].lower(): mailbox["id"] for mailbox in portal.mailboxes()}
    return [known[address.lower()] for address in addresses[:count]]


def _switches(results: list[dict[str, Any]]) -> Finding:
    problems = [f"{box['name']}: {box['problem']}" for box in results if box["switch"]["step"] != "done"]
    return Finding("Everybody chosen was switched, with proof before", f"{len(results)} people", problems)


def _check(system: System, lab: Lab, portal: Portal, addresses: list[str]) -> Iterable[Finding]:
    info = lab.info()["organisations"]
    source, target = (
        Organisation(name, part["ews"], Path(part["ca_file"]), part["account"]["user"], part["account"]["password"])
        for name, part in info.items()
    )
    boxes = {mailbox["source_address"].lower(): mailbox for mailbox in portal.mailboxes()}
    people = [
        Person(
            name=boxes[address.lower()]["name"],
            source_address=boxes[address.lower()]["source_address"],
            target_address=boxes[address.lower()]["target_address"],
            switched=boxes[address.lower()]["active_side"] == "target",
        )
        for address in addresses
    ]
    senders = [
        (source, next(person for person in info["alpha"]["people"] if not _is_switched(people, person["address"]))),
        (target, next(person for person in info["beta"]["people"] if not person["also_in_alpha"])),
    ]
    yield _said(asyncio.run(everybody_is_matched(system.endpoints, addresses)))
    yield _said(mail_reaches_everybody(source, target, senders, people))
    # From here on nobody works any more: what is compared must not change meanwhile.
    system.supervisor.stop_program(_PEOPLE_AT_WORK)
    journal = list(read_journal(lab.journal))
    yield from map(_said, _until_right(lambda: everything_is_there_once(source, target, people, journal)))
    system.supervisor.start_program(_PEOPLE_AT_WORK)


def _until_right(check: Callable[[], list[Finding]], seconds: float = 60.0) -> list[Finding]:
    """The last changes are on their way for some seconds; what is still wrong after a minute is wrong."""
    deadline = time.monotonic() + seconds
    while True:
        findings = check()
        if all(finding.right for finding in findings) or time.monotonic() > deadline:
            return findings
        time.sleep(2)


def _said(finding: Finding) -> Finding:
    mark = "[green]✓[/]" if finding.right else "[bold red]✗[/]"
    console.print(f"  {mark} {finding.claim}: {finding.figures}")
    for problem in shown(finding.problems):
        console.print(f"      [red]{problem}[/]", markup=True)
    return finding


def _is_switched(people: list[Person], address: str) -> bool:
    return any(person.switched for person in people if person.source_address.lower() == address.lower())


def _summary(findings: list[Finding], portal: Portal, system: System, seconds: float) -> None:
    right = all(finding.right for finding in findings)
    table = Table(box=None, show_header=False, pad_edge=False)
    for finding in findings:
        table.add_row("[green]✓[/]" if finding.right else "[bold red]✗[/]", finding.claim, f"[dim]{finding.figures}[/]")
    verdict = "[bold green]Everything is as it should be[/]" if right else "[bold red]Something is wrong[/]"
    console.print()
    console.print(Panel(table, title=f"{verdict} after {seconds:.0f} s", expand=False))
    data = f"--data {system.data}"
    console.print(f"Portal  [bold]{portal.address}[/]   (it stays up; the people are at work again)")
    console.print(f"Look    isthmus status --watch {data}\nStop    isthmus down {data}")
