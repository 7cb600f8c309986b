"""The time that a request takes on a real server and on the way to it."""

from __future__ import annotations

import re

from .model import Delay

_LISTED = re.compile(rb"<t:(?:ItemId|FolderId|PersonaId) ")


def call_seconds(delay: Delay, operation: str) -> float:
    """A server's time for a request, its items apart."""
    return _of(delay.call_ms, operation) / 1000


def item_seconds(delay: Delay, operation: str) -> float:
    """A server's time for each item."""
    return _of(delay.item_ms, operation) / 1000


def items_of(operation: str, pieces: list[bytes], worked_on: int) -> int:
    """How many items a request was about: what the answer lists, or those it was told."""
    if operation.startswith(("Find", "Sync")):
        return sum(len(_LISTED.findall(piece)) for piece in pieces)
    return worked_on


def _of(times: dict[str, float], operation: str) -> float:
    return times.get(operation, times.get("*", 0.0))
