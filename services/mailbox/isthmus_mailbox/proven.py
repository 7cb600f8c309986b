"""Folders that a proof has found equal, written down while it is under way: a proof that is cut off is continued.

A mailbox of many items is compared for minutes, and its worker may die or hand it over meanwhile. What was found in a
folder holds for whoever goes on as long as both servers tell the same marks of its two sides as before it was listed,
and for an hour at most; else the folder is compared anew. A folder in which anything differs always is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from isthmus_events import Lease
from isthmus_exchange.values import FolderMark
from isthmus_service import Connection, Pool
from isthmus_sync.mailbox import staging
from isthmus_sync.mailbox.proof import Place

_HOLDS_SECONDS = 3600.0


class Proven(NamedTuple):
    """A folder that was found equal. `at`: when its proof began, in seconds since 1970; `findings`: JSON."""

    fingerprint: bytes
    at: float
    findings: str


class Shelf(Protocol):
    """Where they are kept."""

    async def read(self) -> list[Proven]: ...

    async def add(self, proven: Sequence[Proven]) -> None: ...


class Marked(NamedTuple):
    """What a side's server told of its folders, and what its clock said then."""

    marks: Mapping[str, FolderMark]
    at: float

    def items(self, folder: str) -> int:
        """How many a folder holds."""
        mark = self.marks.get(folder)
        return sum(int(told) for told in (mark.total, mark.associated) if told.isdigit()) if mark else 0


def fingerprint(place: Place, sides: tuple[Marked, Marked], filters: str) -> bytes:
    """Of all that the comparison of a folder hangs on; empty where that may change unnoticed."""
    parts = [repr(place), filters]
    for folder, side in zip((place.from_id, place.to_id or ""), sides, strict=True):
        mark = side.marks.get(folder)
        if mark is None or not staging.trusted(mark.committed, side.at):
            return b""
        parts += mark
    return hashlib.sha256("\0".join(parts).encode()).digest()


def holding(proven: Sequence[Proven], now: float) -> dict[bytes, Proven]:
    """By fingerprint, those that are not too old."""
    return {each.fingerprint: each for each in proven if now - each.at < _HOLDS_SECONDS}


class DatabaseShelf:
    """The shelf of one mailbox; every write holds the `lease`, or writes nothing."""

    def __init__(self, pool: Pool, lease: Lease, pair_id: bytes) -> None:
        self._pool = pool
        self._lease = lease
        self._pair = pair_id

    async def read(self) -> list[Proven]:
        rows = await self._pool.fetch("SELECT fingerprint, at, findings FROM proven WHERE pair_id = $1", self._pair)
        return [Proven(*row) for row in rows]

    async def add(self, proven: Sequence[Proven]) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            await self._lease.hold(connection)
            await connection.executemany(
                "INSERT INTO proven (pair_id, fingerprint, at, findings) VALUES ($1, $2, $3, $4)"
                " ON CONFLICT (pair_id, fingerprint) DO UPDATE SET at = excluded.at, findings = excluded.findings",
                [(self._pair, *each) for each in proven],
            )


async def clear(connection: Connection, pair_id: bytes) -> None:
    """A proof came to its end: the next one begins anew."""
    await connection.execute("DELETE FROM proven WHERE pair_id = $1", pair_id)
