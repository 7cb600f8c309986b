"""ews-javascript-api, unmodified: each test of the folder javascript is a test here.

The API asks for Exchange 2013 SP1 at most. Node.js verifies the server's certificate.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.clients.conftest import Staff
from tests.clients.packages import node_modules, run

SOURCES = Path(__file__).parent / "javascript"
TESTS = [
    name
    for file in sorted(SOURCES.glob("*.test.cjs"))
    for name in re.findall(r'^test\("(.+?)"', file.read_text(), re.MULTILINE)
]


@pytest.fixture(scope="module")
def results(staff: Staff, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """For each test what went wrong in it, or nothing."""
    folder = tmp_path_factory.mktemp("javascript-tests")
    described, report = folder / "lab.json", folder / "report"
    described.write_text(json.dumps(staff.described()))
    reporter = (f"--test-reporter={SOURCES / 'reporter.cjs'}", f"--test-reporter-destination={report}")
    environment = {
        "LAB": str(described),
        "NODE_EXTRA_CA_CERTS": str(staff.exchange.authority),
        "NODE_PATH": str(node_modules(SOURCES / "package.json")),
    }
    files = [str(each) for each in sorted(SOURCES.glob("*.test.cjs"))]
    # Its exit status says that a test failed; which one is asserted below.
    run("sh", "-c", '"$@"; [ $? -le 1 ]', "sh", "node", *reporter, "--test", *files, environment=environment)
    return {each["name"]: each["error"] for each in map(json.loads, report.read_text().splitlines())}


@pytest.mark.parametrize("name", TESTS)
def test_javascript(results: dict[str, str], name: str) -> None:
    assert not results[name], results[name]
