"""A program of the lab, for whoever supervises it; and the plainest supervision, for tests."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Program:
    """A command that stays in the foreground, ends within 10 s of SIGTERM, and may be started again at any time.

    `ready` is a cheap probe: None when the program serves, else one line on what it still waits for.
    """

    name: str
    command: tuple[str, ...]
    folder: Path
    ready: Callable[[], str | None]
    environment: Mapping[str, str] = field(default_factory=dict)


def wait_ready(program: Program, seconds: float = 60.0, alive: Callable[[], bool] = lambda: True) -> None:
    """Wait until the program serves; TimeoutError or RuntimeError says what it was still waiting for."""
    deadline = time.monotonic() + seconds
    while (missing := program.ready()) is not None:
        if not alive():
            raise RuntimeError(f"{program.name} ended before it was ready: {missing}")
        if time.monotonic() > deadline:
            raise TimeoutError(f"{program.name} is not ready after {seconds:.0f} s: {missing}")
        time.sleep(0.02)


@contextlib.contextmanager
def running(*programs: Program, log_folder: Path) -> Iterator[None]:
    """All of `programs`, started together and ready; stopped at the end of the block."""
    log_folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        processes = [stack.enter_context(_started(program, log_folder)) for program in programs]
        for program, process in zip(programs, processes, strict=True):
            try:
                wait_ready(program, alive=lambda process=process: process.poll() is None)  # type: ignore[misc]
            except (RuntimeError, TimeoutError) as error:
                error.add_note((log_folder / f"{program.name}.log").read_text(errors="replace")[-3000:])
                raise
        yield


@contextlib.contextmanager
def _started(program: Program, log_folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (log_folder / f"{program.name}.log").open("ab") as log:
        process = subprocess.Popen(
            program.command,
            cwd=program.folder,
            env={**os.environ, **program.environment},
            stdin=subprocess.PIPE,  # Samba ends when this pipe closes, so that a killed test run leaves nothing behind
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdin is not None:
            process.stdin.close()
