"""What was agreed of a mailbox's surroundings, and what could not be set, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence

from isthmus.events.v1.mailbox_pb2 import KeptAside as KeptAsideEvent
from isthmus_events import Lease, publish_all
from isthmus_events.topics import MAILBOX_KEPT_ASIDE
from isthmus_service import Connection, Pool
from isthmus_sync.mailbox.folder_settings import KeptAside

_FORGET_AGREED = "DELETE FROM surrounding WHERE pair_id = $1 AND kind = $2 AND place = ANY($3::text[])"
_FORGET_ASIDE = (
    "DELETE FROM kept_aside WHERE pair_id = $1 AND kind = $2 AND place = ANY($3::text[])"
    " RETURNING path, who, what, reason"
)


class DatabaseKept:
    """Kept (surroundings.py) of the mailbox of `pair_id`; every write holds the `lease`, or writes nothing."""

    def __init__(self, pool: Pool, lease: Lease, pair_id: bytes) -> None:
        self._pool = pool
        self._lease = lease
        self._pair = pair_id
        # What the database holds of the kinds asked for, so that nothing is written that is there; what is kept aside
        # with its place for people.
        self._agreed: dict[tuple[str, str], str] = {}
        self._aside: dict[tuple[str, str], dict[KeptAside, str]] = {}

    async def agreed(self, kind: str) -> dict[str, str]:
        rows = await self._pool.fetch(
            "SELECT place, agreed FROM surrounding WHERE pair_id = $1 AND kind = $2", self._pair, kind
        )
        aside = await self._pool.fetch(
            "SELECT place, path, who, what, reason FROM kept_aside WHERE pair_id = $1 AND kind = $2", self._pair, kind
        )
        found = {row["place"]: row["agreed"] for row in rows}
        self._agreed |= {(kind, place): text for place, text in found.items()}
        for row in aside:
            held = KeptAside(row["who"], row["what"], row["reason"])
            self._aside.setdefault((kind, row["place"]), {})[held] = row["path"]
        return found

    async def keep(self, kind: str, place: str, path: str, agreed: str | None, aside: Sequence[KeptAside]) -> None:
        key, now = (kind, place), dict.fromkeys(aside, path)
        before = self._aside.get(key, {})
        if agreed in (None, self._agreed.get(key)) and before.keys() == now.keys():
            return
        about = {(each.who, each.what) for each in now}
        news = [
            *(
                self._event(kind, before[each], each, settled=True)
                for each in sorted(before)
                if (each.who, each.what) not in about or before[each] != path
            ),
            *(self._event(kind, path, each) for each in sorted(now) if before.get(each) != path),
        ]
        async with self._pool.acquire() as connection, connection.transaction():
            await self._lease.hold(connection)
            if agreed is not None:
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
            for event in news:
                await publish_all(connection, MAILBOX_KEPT_ASIDE, {self._pair: event})
        self._aside[key] = now
        if agreed is not None:
            self._agreed[key] = agreed

    async def forget(self, kind: str, places: Sequence[str]) -> None:
        if not places:
            return
        async with self._pool.acquire() as connection, connection.transaction():
            await self._lease.hold(connection)
            which = self._pair, kind, list(places)
            await connection.execute(_FORGET_AGREED, *which)
            gone = await connection.fetch(_FORGET_ASIDE, *which)
            for path, *what in gone:
                event = self._event(kind, path, KeptAside(*what), settled=True)
                await publish_all(connection, MAILBOX_KEPT_ASIDE, {self._pair: event})
        for place in places:
            self._agreed.pop((kind, place), None)
            self._aside.pop((kind, place), None)

    def _event(self, kind: str, path: str, each: KeptAside, *, settled: bool = False) -> KeptAsideEvent:
        return _event(self._pair, kind, path, each, settled=settled)


async def forget_all(connection: Connection, pair_id: bytes, *, but: str) -> None:
    """Forget everything of a mailbox except what is of the kind `but`."""
    await connection.execute("DELETE FROM surrounding WHERE pair_id = $1 AND kind <> $2", pair_id, but)
    gone = await connection.fetch(
        "DELETE FROM kept_aside WHERE pair_id = $1 AND kind <> $2 RETURNING kind, path, who, what, reason", pair_id, but
    )
    for kind, path, *what in gone:
        event = _event(pair_id, kind, path, KeptAside(*what), settled=True)
        await publish_all(connection, MAILBOX_KEPT_ASIDE, {pair_id: event})


def _event(pair_id: bytes, kind: str, path: str, each: KeptAside, *, settled: bool) -> KeptAsideEvent:
    return KeptAsideEvent(
        pair_id=pair_id, kind=kind, place=path, who=each.who, what=each.what, reason=each.reason, settled=settled
    )
