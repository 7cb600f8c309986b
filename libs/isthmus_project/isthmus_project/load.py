"""Reads a project file, and says where a wrong one is wrong: file, line, field, remedy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from .model import Project
from .pairs_file import PairsError, read_pairs

_LARGEST_FILE = 4 * 1024 * 1024


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: the line (1 is the first), the field as a dotted path, and words with the remedy."""

    line: int
    field: str
    message: str


class ProjectError(Exception):
    """The project file cannot be used; every problem found in it is in ``problems``."""

    def __init__(self, path: Path, problems: list[Problem]) -> None:
        self.path = path
        self.problems = problems
        super().__init__("\n".join(self._line(problem) for problem in problems))

    def _line(self, problem: Problem) -> str:
        where = f"{self.path}:{problem.line}"
        return f"{where}: {problem.field}: {problem.message}" if problem.field else f"{where}: {problem.message}"


def load_project(path: Path) -> Project:
    """The project in the file ``path``. Raises ProjectError with every problem at once."""
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise ProjectError(path, [Problem(1, "", "the file is larger than 4 MiB; this is not a project file")])
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        remedies: dict[type[OSError], str] = {
            FileNotFoundError: "name the one that you have, or write one with 'isthmus init'",
            IsADirectoryError: "name the file in it",
        }
        remedy = remedies.get(type(error), "check its permissions")
        raise ProjectError(path, [Problem(1, "", f"cannot be read: {error.strerror}; {remedy}")]) from error
    except UnicodeDecodeError as error:
        raise ProjectError(
            path, [Problem(1, "", f"is not UTF-8 text (byte {error.start}); save it as UTF-8")]
        ) from error
    try:
        document = YAML(typ="rt").load(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ProjectError(path, [Problem(line, "", f"is not YAML: {error.problem}")]) from error
    except YAMLError as error:
        raise ProjectError(path, [Problem(1, "", f"is not YAML: {error}")]) from error
    if not isinstance(document, dict):
        raise ProjectError(path, [Problem(1, "", "is empty or not a mapping; write one with 'isthmus init'")])
    named = _with_pairs(path, document)
    try:
        return Project.model_validate(named)
    except ValidationError as error:
        problems = [
            Problem(_line_of(document, entry["loc"]), _dotted(entry["loc"]), _words(entry["type"], entry["msg"]))
            for entry in error.errors(include_url=False)
        ]
        raise ProjectError(path, sorted(problems, key=lambda problem: problem.line)) from error


def _with_pairs(path: Path, document: dict[str, Any]) -> dict[str, Any]:
    """The document with the lines of the CSV file that ``directory.pairs`` names, when it names one."""
    directory = document.get("directory")
    if not isinstance(directory, dict) or not isinstance(directory.get("pairs"), str):
        return document
    file = pairs_file(path, directory["pairs"])
    try:
        pairs = read_pairs(file)
    except PairsError as error:
        raise ProjectError(file, [Problem(error.line, "", str(error))]) from error
    return {**document, "directory": {**directory, "pairs": pairs}}


def pairs_file(project_file: Path, name: str) -> Path:
    """Where the CSV file is that a project file names: beside it, unless the name says otherwise."""
    return project_file.absolute().parent / name


def named_pairs_file(project_file: Path) -> Path | None:
    """The CSV file of a project file that load_project takes, None when it names none."""
    directory = YAML(typ="safe").load(project_file).get("directory") or {}
    name = directory.get("pairs")
    return pairs_file(project_file, name) if isinstance(name, str) else None


def _words(kind: str, message: str) -> str:
    if kind == "missing":
        return "is missing; add it"
    if kind == "extra_forbidden":
        return "is not a field of a project file; remove it or mend its spelling"
    return message.removeprefix("Value error, ")


def _dotted(location: tuple[int | str, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")


def _line_of(document: Any, location: tuple[int | str, ...]) -> int:
    """The line of the deepest part of ``location`` that the file has."""
    node, line = document, 1
    for part in location:
        try:
            line = (node.lc.item(part) if isinstance(part, int) else node.lc.key(part))[0] + 1
            node = node[part]
        except (AttributeError, KeyError, IndexError, TypeError):
            break
    return line
