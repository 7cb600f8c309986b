"""How many mailboxes of a collection are copied for the first time at the same time, by all workers together.

A place is a row that counts for half a minute and is renewed while the pass goes on; it is taken and renewed under the
mailbox's lease and a lock of the collection. Places are about load, not about safety: that one mailbox has one worker
is the lease's doing. Later passes take moments, and need no place.
"""

from __future__ import annotations

from collections.abc import Mapping

from isthmus_events import Lease
from isthmus_service import Pool

RENEW_SECONDS = 5.0
_SECONDS = 30.0
"""So long a place counts; a worker that cannot renew it has lost its database or its life."""


async def full(pool: Pool, most: Mapping[str, int]) -> list[str]:
    """The collections that have no place left; `most` is their number of places."""
    rows = await pool.fetch(
        "SELECT collection, count(*) AS taken FROM first_pass WHERE until > now() AND collection = ANY($1::text[])"
        " GROUP BY collection",
        list(most),
    )
    return [row["collection"] for row in rows if row["taken"] >= most[row["collection"]]]


async def take(pool: Pool, lease: Lease, pair_id: bytes, collection: str, most: int) -> bool:
    """Take a place, or keep the one that the mailbox has; False when older ones have all that there are.

    Raises OwnershipLost.
    """
    async with pool.acquire() as connection, connection.transaction():
        await lease.hold(connection)
        await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('first pass ' || $1, 0))", collection)
        await connection.execute("DELETE FROM first_pass WHERE collection = $1 AND until <= now()", collection)
        older = await connection.fetchval(
            """
            SELECT count(*) FROM first_pass AS other
            WHERE collection = $2 AND pair_id <> $1 AND (since, pair_id) < (
                coalesce((SELECT since FROM first_pass WHERE pair_id = $1 AND collection = $2), clock_timestamp()), $1)
            """,
            pair_id,
            collection,
        )
        if older >= most:
            await connection.execute("DELETE FROM first_pass WHERE pair_id = $1", pair_id)
            return False
        await connection.execute(
            """
            INSERT INTO first_pass AS mine (pair_id, collection, epoch, since, until)
            VALUES ($1, $2, $3, clock_timestamp(), now() + $4 * interval '1 second')
            ON CONFLICT (pair_id) DO UPDATE SET
                since = CASE WHEN mine.collection = $2 THEN mine.since ELSE excluded.since END,
                collection = $2, epoch = $3, until = excluded.until
            """,
            pair_id,
            collection,
            lease.epoch,
            _SECONDS,
        )
        return True


async def leave(pool: Pool, lease: Lease, pair_id: bytes) -> None:
    """Give the mailbox's place back, unless a newer owner of the mailbox has it."""
    await pool.execute("DELETE FROM first_pass WHERE pair_id = $1 AND epoch <= $2", pair_id, lease.epoch)
