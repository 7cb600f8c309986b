"""SQL migrations: numbered files that are applied once each, in order, and never change afterwards."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING

import asyncpg

if TYPE_CHECKING:
    from isthmus_service.database import Connection

_FILE_NAME = re.compile(r"(\d{4})_(\w+)\.sql")
_LIBRARIES = "isthmus.migrations"
"""Entry points of libraries whose tables every service's schema has; each names a package with a folder migrations."""

_RECORD = """
    CREATE TABLE IF NOT EXISTS migration (
        origin text NOT NULL,
        number integer NOT NULL,
        name text NOT NULL,
        digest bytea NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (origin, number)
    )
"""


class MigrationError(Exception):
    """The schema cannot be brought to what this version needs; the text says which migration and what to do."""


@dataclass(frozen=True)
class Migration:
    """One file NNNN_what.sql. `origin` is whose it is: a service or a library."""

    origin: str
    number: int
    name: str
    sql: str

    @property
    def digest(self) -> bytes:
        """SHA-256 of the SQL text."""
        return hashlib.sha256(self.sql.encode()).digest()


def read(origin: str, folder: Traversable) -> list[Migration]:
    """The migrations in `folder` in the order of their numbers. Raises MigrationError when two have the same."""
    found: dict[int, Migration] = {}
    for file in folder.iterdir():
        match = _FILE_NAME.fullmatch(file.name)
        if not match:
            continue
        migration = Migration(origin, int(match[1]), file.name, file.read_text(encoding="utf-8"))
        if migration.number in found:
            raise MigrationError(f"{origin}: {migration.name} and {found[migration.number].name} have the same number")
        found[migration.number] = migration
    return [found[number] for number in sorted(found)]


def of_libraries() -> list[Migration]:
    """The migrations of the installed libraries, such as the outbox's, in the order of the libraries' names."""
    return [
        migration
        for library in sorted(entry_points(group=_LIBRARIES), key=lambda entry: entry.name)
        for migration in read(library.name, files(library.module) / "migrations")
    ]


def pending(available: Sequence[Migration], applied: Mapping[tuple[str, int], tuple[str, bytes]]) -> list[Migration]:
    """Those of `available` that are still to be applied; `applied` is {(origin, number): (name, digest)}.

    Raises MigrationError when an applied one was changed since, is unknown, or has a newer one applied after it.
    """
    known = {(migration.origin, migration.number): migration for migration in available}
    for (origin, number), (name, digest) in applied.items():
        migration = known.get((origin, number))
        if migration is None:
            raise MigrationError(
                f"the database has the migration {name} of {origin}, which this version does not know: it was used by "
                f"a newer version. Start that version, or restore the database from before it."
            )
        if migration.digest != digest:
            raise MigrationError(
                f"the migration {name} of {origin} was changed after the database had applied it. Take the change back "
                f"and put it into a new migration."
            )
    newest = _newest(applied)
    todo = [migration for migration in available if (migration.origin, migration.number) not in applied]
    for migration in todo:
        if migration.number < newest.get(migration.origin, 0):
            raise MigrationError(
                f"the migration {migration.name} of {migration.origin} is new, but the database has already applied "
                f"number {newest[migration.origin]:04}. Give it a higher number."
            )
    return todo


def _newest(applied: Iterable[tuple[str, int]]) -> dict[str, int]:
    newest: dict[str, int] = {}
    for origin, number in applied:
        newest[origin] = max(number, newest.get(origin, 0))
    return newest


async def migrate(connection: Connection, schema: str, migrations: Sequence[Migration]) -> list[Migration]:
    """Bring `schema`, which the connection's search_path names, up to date and return what was applied.

    One transaction under an advisory lock: several instances that start at once do it one after the other.
    """
    async with connection.transaction():
        await connection.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"isthmus migrations {schema}"
        )
        await connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
        await connection.execute(_RECORD)
        rows = await connection.fetch("SELECT origin, number, name, digest FROM migration")
        todo = pending(migrations, {(row["origin"], row["number"]): (row["name"], row["digest"]) for row in rows})
        for migration in todo:
            try:
                await connection.execute(migration.sql)
            except asyncpg.PostgresConnectionError:
                raise
            except asyncpg.PostgresError as error:
                raise MigrationError(f"the migration {migration.name} of {migration.origin} failed: {error}") from error
            await connection.execute(
                "INSERT INTO migration (origin, number, name, digest) VALUES ($1, $2, $3, $4)",
                migration.origin,
                migration.number,
                migration.name,
                migration.digest,
            )
        return todo
