"""What the command line says, and how it ends.

Tables go to people, JSON to programs (``--json``), problems to standard error. An exit code means the same everywhere.
"""

from __future__ import annotations

import json
import sys
import urllib.error
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any, NoReturn

import typer
from isthmus_lab.terminal import WIDTH
from rich.console import Console

console = Console(highlight=False, width=WIDTH)
errors = Console(stderr=True, highlight=False)

_NAMED = 3


class Exit(IntEnum):
    """Exit codes."""

    OK = 0
    NOT_AS_IT_SHOULD_BE = 1
    """The command ran; what it looked at is not in order (a failed check, a refused switch, a process that is down)."""
    WRONG_INPUT = 2
    """The command line or the project file is wrong; nothing was done."""
    UNREACHABLE = 3
    """Something that must answer does not (Kafka, a domain controller, the portal); the message names it."""


def fail(message: str, code: Exit = Exit.NOT_AS_IT_SHOULD_BE) -> NoReturn:
    """Say what is wrong on standard error and end with ``code``."""
    for line in message.splitlines():
        errors.print(f"[bold red]isthmus:[/] {_escaped(line)}", soft_wrap=True)
    raise typer.Exit(code)


def reason(error: Exception) -> str:
    """Why nothing answers, for people: without the words of urllib around it."""
    why = error.reason if isinstance(error, urllib.error.URLError) else error
    return (why.strerror if isinstance(why, OSError) else "") or str(why)


def until(moment: datetime | None) -> str:
    """When something ends, for people: the time of day in UTC, with the date when it is not today; None is never."""
    if moment is None:
        return "and that never ends"
    then = moment.astimezone(UTC)
    return (
        f"until {then:%H:%M:%S} UTC" if then.date() == datetime.now(UTC).date() else f"until {then:%Y-%m-%d %H:%M} UTC"
    )


def number(count: int) -> str:
    """A count for people: 1 000."""
    return f"{count:,}".replace(",", " ")


def alike(said: Iterable[tuple[str, str]]) -> list[tuple[str, list[str]]]:
    """What is said of mailboxes, as names and words: all words once, each with the names; those of the most first."""
    names = defaultdict[str, list[str]](list)
    for name, words in said:
        names[words].append(name)
    return sorted(names.items(), key=lambda one: -len(one[1]))


def whose(names: list[str]) -> str:
    """These mailboxes for people: how many, and the first of them."""
    if len(names) == 1:
        return names[0]
    more = f" and {number(len(names) - _NAMED)} more" if len(names) > _NAMED else ""
    return f"{number(len(names))} mailboxes ({'; '.join(names[:_NAMED])}{more})"


def print_json(data: Any) -> None:
    """Write ``data`` as JSON to standard output, indented when a person looks at it."""
    json.dump(data, sys.stdout, indent=2 if sys.stdout.isatty() else None, ensure_ascii=False, default=str)
    sys.stdout.write("\n")


def _escaped(text: str) -> str:
    return text.replace("[", "\\[")
