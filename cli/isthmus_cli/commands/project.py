"""``isthmus init``, ``isthmus apply``: the project file, and how it reaches the services."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer
from aiokafka.errors import KafkaError
from isthmus.events.v1.project_pb2 import ProjectApplied
from isthmus_events.direct import read_all, send
from isthmus_events.topics import PROJECTS, ensure_topics
from isthmus_project import TEMPLATE, Project
from rich.table import Table
from rich.text import Text

from ..differences import BLANK, Difference, differences
from ..endpoints import endpoints
from ..output import Exit, console, fail, print_json
from ..signing import make_keys
from .options import DEFAULT_DATA, DEFAULT_PROJECT, DataFolder, DryRun, Json, ProjectFile, read_project, secrets_folder


def init(
    path: Annotated[Path, typer.Argument(help="Where to write it.")] = DEFAULT_PROJECT,
) -> None:
    """Write a commented project file to fill in.

    An existing file is never overwritten. The folder 'secrets' beside it is made, readable by you alone, for the
    passwords and certificates that the file names; the key that signs certificates of completeness is in it.
    """
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(TEMPLATE)
        secrets = secrets_folder(path)
        secrets.mkdir(mode=0o700, parents=True, exist_ok=True)
        make_keys(secrets)
    except FileExistsError:
        fail(f"{path} exists already; name another file, or remove it first", Exit.WRONG_INPUT)
    except OSError as error:
        fail(f"{path} cannot be written: {error.strerror}", Exit.WRONG_INPUT)
    console.print(f"Wrote [bold]{path}[/] and the folder [bold]{secrets}[/] for passwords and certificates.")
    console.print("Next: fill in your names, then [bold]isthmus plan[/] reads both forests and says what would happen.")


def apply(
    path: ProjectFile = DEFAULT_PROJECT, data: DataFolder = DEFAULT_DATA, dry_run: DryRun = False, as_json: Json = False
) -> None:
    """Carry the project file out, or a change of it. Nothing needs a restart.

    What differs from the project in force is shown field by field. Applying an unchanged file does nothing.
    """
    project = read_project(path)
    _check_secrets(project, secrets_folder(path))
    kafka = endpoints(data).kafka
    try:
        revision, changes = asyncio.run(apply_project(kafka, project, dry_run=dry_run))
    except (KafkaError, OSError) as error:
        fail(f"Kafka at {kafka} does not answer: {error}; is the system up ('isthmus ps')?", Exit.UNREACHABLE)
    if as_json:
        listed = [{"field": change.field, "before": change.before, "after": change.after} for change in changes]
        print_json({"project": project.project, "revision": revision, "applied": not dry_run, "changes": listed})
    elif not changes:
        console.print(f"Project [bold]{project.project}[/] is in force as it is (revision {revision}).")
    else:
        console.print(_table(changes))
        done = "would become" if dry_run else "is in force as"
        console.print(f"Project [bold]{project.project}[/] {done} revision {revision}.")


async def apply_project(kafka: str, project: Project, *, dry_run: bool = False) -> tuple[int, list[Difference]]:
    """Publish the project unless it is in force already; returns its revision and what differs from the former one."""
    await ensure_topics(kafka)
    key = project.project.encode()
    event = (await read_all(kafka, PROJECTS)).get(key)
    revision, before = 0, {}
    if event and isinstance(event.data, ProjectApplied):
        revision, before = event.data.revision, json.loads(event.data.document)
    after: dict[str, Any] = project.model_dump(mode="json")
    changes = list(differences(before, after))
    if not changes:
        return revision, changes
    message = ProjectApplied(
        project=project.project, revision=revision + 1, document=json.dumps(after, ensure_ascii=False).encode()
    )
    if not dry_run:
        await send(kafka, "isthmus", PROJECTS, key, message)
    return message.revision, changes


def _check_secrets(project: Project, folder: Path) -> None:
    """Every secret file that the project names must be there; variables are the services' own."""
    problems = []
    for side in (project.source, project.target):
        for where, server in (("directory", side.directory), ("exchange", side.exchange)):
            names = [("password", server.password.file), ("ca_file", server.ca_file)]
            problems += [
                f"{side.name}: {where}.{field} names {name!r}, which is not readable in {folder}: put it there"
                for field, name in names
                if name is not None and not os.access(folder / name, os.R_OK)
            ]
    if problems:
        fail("\n".join(problems), Exit.WRONG_INPUT)


def _table(changes: list[Difference]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("field", "before", "after"):
        table.add_column(column, overflow="fold")
    for change in changes:
        table.add_row(change.field, _value(change.before), _value(change.after))
    return table


def _value(value: Any) -> Text:
    if value is None:
        return Text("-", "dim")
    return Text(value if isinstance(value, str) else json.dumps(_said(value), ensure_ascii=False))


def _said(value: Any) -> Any:
    """Without fields that say nothing."""
    if isinstance(value, dict):
        return {key: _said(part) for key, part in value.items() if part not in BLANK}
    return [_said(part) for part in value] if isinstance(value, list) else value
