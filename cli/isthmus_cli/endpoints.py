"""Where the parts of a running Isthmus are: from the environment, else from the system that ``isthmus up`` started."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path

from .output import Exit, fail

_NAMES = ("kafka", "accountmap", "portal")


@dataclass(frozen=True)
class Endpoints:
    """Addresses that the command line talks to."""

    kafka: str
    """host:port of a broker."""
    accountmap: str
    """host:port of the account map's gRPC."""
    portal: str
    """http://host:port of the statistics portal."""
    directory: str
    """host:port of dirsync's gRPC; empty where the environment does not say it."""


def endpoints_of(ports: dict[str, int]) -> Endpoints:
    """The endpoints of a local system with these ports."""
    return Endpoints(
        kafka=f"127.0.0.1:{ports['kafka']}",
        accountmap=f"127.0.0.1:{ports['grpc']}",
        portal=f"http://127.0.0.1:{ports['stats']}",
        directory=f"127.0.0.1:{ports.get('directory', 0)}",
    )


def known_endpoints(data: Path) -> Endpoints | None:
    """The endpoints of the system to talk to, None when there is none. The environment goes before the folder."""
    given = {name: os.environ.get(f"ISTHMUS_{name.upper()}") for name in _NAMES}
    directory = os.environ.get("ISTHMUS_DIRECTORY", "")
    if all(given.values()):
        return Endpoints(**{name: str(address) for name, address in given.items()}, directory=directory)
    state = data / "system.json"
    if not state.exists():
        return None
    local = endpoints_of(json.loads(state.read_text(encoding="utf-8"))["ports"])
    given["directory"] = directory
    return replace(local, **{name: address for name, address in given.items() if address})


def endpoints(data: Path) -> Endpoints:
    """The same, but ends the program with a remedy when there is none."""
    found = known_endpoints(data)
    if found is None:
        fail(
            f"there is no system in {data}: start one with 'isthmus up', name its folder with --data, or set "
            "ISTHMUS_KAFKA, ISTHMUS_ACCOUNTMAP, ISTHMUS_PORTAL and ISTHMUS_DIRECTORY for one that runs elsewhere",
            Exit.UNREACHABLE,
        )
    return found
