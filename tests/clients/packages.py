"""Clients from package registries: downloaded once a machine by the registry's own program, kept in the cache."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path


def jars(pom: Path) -> Path:
    """The folder with the jars that a pom.xml names, and theirs."""

    def fill(folder: Path) -> None:
        run("mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies", f"-DoutputDirectory={folder}")

    return _cached("java", pom, fill)


def node_modules(package: Path) -> Path:
    """The folder with the packages that a package.json names, and theirs."""

    def fill(folder: Path) -> None:
        folder.mkdir()
        (folder / "package.json").write_bytes(package.read_bytes())
        run("npm", "install", "--prefix", str(folder), "--silent", "--no-audit", "--no-fund", "--no-package-lock")

    return _cached("javascript", package, fill) / "node_modules"


def run(*command: str, environment: dict[str, str] | None = None, seconds: float = 240) -> None:
    """A program that must succeed; what it wrote is shown when it does not."""
    result = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        env={**os.environ, **(environment or {})},
    )
    assert result.returncode == 0, f"{command[0]} ended with status {result.returncode}\n{result.stdout}{result.stderr}"


def _cached(name: str, definition: Path, fill: Callable[[Path], None]) -> Path:
    """What ``fill`` makes of a definition; made again when the definition changes."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "isthmus" / "tests"
    folder = cache / f"{name}-{sha256(definition.read_bytes()).hexdigest()[:12]}"
    if folder.exists():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    # Filled beside its place and then renamed, so that a folder of that name is complete.
    with tempfile.TemporaryDirectory(dir=cache, prefix=f".{name}-") as temporary:
        fill(Path(temporary) / "new")
        try:
            (Path(temporary) / "new").rename(folder)
        except OSError:  # two runs at once: the other's is as good
            if not folder.exists():
                raise
    return folder
