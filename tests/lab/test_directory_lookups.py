"""dirsync finds pairs, addresses and the journal by their keys, whatever PostgreSQL believes of its tables."""

from __future__ import annotations

from collections.abc import AsyncIterator
from importlib.resources import files
from uuid import UUID

import pytest
from isthmus.directory.v1.directory_pb2 import JournalFilter
from isthmus_dirsync import journal, records
from isthmus_service import Connection, Service, ServiceSettings
from isthmus_sync.directory import Side

from tests.rows_read import rows_read

_PAIRS, _WANTED = 2000, 100
_PROJECT = "tests"


@pytest.fixture(params=["auto", "force_generic_plan"])
async def connection(database_url: str, request: pytest.FixtureRequest) -> AsyncIterator[Connection]:
    """Of a database in which another project was counted, and this one was not; with plans of either kind."""
    settings = ServiceSettings.model_validate({"database_url": database_url, "instance": "test"})
    async with Service("dirsync", settings) as service:
        pool = await service.database("dirsync", files("isthmus_dirsync") / "migrations")
        async with pool.acquire() as connection:
            await connection.execute(f"SET plan_cache_mode = {request.param}")
            await _fill(connection, "another", 1_000_000)
            await connection.execute("VACUUM ANALYZE")
            await _fill(connection, _PROJECT, 0)
            yield connection


async def _fill(connection: Connection, project: str, first: int) -> None:
    for statement in (
        """
        INSERT INTO pair (id, project, source_guid, target_guid, merged)
        SELECT 'id' || int4send(n), $1, 'source' || int4send(n), 'target' || int4send(n),
               CASE WHEN n % 500 = 0 THEN ARRAY['merged' || int4send(n)] ELSE '{}' END
        FROM generate_series($2::integer + 1, $2 + $3::integer) AS n
        """,
        """
        INSERT INTO journal (project, ordered_by, pair_id, side, object_guid, dn, action, changes, outcome)
        SELECT $1, 'test', 'id' || int4send(n), 2, decode(lpad(to_hex(n), 32, '0'), 'hex'), 'CN=Number ' || n, 1, '[]',
               'written'
        FROM generate_series($2::integer + 1, $2 + $3::integer) AS n
        """,
        """
        INSERT INTO address (project, kind, key, pair_id, address)
        SELECT $1, 'smtp', n || '@alpha.example', 'id' || int4send(n), n || '@alpha.example'
        FROM generate_series($2::integer + 1, $2 + $3::integer) AS n
        """,
    ):
        await connection.execute(statement, project, first, _PAIRS)


def _named(name: bytes, *numbers: int) -> list[bytes]:
    return [name + number.to_bytes(4, "big") for number in numbers]


async def test_no_pair_is_read_but_those_of_the_objects(connection: Connection) -> None:
    numbers = range(1, _WANTED + 1)
    found = records.pairs_of(connection, _PROJECT, _named(b"source", *numbers), _named(b"target", *numbers))
    assert await rows_read(connection, found) <= 3 * _WANTED + _PAIRS // 500


async def test_pairs_are_found_by_either_object_and_by_whom_is_merged(connection: Connection) -> None:
    sources = [*_named(b"source", 1, 2), *_named(b"merged", 500, 501), *_named(b"source", 1_000_001)]
    found = await records.pairs_of(connection, _PROJECT, sources, _named(b"target", 2, 3, _PAIRS + 1))
    assert sorted(record.pair.id for record in found) == _named(b"id", 1, 2, 3, 500)


async def test_all_guids_of_a_side_are_known(connection: Connection) -> None:
    known = await records.known_guids(connection, _PROJECT, Side.SOURCE)
    numbers = range(1, _PAIRS + 1)
    merged = [number for number in numbers if number % 500 == 0]
    assert known == {*_named(b"source", *numbers), *_named(b"merged", *merged)}


async def test_the_figures_are_counted_of_what_is_there(connection: Connection) -> None:
    await connection.execute("UPDATE pair SET created = true WHERE id = ANY($1)", _named(b"id", 1, 2, 3, 4))
    await connection.execute("UPDATE pair SET problem = 'one' WHERE id = ANY($1)", _named(b"id", 4, 5))
    await connection.execute("UPDATE pair SET problem = 'two' WHERE id = ANY($1)", _named(b"id", 6, 7))
    await connection.execute("UPDATE pair SET source_gone = true WHERE id = ANY($1)", _named(b"id", 1, 6, 7))
    figures = await records.counts(connection, _PROJECT)
    assert figures == {
        "pairs": _PAIRS - 3,
        "created": 3,
        "matched": _PAIRS - 6,
        "errors": 2,
        "ambiguous": 0,
        "problem": "one",
        "refusal": None,
    }


@pytest.mark.parametrize(
    "name", ["7@alpha.example", "cn=number 7", str(UUID(bytes_le=(7).to_bytes(16, "big")))], ids=["mail", "dn", "guid"]
)
async def test_the_journal_of_one_object_is_found_without_reading_that_of_others(
    connection: Connection, name: str
) -> None:
    entries: list[journal.Entry] = []

    async def read() -> None:
        assert await journal.knows(connection, _PROJECT, name)
        entries.extend(await journal.read(connection, _PROJECT, JournalFilter(object=name), limit=_WANTED))

    assert await rows_read(connection, read()) < _WANTED
    assert [entry.dn for entry in entries] == ["CN=Number 7"]


async def test_of_the_journal_no_more_is_read_than_a_page_and_what_was_cut_short(connection: Connection) -> None:
    await connection.execute("UPDATE journal SET intended = '{}' WHERE pair_id = ANY($1)", _named(b"id", 7))
    await connection.execute("VACUUM ANALYZE")
    await connection.execute("SET plan_cache_mode = auto")  # a plan for any filter is none for none

    async def read() -> None:
        assert len(await journal.read(connection, _PROJECT, JournalFilter(), limit=_WANTED)) == _WANTED
        assert [entry.dn for entry in await journal.cut_short(connection, _PROJECT)] == ["CN=Number 7"]

    assert await rows_read(connection, read()) <= _WANTED + 10
