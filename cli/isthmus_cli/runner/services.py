"""The services of Isthmus as programs of the local runner: their commands, their settings, whether they are ready."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

from isthmus_lab.program import Program

SERVICES = ("accountmap", "dirsync", "mailbox", "switch", "stats")


def service_programs(
    folder: Path,
    ports: Mapping[str, int],
    environment: Mapping[str, str],
    own_environment: Callable[[str], Mapping[str, str]],
    *,
    mailbox_workers: int,
) -> list[Program]:
    """Every service as a program. ``ports`` has one for each program's name; ``environment`` is common to all, and
    ``own_environment`` gives what a program has beside it."""
    names = [name for name in SERVICES if name != "mailbox"]
    names[2:2] = [f"mailbox-{number}" for number in range(1, mailbox_workers + 1)]
    return [_program(folder, name, ports, {**environment, **own_environment(name)}) for name in names]


def _program(folder: Path, name: str, ports: Mapping[str, int], environment: Mapping[str, str]) -> Program:
    service = name.partition("-")[0]
    own = {"ISTHMUS_INSTANCE": name, "ISTHMUS_HTTP_PORT": str(ports[name])}
    if service == "accountmap":
        own["ISTHMUS_GRPC_PORT"] = str(ports["grpc"])
    if service == "dirsync":
        own["ISTHMUS_GRPC_PORT"] = str(ports["directory"])
    return Program(
        name=name,
        command=(str(Path(sys.executable).parent / f"isthmus-{service}"),),
        folder=folder,
        ready=readiness(ports[name]),
        environment={**environment, **own},
    )


def readiness(port: int) -> Callable[[], str | None]:
    """A probe of /readyz on this port of loopback: None when it says yes, else what it says."""

    def probe() -> str | None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2):
                return None
        except urllib.error.HTTPError as error:
            return error.read(500).decode(errors="replace").strip() or f"HTTP {error.code}"
        except OSError as error:
            return f"no answer on port {port}: {error}"

    return probe
