"""The mailboxes of this service in its database: which there are, what is ordered of them, which are due."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from asyncpg import Record
from isthmus.accounts.v1.accounts_pb2 import RECIPIENT_KIND_CONTACT, RECIPIENT_KIND_GROUP, SIDE_TARGET, Pair
from isthmus.events.v1.mailbox_pb2 import (
    MAILBOX_ORDER_PAUSE,
    MAILBOX_ORDER_RESTART,
    MAILBOX_ORDER_RESUME,
    MailboxOrdered,
)
from isthmus_service import Connection, Pool

from isthmus_mailbox.doubts import GRACE_SECONDS

LEAST = 9
"""The priority of a collection that no project has."""


@dataclass(frozen=True)
class Order:
    """What somebody wants of a mailbox: an isthmus.events.v1.MailboxOrder, to be answered with its request id."""

    request_id: bytes
    what: int


@dataclass(frozen=True)
class Box:
    """A mailbox that is due."""

    pair: Pair
    partition: int
    switched: bool
    passes: int
    failures: int
    bytes_done: int
    # Marks.write at the end of its last pass.
    marks: str
    orders: tuple[Order, ...]

    @property
    def id(self) -> bytes:
        return self.pair.id


async def keep(connection: Connection, pair: Pair, partition: int) -> None:
    """Take over what the account map says of a pair. One that gets another mailbox is due, and nothing that is known of
    the former one's folders holds.
    """
    before = await connection.fetchval("SELECT pair FROM mailbox WHERE pair_id = $1", pair.id)
    other = before is not None and between(Pair.FromString(before))[1:] != between(pair)[1:]
    await connection.execute(
        """
        INSERT INTO mailbox (pair_id, partition, pair, collection, wanted, switched) VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (pair_id) DO UPDATE SET
            partition = excluded.partition, pair = excluded.pair, collection = excluded.collection,
            wanted = excluded.wanted, switched = excluded.switched,
            due = CASE WHEN mailbox.collection = excluded.collection AND NOT $7 THEN mailbox.due ELSE now() END,
            marks = CASE WHEN $7 THEN '' ELSE mailbox.marks END
        """,
        pair.id,
        partition,
        pair.SerializeToString(),
        pair.collection,
        not unwanted(pair),
        pair.active_side == SIDE_TARGET,
        other,
    )


def unwanted(pair: Pair) -> str:
    """Why a pair is nobody whose mailbox is copied, in words; empty when it is."""
    if pair.removed:
        return "the account map has removed the pair"
    if pair.kind in (RECIPIENT_KIND_GROUP, RECIPIENT_KIND_CONTACT):
        return "a group or a contact has no mailbox"
    for account, side in ((pair.source, "source"), (pair.target, "target")):
        if not account.mailbox_guid:
            return f"there is no mailbox on the {side}"
    return "" if pair.collection else "it is in no collection; name it in one in the project file, and 'isthmus apply'"


async def take_order(connection: Connection, order: MailboxOrdered) -> Box | None:
    """Write an order down; pausing and resuming are done at once. A mailbox that was resumed is returned."""
    if order.order in (MAILBOX_ORDER_PAUSE, MAILBOX_ORDER_RESUME):
        row = await connection.fetchrow(
            "UPDATE mailbox SET paused = $2, due = now() WHERE pair_id = $1"
            " RETURNING mailbox.*, NULL AS requests, NULL AS orders",
            order.pair_id,
            order.order == MAILBOX_ORDER_PAUSE,
        )
        return _box(row) if row and not row["paused"] else None
    await connection.execute(
        "INSERT INTO mailbox_order (pair_id, request_id, what) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        order.pair_id,
        order.request_id,
        order.order,
    )
    if order.order == MAILBOX_ORDER_RESTART:
        # A mailbox that is blocked, as one is that was made anew, waits no longer.
        await connection.execute("UPDATE mailbox SET due = now() WHERE pair_id = $1", order.pair_id)
    return None


async def due(
    pool: Pool,
    partitions: Sequence[int],
    running: Collection[bytes],
    *,
    most: int,
    priorities: Mapping[str, int],
    news: Collection[bytes] = (),
    closed: Sequence[str] = (),
    closed_to_orders: Sequence[str] = (),
    full: Sequence[str] = (),
) -> tuple[list[Box], int]:
    """Mailboxes of these partitions that are due, the most urgent first, and how many there are in all.

    Of those that were never copied, and of those that were, the `most` most urgent; without those that are being worked
    on. Ordered ones come first, then by the priority of their collection, then those of which there is `news`, then the
    one that has waited longest. A switched one is due only when somebody ordered a pass; so is one whose collection is
    `closed`, where that is not `closed_to_orders`, too, and one that was never copied whose collection is `full`
    (first_passes.py).
    """
    # Asked twice a second, while as a rule nearly all mailboxes rest; those that wait are ranked without the rest of
    # their rows. Each is looked up by itself, as PostgreSQL would rather read all of a table that it takes for empty.
    rows = await pool.fetch(
        """
        WITH ordered AS MATERIALIZED (
            SELECT pair_id, array_agg(request_id ORDER BY request_id) AS requests,
                   array_agg(what ORDER BY request_id) AS orders
            FROM mailbox_order GROUP BY pair_id
        ), waiting AS (
            SELECT pair_id, collection, passes, due, true AS unordered FROM mailbox
            WHERE wanted AND NOT paused AND NOT switched AND partition = ANY($1::integer[]) AND due <= now()
                  AND collection <> ALL($7::text[]) AND (passes > 0 OR collection <> ALL($9::text[]))
                  AND pair_id NOT IN (SELECT pair_id FROM ordered)
            UNION ALL
            SELECT found.pair_id, collection, passes, due, false
            FROM ordered, LATERAL (SELECT * FROM mailbox WHERE mailbox.pair_id = ordered.pair_id OFFSET 0) AS found
            WHERE wanted AND NOT paused AND partition = ANY($1::integer[]) AND (failures = 0 OR due <= now())
                  AND collection <> ALL($8::text[])
        ), weighed AS (
            SELECT pair_id, passes, due, unordered, pair_id <> ALL($10::bytea[]) AS looked_at,
                   coalesce(priority, $6) AS priority, count(*) OVER () AS in_all
            FROM waiting LEFT JOIN unnest($4::text[], $5::integer[]) AS known (collection, priority) USING (collection)
            WHERE pair_id <> ALL($2::bytea[])
        ), ranked AS (
            SELECT *, row_number() OVER (PARTITION BY passes = 0 ORDER BY unordered, priority, looked_at, due)
                AS place
            FROM weighed
        )
        SELECT found.*, requests, orders, in_all
        FROM ranked LEFT JOIN ordered USING (pair_id),
             LATERAL (SELECT * FROM mailbox WHERE mailbox.pair_id = ranked.pair_id OFFSET 0) AS found
        WHERE place <= $3 ORDER BY unordered, priority, looked_at, ranked.due
        """,
        list(partitions),
        list(running),
        most,
        list(priorities.keys()),
        list(priorities.values()),
        LEAST,
        list(closed),
        list(closed_to_orders),
        list(full),
        list(news),
    )
    return [_box(row) for row in rows], rows[0]["in_all"] if rows else 0


async def closed(
    pool: Pool, partitions: Sequence[int], closed: Sequence[str], closed_to_orders: Sequence[str]
) -> list[str]:
    """Of these collections those of which mailboxes are due, or ordered, and wait for nothing but their hour."""
    rows = await pool.fetch(
        """
        SELECT collection FROM mailbox
        WHERE wanted AND NOT paused AND NOT switched AND partition = ANY($1::integer[]) AND due <= now()
              AND collection = ANY($2::text[])
        UNION
        SELECT collection
        FROM mailbox_order, LATERAL (SELECT * FROM mailbox WHERE pair_id = mailbox_order.pair_id OFFSET 0) AS found
        WHERE wanted AND NOT paused AND partition = ANY($1::integer[]) AND collection = ANY($2::text[])
              AND collection = ANY($3::text[])
        ORDER BY collection
        """,
        list(partitions),
        list(closed),
        list(closed_to_orders),
    )
    return [row["collection"] for row in rows]


async def paused(pool: Pool, partitions: Sequence[int]) -> list[Box]:
    """Mailboxes of these partitions that are paused, and would be worked on otherwise, if only when it is ordered."""
    rows = await pool.fetch(
        "SELECT mailbox.*, NULL AS requests, NULL AS orders FROM mailbox"
        " WHERE wanted AND paused AND partition = ANY($1::integer[])",
        list(partitions),
    )
    return [_box(row) for row in rows]


async def still_paused(connection: Connection, pair_id: bytes) -> bool:
    """Whether the mailbox is paused; it stays so until the caller's transaction ends."""
    return bool(await connection.fetchval("SELECT paused FROM mailbox WHERE pair_id = $1 FOR SHARE", pair_id))


async def standing(pool: Pool, pair_ids: Collection[bytes]) -> dict[bytes, Pair | None]:
    """The pair of each of these mailboxes as it is now; None when it is paused or no longer wanted."""
    rows = await pool.fetch(
        "SELECT pair_id, CASE WHEN wanted AND NOT paused THEN pair END AS pair"
        " FROM mailbox WHERE pair_id = ANY($1::bytea[])",
        list(pair_ids),
    )
    return {row["pair_id"]: row["pair"] and Pair.FromString(row["pair"]) for row in rows}


def between(pair: Pair) -> tuple[object, ...]:
    """Between which mailboxes a pass is to be, and which of them is its owner's: when that changes, it ends."""
    mailboxes = [(each.primary_smtp_address, each.mailbox_guid) for each in (pair.source, pair.target)]
    return pair.active_side == SIDE_TARGET, *mailboxes


async def still_between(connection: Connection, box: Box) -> bool:
    """Whether the pair is between the same mailboxes as when the box was read, and on the same side; it stays so until
    the caller's transaction ends.
    """
    now = await connection.fetchval("SELECT pair FROM mailbox WHERE pair_id = $1 FOR UPDATE", box.id)
    return between(Pair.FromString(now)) == between(box.pair)


@dataclass(frozen=True)
class Resting:
    """A mailbox that was copied once and is kept in step. `pair` is serialised."""

    pair: bytes
    collection: str
    address: str


async def resting(pool: Pool, partitions: Sequence[int], before: Mapping[bytes, Resting]) -> dict[bytes, Resting]:
    """Those of these partitions, by pair id; `before` is an earlier answer, from which is taken what did not change."""
    rows = await pool.fetch(
        "SELECT pair_id, pair FROM mailbox"
        " WHERE wanted AND NOT paused AND NOT switched AND passes > 0 AND partition = ANY($1::integer[])",
        list(partitions),
    )
    found: dict[bytes, Resting] = {}
    for row in rows:
        known = before.get(row["pair_id"])
        if known is None or known.pair != row["pair"]:
            pair = Pair.FromString(row["pair"])
            known = Resting(row["pair"], pair.collection, pair.source.primary_smtp_address)
        found[row["pair_id"]] = known
    return found


async def wake(pool: Pool, pair_ids: Collection[bytes]) -> None:
    """These mailboxes are due now."""
    await pool.execute(
        "UPDATE mailbox SET due = now() WHERE pair_id = ANY($1::bytea[]) AND due > now() AND failures = 0",
        list(pair_ids),
    )


async def wake_for_filters(pool: Pool, partitions: Sequence[int], fingerprints: Mapping[str, str]) -> None:
    """Mailboxes of these partitions are due now whose work was decided by other filters than their collection has;
    `fingerprints` (choice.fingerprint) by collection.
    """
    await pool.execute(
        """
        UPDATE mailbox SET due = now() FROM unnest($1::text[], $2::text[]) AS filters (collection, fingerprint)
        WHERE mailbox.collection = filters.collection AND split_part(chosen_by, ' ', 1) <> fingerprint
              AND partition = ANY($3::integer[]) AND wanted AND NOT switched AND due > now() AND failures = 0
        """,
        list(fingerprints),
        list(fingerprints.values()),
        list(partitions),
    )


async def wake_collections(pool: Pool, partitions: Sequence[int], collections: Collection[str]) -> None:
    """Mailboxes of these partitions and collections are due now."""
    await pool.execute(
        "UPDATE mailbox SET due = now() WHERE collection = ANY($1::text[]) AND partition = ANY($2::integer[])"
        " AND wanted AND NOT switched AND due > now() AND failures = 0",
        list(collections),
        list(partitions),
    )


@dataclass(frozen=True)
class Rest:
    """How long a mailbox rests after a pass, in seconds, when nothing is due earlier of what the pass left undone. It
    `began` and the time is `now` by the worker's clock, in seconds since 1970.
    """

    seconds: float
    # Though something is due.
    shortest: float
    # Before what failed in passing, and is not set aside, is tried again.
    interval: float
    began: float
    now: float


async def finished(connection: Connection, box: Box, rest: Rest, marks: str) -> None:
    """A pass was made: its orders are answered, and the mailbox rests, unless it came into another collection.

    It rests until the next of its work is to be tried again, and what got no answer will get none any more. What was
    due when the pass began, and is there still, waits for something else than a time: for its folder, for the archive.
    """
    await connection.execute(
        """
        UPDATE mailbox SET passes = $2, failures = 0, marks = $3,
            due = now() + interval '1 second' * CASE WHEN collection <> $4 THEN 0 ELSE least($5, (
                SELECT min(greatest($6, at - $9)) FROM (
                    SELECT CASE WHEN reason = '' THEN not_before + $7 ELSE not_before END
                    FROM work WHERE pair_id = $1 AND work = ANY('{1, 2, 3}') AND not_before > 0
                    UNION ALL SELECT until + $10 FROM intent WHERE pair_id = $1
                    UNION ALL SELECT intent_until + $10 FROM folder WHERE pair_id = $1
                ) AS again (at)
                WHERE at > $8
            )) END
        WHERE pair_id = $1
        """,
        box.id,
        box.passes + 1,
        marks,
        box.pair.collection,
        rest.seconds,
        rest.shortest,
        rest.interval,
        rest.began,
        rest.now,
        GRACE_SECONDS,
    )
    await connection.execute(
        "DELETE FROM mailbox_order WHERE pair_id = $1 AND request_id = ANY($2::bytea[])",
        box.id,
        [order.request_id for order in box.orders],
    )


async def put_off(connection: Connection, box: Box, seconds: float) -> None:
    """A pass waits for something; it goes on then, or when it is ordered."""
    await connection.execute(
        "UPDATE mailbox SET due = now() + $2 * interval '1 second' WHERE pair_id = $1", box.id, seconds
    )


async def failed(connection: Connection, box: Box, rest_seconds: float) -> None:
    """A pass did not come to its end; its orders wait for the next one."""
    await connection.execute(
        "UPDATE mailbox SET failures = failures + 1, due = now() + $2 * interval '1 second' WHERE pair_id = $1",
        box.id,
        rest_seconds,
    )


@dataclass(frozen=True)
class Counts:
    """How far a mailbox is: items of the source that are known, that are on the target, that are set aside.

    Those that filters leave out are in no count but `left_out`.
    """

    total: int
    done: int
    set_aside: int
    staged: int
    folders: int
    bytes_done: int
    kept_aside: int
    # Items that did not come over as streams (isthmus_sync.mailbox.ways).
    by_properties: int
    left_out: int


async def counts(pool: Pool | Connection, pair_id: bytes) -> Counts:
    """The counts of a mailbox, from its ledger."""
    row = await pool.fetchrow(
        """
        SELECT (SELECT count(*) FROM item WHERE pair_id = $1) AS done,
               (SELECT count(*) FROM folder WHERE pair_id = $1 AND NOT gone) AS folders,
               (SELECT bytes_done FROM mailbox WHERE pair_id = $1) AS bytes_done,
               (SELECT count(*) FROM kept_aside WHERE pair_id = $1) AS kept_aside,
               (SELECT count(*) FROM item WHERE pair_id = $1 AND way <> 0) AS by_properties,
               count(*) FILTER (WHERE work <> 4) AS staged,
               count(*) FILTER (WHERE work = 4) AS left_out,
               count(*) FILTER (WHERE reason <> '' AND work <> 4) AS set_aside,
               count(*) FILTER (WHERE work = 1 AND NOT EXISTS (
                   SELECT FROM item WHERE item.pair_id = $1 AND item.source_id = work.source_id
               )) AS new
        FROM work WHERE pair_id = $1
        """,
        pair_id,
    )
    assert row is not None
    return Counts(
        total=row["done"] + row["new"],
        done=row["done"],
        set_aside=row["set_aside"],
        staged=row["staged"],
        folders=row["folders"],
        bytes_done=row["bytes_done"] or 0,
        kept_aside=row["kept_aside"],
        by_properties=row["by_properties"],
        left_out=row["left_out"],
    )


def _box(row: Record) -> Box:
    return Box(
        pair=Pair.FromString(row["pair"]),
        partition=row["partition"],
        switched=row["switched"],
        passes=row["passes"],
        failures=row["failures"],
        bytes_done=row["bytes_done"],
        marks=row["marks"],
        orders=tuple(map(Order, row["requests"] or (), row["orders"] or ())),
    )
