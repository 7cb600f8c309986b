"""What dirsync remembers, in PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import asyncpg
from isthmus.directory.v1.directory_pb2 import RememberedPair
from isthmus_directory import Bookmark
from isthmus_service import Connection
from isthmus_sync.directory import Agreed, Measure, Pair, Refused, Side, Weight
from isthmus_sync.directory.guardian import Seen

if TYPE_CHECKING:
    from isthmus.accounts.v1.accounts_pb2 import Pair as PairMessage


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a project has come; bookmarks are None before the first comparison."""

    compared_revision: int
    source: Bookmark | None
    target: Bookmark | None
    members: Mapping[str, frozenset[bytes]]


@dataclass(frozen=True, slots=True)
class Record:
    """A pair with what was done about it; see migrations/0001_pairs.sql."""

    pair: Pair
    created: bool
    source_gone: bool
    target_gone: bool
    redirected: int
    unfinished: bool
    problem: str
    observed: bytes | None

    @classmethod
    def of(cls, row: asyncpg.Record) -> Record:
        pair = Pair(
            row["id"],
            row["source_guid"],
            row["target_guid"],
            Side(row["active"]),
            Agreed.from_json(row["agreed"]),
            tuple(row["merged"]),
        )
        return cls(
            pair,
            row["created"],
            row["source_gone"],
            row["target_gone"],
            row["redirected"],
            row["unfinished"],
            row["problem"],
            row["observed"],
        )

    def but_for_inherited(self, inherited: Collection[bytes]) -> Record:
        """This record, without the target when the pair's id is among those whose target another pair inherits."""
        return replace(self, pair=replace(self.pair, target_guid=None)) if self.pair.id in inherited else self

    def remembered(self) -> RememberedPair:
        pair = self.pair
        return RememberedPair(
            id=pair.id,
            source_guid=pair.source_guid,
            target_guid=pair.target_guid or b"",
            active_side=int(pair.active),  # type: ignore[arg-type]
            agreed=pair.agreed.to_json(),
            created=self.created,
            merged=pair.merged,
            gone=self.source_gone or self.target_gone,
        )


async def load_progress(connection: Connection, project: str) -> Progress:
    row = await connection.fetchrow("SELECT * FROM progress WHERE project = $1", project)
    if row is None:
        return Progress(0, None, None, {})
    members = {group: frozenset(map(bytes.fromhex, guids)) for group, guids in json.loads(row["members"]).items()}
    source, target = row["source_bookmark"], row["target_bookmark"]
    return Progress(
        row["compared_revision"],
        Bookmark.from_json(source) if source else None,
        Bookmark.from_json(target) if target else None,
        members,
    )


async def save_progress(connection: Connection, project: str, progress: Progress) -> None:
    await connection.execute(
        """
        INSERT INTO progress (project, compared_revision, source_bookmark, target_bookmark, members)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (project) DO UPDATE
        SET compared_revision = $2, source_bookmark = $3, target_bookmark = $4, members = $5
        """,
        project,
        progress.compared_revision,
        progress.source.to_json() if progress.source else None,
        progress.target.to_json() if progress.target else None,
        json.dumps({group: sorted(guid.hex() for guid in guids) for group, guids in progress.members.items()}),
    )


async def all_pairs(connection: Connection, project: str) -> list[Record]:
    return [Record.of(row) for row in await connection.fetch("SELECT * FROM pair WHERE project = $1", project)]


async def pairs_of(
    connection: Connection, project: str, source_guids: Iterable[bytes], target_guids: Iterable[bytes]
) -> list[Record]:
    """The pairs of which any object is named, those that are merged into them included."""
    rows = await connection.fetch(
        f"""
        WITH named AS (
            SELECT id FROM {_each("$2", "source_guid")}
            UNION SELECT id FROM {_each("$3", "target_guid")}
            UNION SELECT id FROM pair WHERE project = $1 AND merged <> '{{}}' AND merged && $2::bytea[]
        )
        SELECT found.* FROM named, LATERAL (SELECT * FROM pair WHERE id = named.id OFFSET 0) AS found
        """,  # noqa: S608
        project,
        list(source_guids),
        list(target_guids),
    )
    return [Record.of(row) for row in rows]


def _each(guids: str, column: str) -> str:
    """Pairs with any of the array `guids` in this column, as what follows FROM. Each is looked up by itself: otherwise
    PostgreSQL compares each with all pairs when it knows no better."""
    found = f"SELECT id FROM pair WHERE project = $1 AND {column} = guid OFFSET 0"  # noqa: S608
    return f"unnest({guids}::bytea[]) AS wanted (guid), LATERAL ({found}) AS found"


async def pairs_by_id(connection: Connection, project: str, ids: Iterable[bytes]) -> list[Record]:
    rows = await connection.fetch("SELECT * FROM pair WHERE project = $1 AND id = ANY($2)", project, list(ids))
    return [Record.of(row) for row in rows]


async def known_guids(connection: Connection, project: str, side: Side) -> set[bytes]:
    """The GUIDs of one side's objects, but for those that are known to be gone."""
    rows = await connection.fetch(
        "SELECT unnest(array_prepend(source_guid, merged)) AS guid FROM pair WHERE project = $1 AND NOT source_gone"
        if side is Side.SOURCE
        else "SELECT target_guid AS guid FROM pair WHERE project = $1 AND NOT target_gone AND target_guid IS NOT NULL",
        project,
    )
    return {row["guid"] for row in rows}


async def unfinished_pairs(connection: Connection, project: str) -> list[Record]:
    rows = await connection.fetch("SELECT * FROM pair WHERE project = $1 AND unfinished", project)
    return [Record.of(row) for row in rows]


async def save_pairs(connection: Connection, project: str, records: Sequence[Record]) -> None:
    await connection.executemany(
        """
        INSERT INTO pair (id, project, source_guid, target_guid, created, source_gone, target_gone, active,
                          redirected, agreed, unfinished, problem, observed, merged)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
        ON CONFLICT (id) DO UPDATE
        SET target_guid = $4, created = $5, source_gone = $6, target_gone = $7, active = $8, redirected = $9,
            agreed = $10, unfinished = $11, problem = $12, observed = $13, merged = $14
        """,
        [
            (
                record.pair.id,
                project,
                record.pair.source_guid,
                record.pair.target_guid,
                record.created,
                record.source_gone,
                record.target_gone,
                int(record.pair.active),
                record.redirected,
                record.pair.agreed.to_json(),
                record.unfinished,
                record.problem,
                record.observed,
                list(record.pair.merged),
            )
            for record in records
        ],
    )
    # Whoever is merged into a pair has none of their own any more, not even one that was still to come about.
    if merged := [guid for record in records for guid in record.pair.merged]:
        await connection.execute(
            "DELETE FROM pair WHERE project = $1 AND target_guid IS NULL AND source_guid = ANY($2)", project, merged
        )


async def save_targets(connection: Connection, made: Mapping[bytes, bytes]) -> None:
    """Note the objects that were made for pairs, by their ids the GUIDs: nothing is agreed on about them yet."""
    await connection.execute(
        """
        UPDATE pair SET target_guid = made.guid, agreed = '{}'
        FROM unnest($1::bytea[], $2::bytea[]) AS made (id, guid) WHERE pair.id = made.id
        """,
        list(made),
        list(made.values()),
    )


async def pass_on(connection: Connection, inherited: Mapping[bytes, bytes]) -> None:
    """Take the targets from pairs whose originals are gone, and have the heirs reached by every address that theirs
    was ever seen with. `inherited`: by the ids of these pairs those of the heirs."""
    ids, heirs = list(inherited), list(inherited.values())
    await connection.execute("UPDATE pair SET target_guid = NULL WHERE id = ANY($1)", ids)
    await connection.execute(
        """
        INSERT INTO address (project, kind, key, pair_id, address)
        SELECT project, kind, key, heir, address
        FROM unnest($1::bytea[], $2::bytea[]) AS passed (id, heir) JOIN address ON address.pair_id = passed.id
        ON CONFLICT DO NOTHING
        """,
        ids,
        heirs,
    )


async def note_addresses(connection: Connection, project: str, pairs: Iterable[PairMessage]) -> None:
    """Remember every address that the objects of these pairs have, for the time after they lost it."""
    rows = {
        (kind, address.casefold(), pair.id): address
        for pair in pairs
        for account in (pair.source, pair.target)
        for kind, addresses in (
            ("smtp", account.smtp_addresses),
            ("x500", (account.legacy_exchange_dn, *account.x500_addresses)),
        )
        for address in addresses
        if address
    }
    await connection.execute(
        """
        INSERT INTO address (project, kind, key, pair_id, address)
        SELECT $1, * FROM unnest($2::text[], $3::text[], $4::bytea[], $5::text[]) ON CONFLICT DO NOTHING
        """,
        project,
        [kind for kind, _, _ in rows],
        [key for _, key, _ in rows],
        [pair_id for _, _, pair_id in rows],
        list(rows.values()),
    )


async def seen_addresses(connection: Connection, project: str) -> list[Seen]:
    """Every address that was ever seen on a pair."""
    rows = await connection.fetch("SELECT kind, address, pair_id FROM address WHERE project = $1", project)
    return [Seen(row["kind"].upper(), row["address"], row["pair_id"]) for row in rows]


async def recently_weighed(connection: Connection, project: str, minutes: float) -> Weight:
    """What was carried out within so many minutes, counted back from the moment in which the guard stopped something
    that nobody let through: waiting does not make it lighter."""
    rows = await connection.fetch(
        """
        SELECT pair_id, gone FROM weighed
        WHERE project = $1 AND at > interval '1 minute' * -$2::float8 + least(clock_timestamp(),
            (SELECT since FROM stopped WHERE project = $1 AND allowed_at IS NULL))
        """,
        project,
        minutes,
    )
    return Weight(
        frozenset(row["pair_id"] for row in rows if not row["gone"]),
        frozenset(row["pair_id"] for row in rows if row["gone"]),
    )


async def save_weighed(connection: Connection, project: str, weight: Weight, minutes: float) -> None:
    """Note what was carried out, for the runs that follow within so many minutes."""
    await connection.execute(
        "DELETE FROM weighed WHERE project = $1 AND at < clock_timestamp() - interval '1 minute' * $2::float8",
        project,
        minutes,
    )
    weighed = [(project, pair_id, False) for pair_id in weight.overwritten]
    weighed += [(project, pair_id, True) for pair_id in weight.gone]
    await connection.executemany(
        """
        INSERT INTO weighed (project, pair_id, gone) VALUES ($1, $2, $3)
        ON CONFLICT (project, pair_id, gone) DO UPDATE SET at = clock_timestamp()
        """,
        weighed,
    )


async def forget_weighed(connection: Connection, project: str) -> None:
    """Counting begins anew: somebody looked at it."""
    await connection.execute("DELETE FROM weighed WHERE project = $1", project)


async def save_stopped(connection: Connection, project: str, weight: Measure, objection: str) -> None:
    """Note that the guard stopped a run; a run that weighs more than what somebody let through needs another word."""
    await connection.execute(
        """
        INSERT INTO stopped (project, overwritten, gone, objection) VALUES ($1, $2, $3, $4)
        ON CONFLICT (project) DO UPDATE
        SET overwritten = $2, gone = $3, objection = $4, allowed_by = NULL, allowed_at = NULL
        """,
        project,
        weight.overwritten,
        weight.gone,
        objection,
    )


async def stopped(connection: Connection, project: str) -> tuple[Measure, bool] | None:
    """What the guard stopped last, and whether somebody lets it pass once; None when nothing is stopped."""
    row = await connection.fetchrow("SELECT * FROM stopped WHERE project = $1", project)
    return (Measure(row["overwritten"], row["gone"]), row["allowed_at"] is not None) if row else None


async def allow_once(connection: Connection, project: str, allowed_by: str) -> str | None:
    """Let through what was stopped; returns the objection, None when nothing was stopped."""
    found: str | None = await connection.fetchval(
        "UPDATE stopped SET allowed_by = $2, allowed_at = clock_timestamp() WHERE project = $1 RETURNING objection",
        project,
        allowed_by,
    )
    return found


async def forget_stopped(connection: Connection, project: str) -> None:
    await connection.execute("DELETE FROM stopped WHERE project = $1", project)


async def refused_guids(connection: Connection, project: str) -> list[bytes]:
    rows = await connection.fetch("SELECT source_guid FROM refused WHERE project = $1", project)
    return [row["source_guid"] for row in rows]


async def save_refused(
    connection: Connection, project: str, looked_at: Iterable[bytes] | None, refused: Sequence[Refused]
) -> None:
    """Note what is refused now, and forget it of those that were looked at and are not; None: all were."""
    await connection.execute(
        "DELETE FROM refused WHERE project = $1 AND ($2::bytea[] IS NULL OR source_guid = ANY($2)) "
        "AND source_guid <> ALL($3)",
        project,
        None if looked_at is None else list(looked_at),
        [each.source.guid for each in refused],
    )
    await connection.executemany(
        """
        INSERT INTO refused (project, source_guid, dn, reason) VALUES ($1, $2, $3, $4)
        ON CONFLICT (project, source_guid) DO UPDATE SET dn = $3, reason = $4
        """,
        [(project, each.source.guid, each.source.dn, each.reason) for each in refused],
    )


async def counts(connection: Connection, project: str) -> Mapping[str, Any]:
    """Figures for DirectoryStatus, and the newest problem."""
    row = await connection.fetchrow(
        """
        WITH failing AS (
            SELECT problem FROM pair WHERE project = $1 AND problem <> '' AND NOT source_gone
        )
        SELECT count(*) AS pairs, count(*) FILTER (WHERE created) AS created, count(*) FILTER (WHERE NOT created)
                   AS matched, (SELECT count(*) FROM failing) AS errors,
               (SELECT count(*) FROM refused WHERE project = $1) AS ambiguous,
               (SELECT coalesce(max(problem), '') FROM failing) AS problem,
               (SELECT dn || ': ' || reason FROM refused WHERE project = $1 ORDER BY since DESC LIMIT 1) AS refusal
        FROM pair WHERE project = $1 AND NOT source_gone
        """,
        project,
    )
    assert row is not None
    return dict(row)
