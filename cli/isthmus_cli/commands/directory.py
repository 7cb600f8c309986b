"""``isthmus directory``: what a person must decide about the directories, how they say it, and what was done."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from isthmus_directory import PlannedObject
from isthmus_project import NamedPair, ProjectError, add_pair, load_project, named_pairs_file

from ..output import Exit, console, fail, print_json
from .addresses import addresses
from .journal import allow, journal, revert
from .options import DEFAULT_DATA, DEFAULT_PROJECT, DataFolder, DryRun, Json, ProjectFile, project_file, read_project
from .plan import plain, planned

directory = typer.Typer(no_args_is_help=True, help="Who belongs to whom, and what was written to the forests.")
directory.command()(journal)
directory.command()(revert)
directory.command()(allow)
directory.command()(addresses)

ProjectOption = Annotated[Path, typer.Option("--project", "-p", help="The project file.", show_default=True)]


@directory.command()
def conflicts(path: ProjectFile = DEFAULT_PROJECT, data: DataFolder = DEFAULT_DATA, as_json: Json = False) -> None:
    """List what only a person can decide: who cannot be matched without guessing, and what a pair cannot have because
    another object has it.

    Both forests are read; nothing is written. Who is meant is said with [bold]isthmus directory pair[/]; for anything
    else the line says what to mend. Exit code 1 when there are any.
    """
    path = project_file(path, data)
    objects = planned(read_project(path), path, data).objects
    found = [thing for thing in objects if thing.action == "refused"]
    found += [thing for thing in objects if thing.action in ("create", "change", "in step") and thing.problems]
    if as_json:
        print_json(
            [
                {
                    "kind": each.kind,
                    "source": each.source,
                    "target": each.target,
                    "reason": "; ".join(each.problems),
                    "candidates": each.candidates,
                }
                for each in found
            ]
        )
    for each in () if as_json else found:
        _show(each)
    if found:
        raise typer.Exit(Exit.NOT_AS_IT_SHOULD_BE)
    if not as_json:
        console.print("Everybody matches one object, or nobody, and no two want the same address.")


@directory.command()
def pair(
    source: Annotated[str, typer.Argument(help="An SMTP address, DN, objectGUID or sAMAccountName of the source.")],
    target: Annotated[str | None, typer.Argument(help="The same of the target.")] = None,
    create: Annotated[bool, typer.Option("--create", help="Nobody: make a new object in the target.")] = False,
    path: ProjectOption = DEFAULT_PROJECT,
    data: DataFolder = DEFAULT_DATA,
    dry_run: DryRun = False,
) -> None:
    """Say that two objects belong together, whatever the rules find, or with --create that one is new.

    Several objects of the source may be named for the same target: the first is its pair, the others are merged into
    it. A line is added to the CSV file that [bold]directory.pairs[/] of the project names, after both forests were
    read and the plan has them as a pair. [bold]isthmus apply[/] carries it out.
    """
    if (target is None) != create:
        fail("say who it is in the target, or --create", Exit.WRONG_INPUT)
    path = project_file(path, data)
    project = read_project(path)
    file = named_pairs_file(path)
    if file is None:
        remedy = (
            f"write 'pairs: pairs.csv' under 'directory' in {path}, and a file pairs.csv with the line source,target"
        )
        fail(f"the project names no CSV file of pairs; {remedy}", Exit.WRONG_INPUT)
    new = NamedPair(source=source, target=target)
    try:
        directory_part = project.directory.model_copy(update={"pairs": [*project.directory.pairs, new]})
        wanted = type(project).model_validate({**project.model_dump(), "directory": directory_part.model_dump()})
    except ValueError as error:
        fail(f"{source} cannot be paired: {error}", Exit.WRONG_INPUT)
    before, after = planned(project, path, data), planned(wanted, path, data)
    changed = [thing for thing in after.objects if thing not in before.objects]
    refused = [thing for thing in changed if thing.action == "refused"]
    merged = {dn for thing in before.objects for dn in thing.merged}
    joined = [(dn, thing) for thing in changed for dn in thing.merged if dn not in merged]
    paired = [thing for thing in changed if thing.rule == "pairs" or (create and thing.action == "create")]
    for each in refused:
        _show(each)
    if refused or not (paired or joined):
        reason = "see above" if refused else "no object of the source without a counterpart has that name"
        fail(f"{source} and {target or 'a new object'} would not become a pair: {reason}", Exit.WRONG_INPUT)
    for dn, each in joined:
        console.print(f"{each.kind} {plain(dn)} → {plain(each.target)}, which stands for {plain(each.source)}, too")
    for each in () if joined else paired:
        console.print(f"{each.kind} {plain(each.source)} → {plain(each.target)}{'' if target else ' (new)'}")
    if dry_run:
        console.print(f"Nothing was written; without --dry-run a line goes to {file}.")
        return
    try:
        add_pair(file, new)
        load_project(path)
    except (OSError, ProjectError) as error:
        fail(f"{file} cannot be written: {error}", Exit.WRONG_INPUT)
    console.print(f"Written to {file}; next: isthmus apply {path}")


def _show(thing: PlannedObject) -> None:
    console.print(f"[red]{thing.kind}[/] {plain(thing.source)}" + (f" → {plain(thing.target)}" if thing.target else ""))
    for problem in thing.problems:
        console.print(f"    {plain(problem)}")
    for candidate in thing.candidates:
        console.print(f"    [dim]could be[/] {plain(candidate)}")
