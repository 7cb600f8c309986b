"""Every Exchange server that a test starts, in this process or another, holds what it gets and sends to the schema.

A request or an answer that does not keep to it fails the test that was running, whichever client it was. A test that
sends such requests on purpose says so: ``@pytest.mark.invalid_requests``. Answers are excused for nobody.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from isthmus_lab.exchange.settings import VIOLATIONS


class Record:
    """The file that all servers write to, read from where it was read before."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0
        path.touch()

    def new(self) -> list[dict[str, Any]]:
        with self._path.open("rb") as file:
            file.seek(self._read)
            lines = file.read().splitlines(keepends=True)
        whole = [line for line in lines if line.endswith(b"\n")]
        self._read += sum(map(len, whole))
        return [json.loads(line) for line in whole]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "invalid_requests: the test sends requests that the EWS schema does not allow")


@pytest.fixture(scope="session", autouse=True)
def violations(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Record]:
    path = tmp_path_factory.mktemp("violations") / "violations.jsonl"
    os.environ[VIOLATIONS] = str(path)
    record = Record(path)
    yield record
    del os.environ[VIOLATIONS]
    assert record.new() == []


@pytest.fixture(autouse=True)
def _valid(request: pytest.FixtureRequest, violations: Record) -> Iterator[None]:
    yield
    excused = request.node.get_closest_marker("invalid_requests") is not None
    found = [each for each in violations.new() if not (excused and each["what"] == "request")]
    if found:
        shown = "\n\n".join(
            f"{each['what']} {each['operation']}: {'; '.join(each['wrong'])}\n{each['content']}" for each in found
        )
        pytest.fail(f"The EWS schema does not allow this:\n{shown}", pytrace=False)
