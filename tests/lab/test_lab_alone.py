"""`isthmus lab up` and `isthmus lab down`: the lab without Isthmus, as somebody who tests other software uses it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from isthmus_lab.supervise import Supervisor

from tests.plugins.conditions import ENVELOPE, GET_INBOX

ISTHMUS = Path(sys.executable).with_name("isthmus")


def isthmus(*arguments: str) -> str:
    """The command's output; it must succeed."""
    done = subprocess.run([ISTHMUS, *arguments], capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def until(so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not so():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_up_changes_and_down(tmp_path: Path) -> None:
    data = ("--data", str(tmp_path))
    plan = tmp_path / "plan.yaml"
    plan.write_text("seed: 1\nrules:\n  - {fault: error, code: ErrorMailboxMoveInProgress, operations: [GetFolder]}\n")
    small = ("--people", "3", "--items", "10")
    try:
        start = ("--version", "2010", "--logon", "NTLM,Basic")
        said = isthmus("lab", "up", *data, *small, *start, "--throttling", "default")
        info = json.loads(isthmus("lab", "info", "--json", *data))
        for name in ("alpha", "beta"):
            assert info[name]["ews"] in said
        described = info["alpha"]
        person = described["people"][0]

        def ask() -> requests.Response:
            return requests.post(
                described["ews"],
                data=ENVELOPE.format(header="", body=GET_INBOX).encode(),
                auth=(person["user"], person["password"]),
                headers={"Content-Type": "text/xml"},
                verify=described["ca_file"],
                timeout=30,
            )

        def served() -> bool:
            try:
                return bool(ask().status_code)
            except requests.ConnectionError:
                return False

        answer = ask()
        assert answer.status_code == 200
        assert 'MajorVersion="14" MinorVersion="2"' in answer.text
        offered = requests.post(described["ews"], data="x", verify=described["ca_file"], timeout=30)
        assert offered.headers["WWW-Authenticate"].startswith("NTLM, Basic")
        assert "nothing of it is changed" in isthmus("lab", "up", *data)
        assert "are changed" in isthmus("lab", "up", *data, "--faults", str(plan))
        assert "ErrorMailboxMoveInProgress" in ask().text
        assert "--people is 3" in isthmus("lab", "up", *data, "--people", "5", "--round-trip", "1")
        assert "ErrorMailboxMoveInProgress" in ask().text

        # A server that dies comes back, as it served.
        supervisor = Supervisor(tmp_path / "lab")
        [server] = [each for each in supervisor.status() if each.name == "exchange-alpha"]
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        until(lambda: served() and "ErrorMailboxMoveInProgress" in ask().text)

        # What a running server cannot change is changed all the same.
        assert "started again as Exchange2016" in isthmus("lab", "up", *data, "--version", "2016", "--faults", "none")
        answer = ask()
        assert answer.status_code == 200
        assert 'MajorVersion="15"' in answer.text
    finally:
        isthmus("lab", "down", *data)
    with pytest.raises(requests.ConnectionError):
        ask()
    assert "No lab is running" in isthmus("lab", "down", *data)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--version", "2003"), "no version 2003"),
        (("--logon", "Basic,Digest"), "Basic and NTLM"),
        (("--faults", "nowhere.yaml"), "nowhere.yaml: No such file"),
        (("--throttling", "plan.yaml"), "max_cats"),
    ],
)
def test_what_cannot_be_meant_is_said(tmp_path: Path, options: tuple[str, str], says: str) -> None:
    (tmp_path / "plan.yaml").write_text("max_cats: 9\n")
    done = subprocess.run(
        [ISTHMUS, "lab", "up", "--data", str(tmp_path), *options],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=60,
    )
    assert done.returncode == 2
    assert says in done.stderr
