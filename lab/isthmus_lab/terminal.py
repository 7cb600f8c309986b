"""What the lab's commands share: their folder, their exit codes, how they end with an error."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from isthmus_lab.folders import default_data_folder

NOT_IN_ORDER, WRONG_INPUT, UNREACHABLE = 1, 2, 3
"""Exit codes, as everywhere in the isthmus command."""

WIDTH = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 200
"""Columns of what goes into a file or a pipe, where no terminal says how many there are: nothing is cut off."""

console = Console(highlight=False, width=WIDTH)

DataFolder = Annotated[
    Path, typer.Option("--data", envvar="ISTHMUS_DATA", help="Folder of the system that 'isthmus up --lab' runs.")
]
DEFAULT_DATA = default_data_folder()


def fail(message: str, code: int) -> typer.Exit:
    """Says what is wrong; to be raised."""
    Console(stderr=True, highlight=False).print(f"[bold red]isthmus:[/] {escape(message)}", soft_wrap=True)
    return typer.Exit(code)
