"""Mail that real programs wrote."""

from __future__ import annotations

import os
import subprocess
import zipfile
from pathlib import Path

import pytest

_SAMPLES = "org.apache.tika:tika-parser-microsoft-module:2.9.2:jar:tests"
"""Apache Tika's test documents (Apache-2.0), among them PST files that Outlook wrote."""


@pytest.fixture(scope="session")
def pst_files() -> Path:
    """A folder with PST files; fetched by Maven once a machine."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "isthmus" / "tests"
    folder = cache / "pst"
    if not folder.exists():
        cache.mkdir(parents=True, exist_ok=True)
        plugin = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy"
        subprocess.run(["mvn", "-q", "-B", plugin, f"-Dartifact={_SAMPLES}", f"-DoutputDirectory={cache}"], check=True)
        draft = cache / f"pst-{os.getpid()}"
        with zipfile.ZipFile(next(cache.glob("tika-*-tests.jar"))) as jar:
            for name in jar.namelist():
                if name.endswith(".pst"):
                    (draft / Path(name).name).parent.mkdir(exist_ok=True)
                    (draft / Path(name).name).write_bytes(jar.read(name))
        draft.rename(folder)
    return folder
