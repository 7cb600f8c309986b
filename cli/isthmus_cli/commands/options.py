"""Options and arguments that several commands share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from isthmus_lab.folders import default_data_folder
from isthmus_project import Project, ProjectError, load_project

from ..output import Exit, fail

DataFolder = Annotated[
    Path, typer.Option("--data", envvar="ISTHMUS_DATA", help="Folder of the system that 'isthmus up' runs.")
]
ProjectFile = Annotated[Path, typer.Argument(help="The project file.", show_default=True)]
Json = Annotated[bool, typer.Option("--json", help="JSON for programs instead of a table.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]

DEFAULT_PROJECT = Path("project.yaml")
DEFAULT_DATA = default_data_folder()


def project_file(path: Path, data: Path) -> Path:
    """The project file that is meant: the one that ``isthmus up --lab`` wrote, when none was named and none is here."""
    return data / path if path == DEFAULT_PROJECT and not path.exists() and (data / path).exists() else path


def read_project(path: Path) -> Project:
    """The project in ``path``; ends the program with every problem, its line and its remedy when it is wrong."""
    try:
        return load_project(path)
    except ProjectError as error:
        fail(str(error), Exit.WRONG_INPUT)


def secrets_folder(project_file: Path) -> Path:
    """ISTHMUS_SECRETS_DIR, else the folder ``secrets`` beside the project file."""
    given = os.environ.get("ISTHMUS_SECRETS_DIR")
    return Path(given) if given else project_file.absolute().parent / "secrets"
