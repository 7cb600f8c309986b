"""``isthmus plan``: what an apply would do to the directories, without doing it."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer
from aiokafka.errors import KafkaError
from isthmus.accounts.v1.accounts_pb2 import Pair as AccountPair
from isthmus_directory import DirectoryError, DirectoryPlan, PlannedObject, plan_directory
from isthmus_events.direct import read_all
from isthmus_events.topics import ACCOUNT_PAIRS
from isthmus_project import Project
from isthmus_sync.directory import Pair, Side
from rich.table import Table
from rich.tree import Tree

from ..endpoints import Endpoints, known_endpoints
from ..output import Exit, console, fail, print_json
from .options import DEFAULT_DATA, DEFAULT_PROJECT, DataFolder, Json, ProjectFile, read_project, secrets_folder

_SHOWN = 30
_COLOURS = {"create": "green", "change": "yellow", "delete": "red", "refused": "red", "gone": "red"}


def plan(
    path: ProjectFile = DEFAULT_PROJECT,
    data: DataFolder = DEFAULT_DATA,
    every: Annotated[bool, typer.Option("--all", help="Every object and attribute, not only the first ones.")] = False,
    as_json: Json = False,
) -> None:
    """Read both forests and say what would happen: who matches whom, what would be created and changed.

    Nothing is written. Pairs that a running system has found already are taken as they are. Whoever matches nobody or
    two is listed with the reason. Exit code 1 when something stands in the way.
    """
    found = planned(read_project(path), path, data)
    if as_json:
        print_json(found.to_dict())
    else:
        _show(found, every=every)
    if found.objection or found.problems or any(thing.action == "refused" for thing in found.objects):
        raise typer.Exit(Exit.NOT_AS_IT_SHOULD_BE)


def planned(project: Project, path: Path, data: Path) -> DirectoryPlan:
    """The plan of the project in ``path``; ends the program when it cannot be made."""
    try:
        with console.status(f"reading {project.source.name} and {project.target.name}"):
            return asyncio.run(_plan(project, secrets_folder(path), known_endpoints(data)))
    except (DirectoryError, LookupError) as error:
        fail(str(error), Exit.UNREACHABLE)
    except KafkaError as error:
        fail(f"Kafka, which knows who was matched before, does not answer: {error}", Exit.UNREACHABLE)


async def _plan(project: Project, secrets: Path, where: Endpoints | None) -> DirectoryPlan:
    known = (await read_all(where.kafka, ACCOUNT_PAIRS)).values() if where else ()
    pairs = [
        Pair(pair.id, pair.source.object_guid, pair.target.object_guid or None, Side(pair.active_side or Side.SOURCE))
        for pair in (event.data for event in known)
        if isinstance(pair, AccountPair) and not pair.removed
    ]
    return await plan_directory(project, secrets, pairs)


def _show(found: DirectoryPlan, *, every: bool) -> None:
    changing = [thing for thing in found.objects if thing.action != "in step"]
    limit = len(changing) if every else _SHOWN
    for thing in changing[:limit]:
        console.print(_tree(thing, every=every))
    if len(changing) > limit:
        console.print(f"[dim]… and {len(changing) - limit} more objects; --all shows them[/]")
    console.print(_counts(found))
    mailboxes = Counter(thing.collection for thing in found.objects if thing.mailbox and thing.collection)
    for collection, count in mailboxes.items():
        console.print(f"Collection [bold]{plain(collection)}[/]: {count} mailboxes")
    for reason, count in found.left_out.items():
        console.print(f"[dim]{count} left out: {plain(reason)}[/]")
    for problem in filter(None, [*found.problems, found.objection]):
        console.print(f"[bold red]{plain(problem)}[/]")


def _tree(thing: PlannedObject, *, every: bool) -> Tree:
    colour = _COLOURS.get(thing.action, "")
    how = f" [dim](matched by {thing.rule})[/]" if thing.rule else ""
    arrow = f" → {plain(thing.target)}" if thing.target else ""
    tree = Tree(f"[{colour}]{thing.action}[/] {thing.kind} {plain(thing.source)}{arrow}{how}", guide_style="dim")
    for problem in thing.problems:
        tree.add(f"[red]{plain(problem)}[/]")
    for contact in thing.merges:
        tree.add(f"[yellow]takes the place of[/] {plain(contact)}")
    changes = thing.changes if every else thing.changes[:6]
    for change in changes:
        values = [f"[red]-{plain(value)}[/]" for value in change.removed]
        values += [f"[green]+{plain(value)}[/]" for value in change.added]
        tree.add(f"{change.forest} {change.attribute}: {' '.join(values)}")
    if len(changes) < len(thing.changes):
        tree.add(f"[dim]{len(thing.changes) - len(changes)} more attributes[/]")
    for link in thing.waiting:
        tree.add(f"[dim]later: {plain(link)}[/]")
    return tree


def _counts(found: DirectoryPlan) -> Table:
    kinds = sorted({thing.kind for thing in found.objects if thing.kind})
    table = Table("", *kinds, box=None, header_style="bold", pad_edge=False)
    for action in ("create", "change", "delete", "in step", "refused", "gone"):
        row: list[Any] = [
            sum(thing.action == action and thing.kind == kind for thing in found.objects) for kind in kinds
        ]
        if any(row):
            table.add_row(action, *(str(count) if count else "" for count in row))
    return table


def plain(text: str) -> str:
    """Text from outside, without any markup of ours in it."""
    return text.replace("[", "\\[")
