"""Ports that nobody uses."""

from __future__ import annotations

import random
import socket

_CANDIDATES = range(15000, 32000)
"""Below the ports that Linux gives to outgoing connections (32768 and up): one of those would otherwise occupy the port
of a server that is down for a moment."""


def free_ports(count: int) -> list[int]:
    """Return `count` different TCP ports of 127.0.0.1 on which nothing listens now. OSError: there are none."""
    found: list[int] = []
    for port in random.sample(_CANDIDATES, len(_CANDIDATES)):
        if len(found) == count:
            return found
        with socket.socket() as probe:
            # As servers do: a connection that was closed a minute ago does not make a port busy.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
    raise OSError(f"no {count} free ports between {_CANDIDATES.start} and {_CANDIDATES.stop} on 127.0.0.1")
