"""``python -m isthmus_lab.keeper LAB_FOLDER``: runs a lab alone until SIGTERM.

It holds a lock on the file ``keeper`` in the folder, which has its process number once everything serves. How the
servers are to serve is in ``serving.json``.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import threading
from pathlib import Path

from pydantic import TypeAdapter

from isthmus_lab.lab import Lab, Serving
from isthmus_lab.program import running

_SERVING = TypeAdapter(Serving)


def lock_file(folder: Path) -> Path:
    """The file that a keeper locks."""
    return folder / "keeper"


def write_serving(folder: Path, serving: Serving) -> None:
    """For the next keeper of this folder."""
    (folder / "serving.json").write_bytes(_SERVING.dump_json(serving, indent=2))


def read_serving(folder: Path) -> Serving:
    """How the servers of this folder serve, or did last."""
    return _SERVING.validate_json((folder / "serving.json").read_bytes())


def keeper_of(folder: Path) -> int | None:
    """The number of the process that keeps this lab, 0 while it is starting, None when nobody does."""
    try:
        with lock_file(folder).open("r+") as held:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(held.read() or 0)
    except FileNotFoundError:
        pass
    return None


def main() -> None:
    """Starts everything and waits."""
    folder = Path(sys.argv[1])
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    with lock_file(folder).open("a+") as held:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        held.truncate(0)
        programs = Lab(folder).prepare(serving=read_serving(folder))
        with running(*programs, log_folder=folder / "log"):
            held.write(str(os.getpid()))
            held.flush()
            stopping.wait()
        held.truncate(0)


if __name__ == "__main__":
    main()
