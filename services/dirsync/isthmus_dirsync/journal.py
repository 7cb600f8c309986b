"""The journal: every write to a forest with what it replaced, written down before it is made.

Values are kept so that they can be put back exactly: text as text, other values in base64, links as GUID and name.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from isthmus.directory.v1.directory_pb2 import (
    WRITE_ACTION_CHANGE,
    WRITE_ACTION_CREATE,
    WRITE_ACTION_DELETE,
    AttributeChange,
    JournalEntry,
    JournalFilter,
    WriteAction,
)
from isthmus_sync.directory import Agreed, DirectoryObject, Link, Modification, Side
from isthmus_sync.directory.difference import Value, spoken_value

if TYPE_CHECKING:
    import asyncpg
    from isthmus_service import Connection

CREATE, CHANGE, DELETE = WRITE_ACTION_CREATE, WRITE_ACTION_CHANGE, WRITE_ACTION_DELETE
_NEVER = datetime.fromtimestamp(0, UTC)
BEGUN, WRITTEN, REFUSED = "begun", "written", "refused"


@dataclass(frozen=True, slots=True)
class Change:
    """A modification and why it is made."""

    modification: Modification
    reason: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One write to one object; `guid` is empty while the object is being created; `intended` is what both sides agree
    on once it is written, known only until it has ended; `fewer`: something of what was begun was not changed after
    all, and is not among `changes` any more. See migrations/0002_journal.sql."""

    pair_id: bytes
    side: Side
    guid: bytes
    dn: str
    action: WriteAction.ValueType
    changes: tuple[Change, ...]
    ordered_by: str
    outcome: str = BEGUN
    number: int = 0
    at: datetime = _NEVER
    reverted_by: int = 0
    intended: Agreed | None = None
    fewer: bool = False

    @property
    def modifications(self) -> tuple[Modification, ...]:
        return tuple(change.modification for change in self.changes)

    @classmethod
    def of(cls, row: asyncpg.Record) -> Entry:
        changes = tuple(
            Change(
                Modification(
                    each["attribute"],
                    _values(each.get("removed", ())),
                    _values(each.get("added", ())),
                    whole=each.get("whole", False),
                ),
                each["reason"],
            )
            for each in json.loads(row["changes"])
        )
        return cls(
            row["pair_id"],
            Side(row["side"]),
            row["object_guid"],
            row["dn"],
            row["action"],
            changes,
            row["ordered_by"],
            row["outcome"],
            row["number"],
            row["at"],
            row["reverted_by"] or 0,
            Agreed.from_json(row["intended"]) if row["intended"] else None,
        )

    def message(self) -> JournalEntry:
        """The entry for people and programs outside."""
        return JournalEntry(
            number=self.number,
            at=int(self.at.timestamp() * 1_000_000),
            by=self.ordered_by,
            pair_id=self.pair_id,
            side=int(self.side),  # type: ignore[arg-type]
            object_guid=self.guid,
            distinguished_name=self.dn,
            action=self.action,
            changes=[
                AttributeChange(
                    attribute=change.modification.attribute,
                    removed=map(spoken_value, change.modification.removed),
                    added=map(spoken_value, change.modification.added),
                    reason=change.reason,
                )
                for change in self.changes
            ],
            outcome=self.outcome,
            reverted_by=self.reverted_by,
        )


def everything_of(obj: DirectoryObject, reason: str) -> tuple[Change, ...]:
    """All that an object holds, as what its deletion removes."""
    held: list[tuple[str, tuple[Value, ...]]] = [*obj.attributes.items(), *obj.links.items()]
    return tuple(Change(Modification(name, values, (), whole=False), reason) for name, values in held if values)


async def begin(connection: Connection, project: str, entries: Sequence[Entry]) -> list[Entry]:
    """Write down what is about to be written; returns the entries with their numbers."""
    if not entries:
        return []
    rows = await connection.fetch(
        "SELECT nextval(pg_get_serial_sequence('journal', 'number')) AS number FROM generate_series(1, $1)",
        len(entries),
    )
    numbered = [replace(entry, number=row["number"]) for entry, row in zip(entries, rows, strict=True)]
    await connection.execute(
        """
        INSERT INTO journal (project, number, ordered_by, pair_id, side, object_guid, dn, action, changes, intended)
        SELECT $1, * FROM unnest($2::bigint[], $3::text[], $4::bytea[], $5::smallint[], $6::bytea[], $7::text[],
                                 $8::smallint[], $9::jsonb[], $10::jsonb[])
        """,
        project,
        [each.number for each in numbered],
        [each.ordered_by for each in numbered],
        [each.pair_id for each in numbered],
        [int(each.side) for each in numbered],
        [each.guid for each in numbered],
        [each.dn for each in numbered],
        [int(each.action) for each in numbered],
        [_json(each.changes) for each in numbered],
        [each.intended.to_json() if each.intended else None for each in numbered],
    )
    return numbered


async def end(connection: Connection, entries: Iterable[Entry]) -> None:
    """Write down what came of entries that were begun: outcome, the object's GUID, and what was changed after all."""
    await connection.executemany(
        """
        UPDATE journal SET outcome = $2, object_guid = $3, changes = coalesce($4, changes), intended = NULL
        WHERE number = $1
        """,
        [(each.number, each.outcome, each.guid, _json(each.changes) if each.fewer else None) for each in entries],
    )


async def cut_short(connection: Connection, project: str) -> list[Entry]:
    """Changes that both sides were to agree on, of which nobody wrote down what came of them; the oldest first."""
    rows = await connection.fetch(
        "SELECT * FROM journal WHERE project = $1 AND intended IS NOT NULL ORDER BY number", project
    )
    return [Entry.of(row) for row in rows]


async def read(
    connection: Connection, project: str, wanted: JournalFilter, *, before: int | None = None, limit: int | None = None
) -> list[Entry]:
    """Entries, newest first; `before`: with lower numbers only."""
    meant = await _numbers(connection, project, wanted.object) if wanted.object else None
    rows = await connection.fetch(
        f"""
        SELECT * FROM journal
        WHERE project = $1 AND ($2::bigint IS NULL OR number = $2) AND ($3::bigint IS NULL OR number < $3)
          AND ($4::timestamptz IS NULL OR at >= $4) AND ($5::timestamptz IS NULL OR at < $5)
          AND {"$6::bigint[] IS NULL" if meant is None else "number = ANY($6)"}
        ORDER BY number DESC LIMIT $7
        """,  # noqa: S608
        project,
        wanted.number or None,
        before,
        _time(wanted.since),
        _time(wanted.until),
        meant,
        limit,
    )
    return [Entry.of(row) for row in rows]


async def knows(connection: Connection, project: str, name: str) -> bool:
    """Whether an object of a pair goes by this name, or ever did, as far as dirsync noticed."""
    pair_ids, guid = await _meant(connection, project, name)
    found = await connection.fetchval(
        """
        SELECT EXISTS (SELECT FROM address WHERE project = $1 AND pair_id = ANY($2))
            OR EXISTS (SELECT FROM journal WHERE project = $1 AND pair_id = ANY($2))
            OR EXISTS (SELECT FROM pair WHERE project = $1 AND id = ANY($2))
            OR EXISTS (SELECT FROM pair WHERE project = $1 AND source_guid = $3)
            OR EXISTS (SELECT FROM pair WHERE project = $1 AND target_guid = $3)
        """,
        project,
        pair_ids,
        guid,
    )
    return bool(found)


async def revertible(connection: Connection, project: str, wanted: JournalFilter) -> list[Entry]:
    """Entries that can be put back, newest first: what was put back already, and what put something back, only when it
    is asked for by number."""
    entries = [entry for entry in await read(connection, project, wanted) if entry.outcome != REFUSED]
    if wanted.number:
        return entries
    rows = await connection.fetch(
        "SELECT DISTINCT reverted_by FROM journal WHERE reverted_by = ANY($1)", [entry.number for entry in entries]
    )
    reversions = {row["reverted_by"] for row in rows}
    return [entry for entry in entries if not entry.reverted_by and entry.number not in reversions]


async def mark_reverted(connection: Connection, number: int, by: int) -> None:
    await connection.execute("UPDATE journal SET reverted_by = $2 WHERE number = $1", number, by)


async def only_project(connection: Connection, wanted: str) -> str:
    """The project that is meant. Raises LookupError in words for the operator."""
    known = [row["project"] for row in await connection.fetch("SELECT project FROM progress ORDER BY project")]
    if wanted in known or (not wanted and len(known) == 1):
        return wanted or str(known[0])
    there_are = f"there are: {', '.join(known)}" if known else "none was synchronised yet"
    raise LookupError(f"no project {wanted!r}; {there_are}" if wanted else f"say which project; {there_are}")


async def _numbers(connection: Connection, project: str, name: str) -> list[int]:
    """The entries about the objects that a name can mean."""
    pair_ids, guid = await _meant(connection, project, name)
    rows = await connection.fetch(
        """
        SELECT number FROM journal WHERE project = $1 AND pair_id = ANY($2)
        UNION SELECT number FROM journal WHERE project = $1 AND object_guid = $3
        UNION SELECT number FROM journal WHERE project = $1 AND lower(dn) = lower($4)
        """,
        project,
        pair_ids,
        guid,
        name.strip(),
    )
    return [row["number"] for row in rows]


async def _meant(connection: Connection, project: str, name: str) -> tuple[list[bytes], bytes | None]:
    """The pairs and the GUID that a name of an object can mean."""
    name = name.strip()
    guid: bytes | None = None
    try:
        guid = UUID(name).bytes_le
        ids = [UUID(name).bytes]
    except ValueError:
        ids = []
    rows = await connection.fetch(
        """
        SELECT pair_id FROM address WHERE project = $1 AND key = $2
        UNION SELECT pair_id FROM journal WHERE project = $1 AND object_guid = $3
        UNION SELECT pair_id FROM journal WHERE project = $1 AND lower(dn) = lower($4)
        """,
        project,
        name.casefold(),
        guid,
        name,
    )
    return [*ids, *(row["pair_id"] for row in rows)], guid


def _time(microseconds: int) -> datetime | None:
    return datetime.fromtimestamp(microseconds / 1_000_000, UTC) if microseconds else None


def _json(changes: Iterable[Change]) -> str:
    return json.dumps([_document(change.modification, change.reason) for change in changes])


def _document(modification: Modification, reason: str) -> dict[str, Any]:
    """A change without what it has none of: a new object has two dozen that remove nothing."""
    document: dict[str, Any] = {"attribute": modification.attribute, "reason": reason}
    if modification.removed:
        document["removed"] = [_portable(value) for value in modification.removed]
    if modification.added:
        document["added"] = [_portable(value) for value in modification.added]
    if modification.whole:
        document["whole"] = True
    return document


def _portable(value: Value) -> Any:
    if isinstance(value, Link):
        return {"guid": value.guid.hex(), "dn": value.dn}
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = "\0"
    # PostgreSQL's jsonb takes no NUL.
    return {"base64": base64.b64encode(value).decode()} if "\0" in text else text


def _values(stored: Sequence[Any]) -> tuple[Value, ...]:
    return tuple(
        value.encode()
        if isinstance(value, str)
        else base64.b64decode(value["base64"])
        if "base64" in value
        else Link(bytes.fromhex(value["guid"]), value["dn"])
        for value in stored
    )
