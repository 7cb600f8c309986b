"""Where the parts of a running Isthmus are: from the environment, else from the system that ``isthmus up`` started."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from isthmus_service import ConfigurationError, Security

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
    mailbox: str
    """http://host:port of any mailbox worker, which answers from the ledger; empty when nobody named one."""
    security: Security = field(default_factory=Security)
    """How the account map and dirsync are spoken to."""


def endpoints_of(data: Path, ports: dict[str, int]) -> Endpoints:
    """The endpoints of the local system in a folder, with these ports."""
    return Endpoints(
        kafka=f"127.0.0.1:{ports['kafka']}",
        accountmap=f"127.0.0.1:{ports['grpc']}",
        portal=f"http://127.0.0.1:{ports['stats']}",
        directory=f"127.0.0.1:{ports.get('directory', 0)}",
        mailbox=f"http://127.0.0.1:{ports['mailbox-1']}" if "mailbox-1" in ports else "",
        security=_security(data / "tls" / "ca.pem", data / "tls" / "isthmus"),
    )


def known_endpoints(data: Path) -> Endpoints | None:
    """The endpoints of the system to talk to, None when there is none. The environment goes before the folder."""
    given = {name: os.environ.get(f"ISTHMUS_{name.upper()}") for name in _NAMES}
    security = _given_security() if given["accountmap"] else None
    directory, mailbox = (os.environ.get(f"ISTHMUS_{name}", "") for name in ("DIRECTORY", "MAILBOX"))
    if all(given.values()):
        addresses = {name: str(address) for name, address in given.items()}
        return Endpoints(**addresses, directory=directory, mailbox=mailbox, security=security or Security())
    state = data / "system.json"
    if not state.exists():
        return None
    local = endpoints_of(data, json.loads(state.read_text(encoding="utf-8"))["ports"])
    return Endpoints(
        **{name: address or getattr(local, name) for name, address in given.items()},
        directory=directory or local.directory,
        mailbox=mailbox or local.mailbox,
        security=security or local.security,
    )


def _security(ca: Path, folder: Path) -> Security:
    """By the files of a folder, when it has them."""
    certificate, key = folder / "server.pem", folder / "server.key"
    return Security(ca, certificate, key) if certificate.exists() else Security()


def _given_security() -> Security:
    """By the variables that services have, too."""
    ca, certificate, key = (
        Path(value) if (value := os.environ.get(f"ISTHMUS_TLS_{name}")) else None
        for name in ("CA", "CERTIFICATE", "KEY")
    )
    try:
        return Security(ca, certificate, key, os.environ.get("ISTHMUS_GRPC_PLAINTEXT", "").lower() == "true")
    except ConfigurationError as error:
        fail(str(error), Exit.WRONG_INPUT)


def endpoints(data: Path) -> Endpoints:
    """The same, but ends the program with a remedy when there is none."""
    found = known_endpoints(data)
    if found is None:
        fail(
            f"there is no system in {data}: start one with 'isthmus up', name its folder with --data, or set "
            "ISTHMUS_KAFKA, ISTHMUS_ACCOUNTMAP, ISTHMUS_PORTAL, ISTHMUS_DIRECTORY and ISTHMUS_MAILBOX for one that "
            "runs elsewhere",
            Exit.UNREACHABLE,
        )
    return found
