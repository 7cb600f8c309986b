"""Where the parts of a running Isthmus are: from the environment, else from the system that ``isthmus up`` started."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from .output import Exit, fail


def default_data_folder() -> Path:
    """Where ``isthmus up`` keeps a system: ISTHMUS_DATA, else /var/lib/isthmus for root, else the XDG data folder."""
    if given := os.environ.get("ISTHMUS_DATA"):
        return Path(given).absolute()
    if os.geteuid() == 0:
        return Path("/var/lib/isthmus")
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "isthmus"


@dataclass(frozen=True)
class Endpoints:
    """Addresses that the command line talks to."""

    kafka: str
    """host:port of a broker."""
    accountmap: str
    """host:port of the account map's gRPC."""
    portal: str
    """http://host:port of the statistics portal."""


def endpoints(data: Path) -> Endpoints:
    """The endpoints of the running system. Ends the program with a remedy when there is none."""
    state = data / "system.json"
    known: dict[str, str] = {}
    if state.exists():
        ports = json.loads(state.read_text(encoding="utf-8"))["ports"]
        known = {
            "kafka": f"127.0.0.1:{ports['kafka']}",
            "accountmap": f"127.0.0.1:{ports['accountmap']}",
            "portal": f"http://127.0.0.1:{ports['stats']}",
        }
    found = {
        name: os.environ.get(f"ISTHMUS_{name.upper()}") or known.get(name) for name in ("kafka", "accountmap", "portal")
    }
    missing = [f"ISTHMUS_{name.upper()}" for name, address in found.items() if not address]
    if missing:
        fail(
            f"no system runs in {data}: start one with 'isthmus up', name its folder with --data, "
            f"or set {', '.join(missing)} for one that runs elsewhere",
            Exit.UNREACHABLE,
        )
    return Endpoints(**{name: str(address) for name, address in found.items()})
