"""Processes that tests start: they end with the test, and with the test run, however that ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from isthmus_lab.program import Program, wait_ready


class Process:
    """A process of a test. The kernel kills it when the test run dies; `log` has what it wrote."""

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        self.command = tuple(command)
        self.log = log
        self.environment = {**os.environ, **(environment or {})}
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, or start it again."""
        assert not self.alive()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                ("setpriv", "--pdeathsig", "KILL", "--", *self.command),
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once, as a power failure would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self, seconds: float = 15.0) -> int:
        """End it by SIGTERM, by SIGKILL when that does not help, and return its exit status."""
        if self._process is None:
            return 0
        self._process.terminate()
        self._process.send_signal(signal.SIGCONT)
        try:
            return self._process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(
                f"{self.command[0]} did not end within {seconds} s of SIGTERM\n{self.tail()}"
            ) from None

    def wait(self, seconds: float = 30.0) -> int:
        """Its exit status once it has ended by itself."""
        assert self._process is not None
        return self._process.wait(timeout=seconds)

    def tail(self, lines: int = 40) -> str:
        """The last lines that it wrote."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


class ProgramProcess(Process):
    """A program of the runner or the lab; `start` returns when it serves."""

    def __init__(self, program: Program, log: Path) -> None:
        super().__init__(program.command, log, program.environment, program.folder)
        self.program = program

    def start(self) -> None:
        super().start()
        try:
            wait_ready(self.program, alive=self.alive)
        except (RuntimeError, TimeoutError) as error:
            self.kill()
            raise AssertionError(f"{error}\n{self.tail()}") from error


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    """Return when `condition()` holds; fail the test, saying `what`, when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)


def readiness(port: int) -> tuple[int, dict[str, str]]:
    """The status of /readyz and what it waits for; 0 when nothing answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz") as answer:
            return answer.status, json.load(answer)["waiting"]
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)["waiting"]
    except OSError:
        return 0, {}
