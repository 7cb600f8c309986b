"""What was agreed of a mailbox's surroundings, and what could not be set, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence

from isthmus.events.v1.mailbox_pb2 import KeptAside as KeptAsideEvent
from isthmus_events import Lease, publish_all
from isthmus_events.topics import MAILBOX_KEPT_ASIDE
from isthmus_service import Pool
from isthmus_sync.mailbox.folder_settings import KeptAside


class DatabaseKept:
    """Kept (surroundings.py) of the mailbox of `pair_id`; every write holds the `lease`, or writes nothing."""

    def __init__(self, pool: Pool, lease: Lease, pair_id: bytes) -> None:
        self._pool = pool
        self._lease = lease
        self._pair = pair_id
        # What the database holds of the kinds asked for, so that nothing is written that is there.
        self._agreed: dict[tuple[str, str], str] = {}
        self._aside: dict[tuple[str, str], set[KeptAside]] = {}

    async def agreed(self, kind: str) -> dict[str, str]:
        rows = await self._pool.fetch(
            "SELECT place, agreed FROM surrounding WHERE pair_id = $1 AND kind = $2", self._pair, kind
        )
        aside = await self._pool.fetch(
            "SELECT place, who, what, reason FROM kept_aside WHERE pair_id = $1 AND kind = $2", self._pair, kind
        )
        found = {row["place"]: row["agreed"] for row in rows}
        self._agreed |= {(kind, place): text for place, text in found.items()}
        for row in aside:
            held = KeptAside(row["who"], row["what"], row["reason"])
            self._aside.setdefault((kind, row["place"]), set()).add(held)
        return found

    async def keep(self, kind: str, place: str, path: str, agreed: str, aside: Sequence[KeptAside]) -> None:
        key, now = (kind, place), set(aside)
        before = self._aside.get(key, set())
        if self._agreed.get(key) == agreed and before == now:
            return
        new = [
            KeptAsideEvent(pair_id=self._pair, kind=kind, place=path, who=each.who, what=each.what, reason=each.reason)
            for each in sorted(now - before)
        ]
        async with self._pool.acquire() as connection, connection.transaction():
            await self._lease.hold(connection)
            await connection.execute(
                "INSERT INTO surrounding (pair_id, kind, place, agreed) VALUES ($1, $2, $3, $4)"
                " ON CONFLICT (pair_id, kind, place) DO UPDATE SET agreed = excluded.agreed",
                self._pair,
                kind,
                place,
                agreed,
            )
            await connection.execute(
                "DELETE FROM kept_aside WHERE pair_id = $1 AND kind = $2 AND place = $3", self._pair, kind, place
            )
            await connection.executemany(
                "INSERT INTO kept_aside (pair_id, kind, place, path, who, what, reason)"
                " VALUES ($1, $2, $3, $4, $5, $6, $7)",
                [(self._pair, kind, place, path, *each) for each in now],
            )
            for event in new:
                await publish_all(connection, MAILBOX_KEPT_ASIDE, {self._pair: event})
        self._agreed[key], self._aside[key] = agreed, now

    async def forget(self, kind: str, places: Sequence[str]) -> None:
        if not places:
            return
        async with self._pool.acquire() as connection, connection.transaction():
            await self._lease.hold(connection)
            for table in ("surrounding", "kept_aside"):
                await connection.execute(
                    f"DELETE FROM {table} WHERE pair_id = $1 AND kind = $2 AND place = ANY($3::text[])",  # noqa: S608
                    self._pair,
                    kind,
                    list(places),
                )
