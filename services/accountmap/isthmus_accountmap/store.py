"""The account map in PostgreSQL: pairs, the index of their names, and the audit trail of active sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from isthmus.accounts.v1.accounts_pb2 import SIDE_SOURCE, Identity, Pair, Side
from isthmus_accounts.names import Name, asked, names
from isthmus_events import publish
from isthmus_events.topics import ACCOUNT_PAIRS
from isthmus_service import Connection

CHANGED = "accountmap_changed"
"""PostgreSQL tells every instance on this channel that there is a new revision."""

# For each identity asked, by its place: every pair that has this name, once for each of its objects that do. A removed
# pair has no name but its id.
RESOLVE = """
    SELECT asked.place::int AS place, pair.id, pair.document
    FROM unnest($1::smallint[], $2::bytea[], $3::smallint[]) WITH ORDINALITY AS asked (kind, value, side, place)
    JOIN name ON name.kind = asked.kind AND name.value = asked.value
        AND (asked.side = 0 OR name.side = 0 OR name.side = asked.side)
    JOIN pair ON pair.id = name.pair_id
"""


class Found(NamedTuple):
    """What is known of one identity: the serialised pair, or None because nobody has the name, or several have."""

    document: bytes | None
    ambiguous: bool = False


_NOBODY = Found(None)
_SEVERAL = Found(None, ambiguous=True)


async def resolve(connection: Connection, identities: Sequence[Identity]) -> list[Found]:
    """Look up any number of identities, in one statement; the answers are in their order."""
    places: list[int] = []
    wanted: list[Name] = []
    for place, identity in enumerate(identities):
        if (name := asked(identity)) is not None:
            places.append(place)
            wanted.append(name)
    found = [_NOBODY] * len(identities)
    if not wanted:
        return found
    kinds, values, sides = zip(*wanted, strict=True)
    holders: dict[int, bytes] = {}
    for place, pair_id, document in await connection.fetch(RESOLVE, kinds, values, sides):
        if holders.setdefault(place, pair_id) == pair_id:
            found[places[place - 1]] = Found(document)
        else:
            found[places[place - 1]] = _SEVERAL
    return found


async def take(connection: Connection, observed: Pair) -> Pair | None:
    """Take a pair as dirsync observed it; within a transaction. Returns it with its revision, None when it is no news.

    The active side is ours: it stays as it is, and is the source for a new pair.
    """
    held = await _lock(connection, observed.id)
    pair = Pair()
    pair.CopyFrom(observed)
    pair.active_side = held.active_side if held is not None else SIDE_SOURCE
    pair.revision = held.revision if held is not None else 0
    if held is not None and pair == held:
        return None
    await _write(connection, pair)
    return pair


async def set_active_side(connection: Connection, pair_id: bytes, side: Side.ValueType, reason: str) -> Pair | None:
    """Make `side` the active one; within a transaction. Returns the pair as it is then, None when there is none."""
    held = await _lock(connection, pair_id)
    if held is None or held.removed:
        return None
    if held.active_side == side:
        return held
    before, held.active_side = held.active_side, side
    await _write(connection, held)
    await connection.execute(
        "INSERT INTO active_side_change (pair_id, before, after, reason, revision) VALUES ($1, $2, $3, $4, $5)",
        pair_id,
        before,
        side,
        reason,
        held.revision,
    )
    return held


async def changed_since(connection: Connection, revision: int, limit: int) -> list[Pair]:
    """The next pairs after a revision, in the order of their revisions. After 0 removed pairs are not news."""
    rows = await connection.fetch(
        "SELECT document FROM pair WHERE revision > $1 AND NOT (removed AND $2) ORDER BY revision LIMIT $3",
        revision,
        revision == 0,
        limit,
    )
    return [Pair.FromString(row["document"]) for row in rows]


@dataclass(frozen=True, slots=True)
class Position:
    """The last revision, and the history that it is of."""

    revision: int
    history: str


async def position(connection: Connection) -> Position:
    """Where the account map is. Whatever can make a revision mean something else changes the history: another cluster
    (its identifier), a restored or promoted one (its timeline), a database or schema made anew (the table's own id).
    """
    row = await connection.fetchrow(
        """
        SELECT last, concat_ws('-',
            (SELECT system_identifier FROM pg_control_system()),
            substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8),
            'revision'::regclass::oid) AS history
        FROM revision
        """
    )
    assert row is not None, "the migration made the row"
    return Position(row["last"], row["history"])


async def _lock(connection: Connection, pair_id: bytes) -> Pair | None:
    """The pair as it is. Whoever means to write waits here for others that do, and for the order of revisions."""
    await connection.execute("SELECT FROM revision FOR UPDATE")
    document = await connection.fetchval("SELECT document FROM pair WHERE id = $1", pair_id)
    return None if document is None else Pair.FromString(document)


async def _write(connection: Connection, pair: Pair) -> None:
    """Give the pair a new revision, store it with its names, and say it on the topic and to the watchers."""
    pair.revision = await connection.fetchval("UPDATE revision SET last = last + 1 RETURNING last")
    await connection.execute(
        """
        INSERT INTO pair (id, revision, removed, document) VALUES ($1, $2, $3, $4)
        ON CONFLICT (id) DO UPDATE SET revision = $2, removed = $3, document = $4
        """,
        pair.id,
        pair.revision,
        pair.removed,
        pair.SerializeToString(),
    )
    await connection.execute("DELETE FROM name WHERE pair_id = $1", pair.id)
    await connection.executemany(
        "INSERT INTO name (kind, value, side, pair_id) VALUES ($1, $2, $3, $4)",
        [(name.kind, name.value, name.side, pair.id) for name in names(pair)],
    )
    await publish(connection, ACCOUNT_PAIRS, pair.id, pair)
    await connection.execute("SELECT pg_notify($1, '')", CHANGED)
