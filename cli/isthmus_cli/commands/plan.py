"""``isthmus plan``: what an apply would do to the directories, without doing it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from isthmus.directory.v1.directory_pb2 import GuardCount, ReadMemoryRequest
from isthmus_directory import DirectoryError, DirectoryPlan, Memory, PlannedObject, plan_directory
from isthmus_project import Project
from isthmus_sync.directory import Agreed, Measure, Pair, Side, Weight
from rich.table import Table
from rich.tree import Tree

from ..directory_service import directory_service
from ..endpoints import known_endpoints
from ..output import Exit, console, errors, fail, print_json, whose
from ..portal import Portal, PortalError
from .options import (
    DEFAULT_DATA,
    DEFAULT_PROJECT,
    DataFolder,
    Json,
    ProjectFile,
    project_file,
    read_project,
    secrets_folder,
)

_SHOWN = 30
_COLOURS = {"create": "green", "change": "yellow", "delete": "red", "refused": "red", "gone": "red"}


def plan(
    path: ProjectFile = DEFAULT_PROJECT,
    data: DataFolder = DEFAULT_DATA,
    every: Annotated[bool, typer.Option("--all", help="Every object and attribute, not only the first ones.")] = False,
    as_json: Json = False,
) -> None:
    """Read both forests and say what would happen: who matches whom, what would be created and changed.

    Nothing is written. A running system is asked what it remembers: the pairs it found, and what both sides agreed on
    last, so that the plan is what it would do. Whoever matches nobody or two is listed with the reason, and so is who
    would be in no collection any more. Exit code 1 when something stands in the way.
    """
    path = project_file(path, data)
    found = planned(read_project(path), path, data)
    going, unknown = None, ""
    try:
        going = leaving(found, _in_collections(data))
    except PortalError as error:
        unknown = str(error)
    if as_json:
        print_json({**found.to_dict(), "leaving": going})  # null: not known
    else:
        _show(found, going or [], every=every)
    if unknown and not as_json:
        errors.print(f"[yellow]Who would leave the collections is not known: {plain(unknown)}[/]", soft_wrap=True)
    if found.objection or found.problems or any(thing.action == "refused" for thing in found.objects):
        raise typer.Exit(Exit.NOT_AS_IT_SHOULD_BE)


def planned(project: Project, path: Path, data: Path) -> DirectoryPlan:
    """The plan of the project in ``path``; ends the program when it cannot be made."""
    try:
        memory = _memory(project, data) if known_endpoints(data) else Memory()
        with console.status(f"reading {project.source.name} and {project.target.name}"):
            return asyncio.run(plan_directory(project, secrets_folder(path), memory))
    except (DirectoryError, LookupError) as error:
        fail(str(error), Exit.UNREACHABLE)


def leaving(found: DirectoryPlan, mailboxes: Iterable[dict[str, Any]]) -> list[dict[str, str]]:
    """Of the mailboxes that are in a collection, those that the plan has in none: id, name, address and collection."""
    staying = {thing.pair for thing in found.objects if thing.collection}
    return [
        {each: mailbox[each] for each in ("id", "name", "source_address", "collection")}
        for mailbox in mailboxes
        if mailbox["id"] not in staying
    ]


def _in_collections(data: Path) -> list[dict[str, Any]]:
    """The mailboxes that a running system has in collections. Raises PortalError."""
    where = known_endpoints(data)
    return list(Portal(where.portal).mailboxes()) if where else []


def _memory(project: Project, data: Path) -> Memory:
    """What dirsync remembers of the project; without it a plan would say what a first run does."""
    pairs: list[Pair] = []
    made: set[bytes] = set()
    gone: set[bytes] = set()
    guard = GuardCount()
    request = ReadMemoryRequest(project=project.project, guard_minutes=project.directory.guard_minutes)
    with directory_service(data) as service:
        for portion in service.ReadMemory(request):
            guard.MergeFrom(portion.guard)
            for each in portion.pairs:
                active, agreed = Side(each.active_side or Side.SOURCE), Agreed.from_json(each.agreed)
                merged = tuple(each.merged)
                pairs.append(Pair(each.id, each.source_guid, each.target_guid or None, active, agreed, merged))
                made.update([each.id] if each.created else [])
                gone.update([each.id] if each.gone else [])
    return Memory(
        pairs,
        frozenset(made),
        frozenset(gone),
        Weight(frozenset(guard.overwritten), frozenset(guard.gone)),
        Measure(guard.allowed_overwritten, guard.allowed_gone),
    )


def _show(found: DirectoryPlan, going: list[dict[str, str]], *, every: bool) -> None:
    changing = [thing for thing in found.objects if thing.action != "in step"]
    limit = len(changing) if every else _SHOWN
    for thing in changing[:limit]:
        console.print(_tree(thing, every=every))
    if len(changing) > limit:
        console.print(f"[dim]… and {len(changing) - limit} more objects; --all shows them[/]")
    console.print(_counts(found))
    mailboxes = Counter(thing.collection for thing in found.objects if thing.collection)
    for collection, count in mailboxes.items():
        console.print(f"Collection [bold]{plain(collection)}[/]: {count} mailboxes")
    if going:
        names = [mailbox["name"] for mailbox in going]
        console.print(
            f"[yellow]In no collection any more: {plain(', '.join(names) if every else whose(names))}. What is on the "
            "target stays as it is, and nothing follows.[/]"
        )
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
    for other in thing.merged:
        tree.add(f"[yellow]stands for[/] {plain(other)} [yellow]too[/]")
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
