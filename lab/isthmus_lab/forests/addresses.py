"""A loopback address for each forest.

Samba's ports are fixed (389, 636, 3268, 3269), so two forests, and two labs on one machine, need different addresses.
The whole of 127.0.0.0/8 is loopback on Linux. A process that may not bind below 1024 gets those ports shifted by a
small preloaded library.
"""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterable
from pathlib import Path

from isthmus_lab.organisation import HTTPS_PORT, SMTP_PORT

LISTENING_PORTS = (389, 636, 3268, 3269, HTTPS_PORT, SMTP_PORT)
"""What an organisation listens on: its forest and its Exchange server share the address."""
SHIFT = 10_000


def free_address(folder: Path, ports: Iterable[int]) -> str:
    """An address in 127.0.0.0/8 on which all `ports` are free; the same one for the same folder, when it is free."""
    shift = port_shift()
    wanted = [port + shift if port < 1024 else port for port in ports]
    for attempt in range(64):
        digest = hashlib.sha256(f"{folder}#{attempt}".encode()).digest()
        # 1..254 in every place: no network or broadcast address, and never 127.0.x.x, where other software lives.
        address = "127." + ".".join(str(1 + byte % 254) for byte in digest[:3])
        if all(is_free(address, port) for port in wanted):
            return address
    raise RuntimeError(f"no loopback address has ports {wanted} free: another program listens on them on all addresses")


def is_free(address: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def port_shift() -> int:
    """What is added to ports below 1024: 0 where this process may bind them."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind(("127.255.255.253", 389))
        except PermissionError:
            return SHIFT
        except OSError:
            return 0  # taken, hence not forbidden
    return 0
