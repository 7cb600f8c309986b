"""kill -9 of the mailbox worker, ten times while it copies and people work, changes nothing on the target."""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from isthmus_cli.commands.project import apply_project
from isthmus_cli.commands.system import bring_up
from isthmus_cli.demo.checks import Person, everything_is_there_once
from isthmus_cli.demo.witness import Organisation
from isthmus_cli.portal import Portal
from isthmus_cli.runner.system import System
from isthmus_lab.lab import LabOptions
from isthmus_project import load_project

KILLS = 10
PEOPLE = 12
ITEMS = 2500


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    # Writes of a killed worker are in doubt until the server must have given them up; that is waited for.
    monkeypatch.setenv("ISTHMUS_ANSWER_SECONDS", "8")
    system = System(tmp_path / "system")
    try:
        bring_up(system, LabOptions(people=PEOPLE, items=ITEMS, seed=7), mailbox_workers=1)
        yield system
    finally:
        system.stop()


def until(true: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.05)


def running_passes(system: System) -> float:
    """How many passes the worker is making, as its metrics say; 0 while it does not answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{system.state.ports['mailbox-1']}/metrics", timeout=2) as answer:
            found = re.search(rb"^isthmus_mailbox_running_passes (\S+)$", answer.read(), re.MULTILINE)
            return float(found[1]) if found else 0.0
    except OSError:
        return 0.0


def pid_of_worker(system: System) -> int | None:
    return next(status.pid for status in system.supervisor.status() if status.name == "mailbox-1")


@pytest.mark.timeout(900)
def test_ten_kills_change_nothing(system: System) -> None:
    rng = random.Random(7)
    portal = Portal(system.endpoints.portal)
    lab = system.lab()
    assert lab is not None
    info = lab.info()["organisations"]
    asyncio.run(apply_project(system.endpoints.kafka, load_project(system.project_file)))

    killed: set[int] = set()
    while len(killed) < KILLS:
        until(lambda: running_passes(system) > 0, 120, "a pass begins")
        time.sleep(rng.random())
        pid = pid_of_worker(system)
        if pid is not None and pid not in killed:
            os.kill(pid, signal.SIGKILL)
            killed.add(pid)
            until(lambda gone=pid: pid_of_worker(system) not in (None, gone), 60, "the worker is back")

    addresses = {person["address"].lower() for person in info["alpha"]["people"]}
    system.supervisor.stop_program("people")

    def in_step() -> bool:
        boxes = [box for box in portal.mailboxes() if box["source_address"].lower() in addresses]
        return len(boxes) == PEOPLE and all(box["status"] == "in step" for box in boxes)

    until(in_step, 300, "every mailbox is in step")
    boxes = [box for box in portal.mailboxes() if box["source_address"].lower() in addresses]
    people = [Person(box["name"], box["source_address"], box["target_address"], switched=False) for box in boxes]
    source, target = (
        Organisation(name, part["ews"], Path(part["ca_file"]), part["account"]["user"], part["account"]["password"])
        for name, part in info.items()
    )
    # What people did last is on its way for some seconds.
    deadline = time.monotonic() + 120
    while not (finding := everything_is_there_once(source, target, people)).right and time.monotonic() < deadline:
        time.sleep(3)
    assert finding.problems == []
    assert sum(box["items"]["done"] for box in portal.mailboxes()) >= ITEMS * 0.9
    assert all(box["items"]["set_aside"] == 0 for box in portal.mailboxes())
