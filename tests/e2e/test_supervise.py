"""Supervision by the real supervisord: what dies comes back, two systems do not meet, nothing is left."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from isthmus_lab.program import Program
from isthmus_lab.supervise import Supervisor, SupervisorError

SLEEPER = (sys.executable, "-c", "import sys, time; print('here 100%', flush=True); time.sleep(600)")


def program(folder: Path, name: str, command: tuple[str, ...] = SLEEPER, **environment: str) -> Program:
    return Program(name, command, folder, lambda: None, environment)


def eventually(check: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    supervisor = Supervisor(tmp_path / "system")
    supervisor.folder.mkdir()
    yield supervisor
    supervisor.stop()
    assert not supervisor.alive()


def running(supervisor: Supervisor) -> dict[str, int]:
    return {status.name: status.pid for status in supervisor.status() if status.state == "RUNNING" and status.pid}


def test_a_killed_program_comes_back(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.configure([program(tmp_path, "one"), program(tmp_path, "two")])
    supervisor.start()
    eventually(lambda: running(supervisor).keys() == {"one", "two"})
    before = running(supervisor)
    os.kill(before["one"], signal.SIGKILL)
    eventually(lambda: running(supervisor).get("one", before["one"]) != before["one"])
    assert running(supervisor)["two"] == before["two"]
    eventually(lambda: supervisor.log_of("one").read_text().count("here 100%") == 2)


def test_stop_leaves_no_process(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path)
    supervisor.configure([program(tmp_path, "one")])
    supervisor.start()
    eventually(lambda: "one" in running(supervisor))
    pid = running(supervisor)["one"]
    supervisor.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    supervisor.stop()  # again: nothing happens
    with pytest.raises(SupervisorError, match="nothing runs in"):
        supervisor.status()


def test_a_second_start_takes_over_what_changed_and_leaves_the_rest(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.configure([program(tmp_path, "stays"), program(tmp_path, "changes"), program(tmp_path, "goes")])
    supervisor.start()
    eventually(lambda: len(running(supervisor)) == 3)
    before = running(supervisor)
    supervisor.configure(
        [program(tmp_path, "stays"), program(tmp_path, "changes", COLOUR="blue"), program(tmp_path, "comes")]
    )
    supervisor.start()
    eventually(lambda: running(supervisor).keys() == {"stays", "changes", "comes"})
    after = running(supervisor)
    assert after["stays"] == before["stays"]
    assert after["changes"] != before["changes"]


def test_one_program_is_stopped_and_started(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.configure([program(tmp_path, "one"), program(tmp_path, "two")])
    supervisor.start()
    eventually(lambda: len(running(supervisor)) == 2)
    supervisor.stop_program("one")
    supervisor.stop_program("one")
    assert running(supervisor).keys() == {"two"}
    supervisor.start_program("one")
    supervisor.start_program("one")
    eventually(lambda: len(running(supervisor)) == 2)


def test_two_systems_do_not_meet(supervisor: Supervisor, tmp_path: Path) -> None:
    long_folder = tmp_path / ("deep" * 30)  # longer than a socket's name may be
    long_folder.mkdir()
    other = Supervisor(long_folder)
    for each in (supervisor, other):
        each.configure([program(tmp_path, "one")])
        each.start()
    try:
        eventually(lambda: bool(running(supervisor) and running(other)))
        assert running(supervisor) != running(other)
    finally:
        other.stop()
    assert running(supervisor)


def test_a_program_that_cannot_run_is_reported_and_disturbs_no_other(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.configure([program(tmp_path, "bad", ("/nonexistent/program",)), program(tmp_path, "good")])
    supervisor.start()
    eventually(lambda: "good" in running(supervisor))
    eventually(lambda: {s.name: s.state for s in supervisor.status()}["bad"] in ("BACKOFF", "FATAL"))
