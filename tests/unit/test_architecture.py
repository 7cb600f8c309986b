"""The rules of the house: who may import whom, and that declared dependencies are the imported ones."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIBRARIES = {path.name: path for path in (ROOT / "libs").iterdir() if (path / "pyproject.toml").exists()}
SERVICES = {
    f"isthmus_{path.name}": path for path in (ROOT / "services").iterdir() if (path / "pyproject.toml").exists()
}
TOP = {"isthmus_lab": ROOT / "lab", "isthmus_cli": ROOT / "cli"}
EVERYTHING = LIBRARIES | SERVICES | TOP


def imports_of(folder: Path) -> dict[str, set[Path]]:
    """Top-level packages imported anywhere below ``folder``, and the files that import them."""
    found: dict[str, set[Path]] = {}
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names = [node.module]
            for name in names:
                found.setdefault(name.split(".")[0], set()).add(path.relative_to(ROOT))
    return found


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_a_service_imports_no_other_service_and_not_the_lab(service: str) -> None:
    forbidden = (SERVICES.keys() | TOP.keys()) - {service}
    imported = imports_of(SERVICES[service] / service)
    assert {name: imported[name] for name in forbidden & imported.keys()} == {}


@pytest.mark.parametrize("library", sorted(LIBRARIES))
def test_a_library_imports_no_service(library: str) -> None:
    imported = imports_of(LIBRARIES[library] / library)
    assert {name: imported[name] for name in (SERVICES.keys() | TOP.keys()) & imported.keys()} == {}


def test_the_lab_knows_no_service_and_no_runner() -> None:
    imported = imports_of(ROOT / "lab" / "isthmus_lab")
    assert {name: imported[name] for name in (SERVICES.keys() | {"isthmus_cli"}) & imported.keys()} == {}


@pytest.mark.parametrize("member", sorted(EVERYTHING))
def test_members_declare_what_they_import(member: str) -> None:
    project = tomllib.loads((EVERYTHING[member] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {
        requirement.split("[")[0].split(">")[0].split("=")[0].strip() for requirement in project["dependencies"]
    }
    imported = imports_of(EVERYTHING[member] / member)
    packages = {name.replace("_", "-") for name in imported if name in EVERYTHING and name != member}
    if "isthmus" in imported:
        packages.add("isthmus-proto")
    assert packages <= declared, f"{member} imports {packages - declared} without declaring it in its pyproject.toml"


def test_services_know_nothing_of_the_lab() -> None:
    """Real organisations are reached by the project file alone; a service that says 'lab' has learnt a special case."""
    for folder in [*SERVICES.values(), *LIBRARIES.values()]:
        for path in folder.rglob("*.py"):
            text = path.read_text(encoding="utf-8").lower()
            assert "isthmus_lab" not in text, path
            assert " lab " not in text.replace("'", " "), path


def test_nobody_waits_with_wait_for() -> None:
    """Before Python 3.12, asyncio.wait_for may swallow a cancellation that comes with the result (gh-86296)."""
    for folder in EVERYTHING.values():
        for path in folder.rglob("*.py"):
            assert "asyncio.wait_for(" not in path.read_text(encoding="utf-8"), f"{path}: use asyncio.timeout"
