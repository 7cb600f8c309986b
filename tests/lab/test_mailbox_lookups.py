"""The ledger finds rows by their keys and reads no others, whatever PostgreSQL believes of its tables."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from isthmus_events import Lease
from isthmus_mailbox.database_ledger import DatabaseLedger
from isthmus_mailbox.ids import pack
from isthmus_mailbox.ledger_statements import (
    ANY_OF,
    ARRIVING,
    COUNTS,
    DELETE_ALL,
    END,
    NEW_COPIED_SOON,
    OTHERS,
    PLACES,
    by_id,
    one_of,
)
from isthmus_service import Pool
from isthmus_sync.mailbox.model import Copied, LedgerChange, Staged, Work
from isthmus_sync.mailbox.ways import Way

_ITEMS = 600
_IDS = "bytea, bytea[]"
_LOOKUPS = {
    "any_of": (ANY_OF, _IDS),
    "by_source": (f"SELECT found.* FROM {by_id('item', 'source_id', '$2')}", _IDS),
    "by_target": (f"SELECT found.* FROM {by_id('item', 'target_id', '$2')}", _IDS),
    "of_work": (f"SELECT found.* FROM {by_id('work', 'source_id', '$2')}", _IDS),
    "copied": (
        NEW_COPIED_SOON,
        "text, integer, bigint, bytea, bigint[], bytea[], bytea[], smallint[], bigint[], bigint[], bigint",
    ),
}
"""Statements and the types of their values."""
_WHOLE = {
    "counts": (COUNTS, "bytea"),
    "others": (OTHERS, "bytea, integer"),
    "all_go": (DELETE_ALL, "bytea, integer"),
    "ended": (END, "bytea, integer[], boolean"),
    "arriving": (ARRIVING, _IDS),
    "places": (PLACES, _IDS),
    "departures": (f"SELECT * FROM work WHERE pair_id = $1 AND work = 2 AND {one_of('search_key', '$2')}", _IDS),
}
"""Such as go through a mailbox, or a folder of it."""


@pytest.fixture
async def pool(ledgers: Pool) -> Pool:
    await ledgers.execute(
        "INSERT INTO partition_owner (consumer_group, partition, epoch, owner) VALUES ('mailbox', 0, 1, 'test')"
    )
    return ledgers


async def _fill(pool: Pool, pair: bytes) -> tuple[list[Staged], list[str]]:
    """A mailbox of which half was copied; its work, and the target's ids."""
    await pool.execute(
        "INSERT INTO mailbox (pair_id, partition, pair, collection, wanted, switched)"
        " VALUES ($1, 0, '', 'test', true, false)",
        pair,
    )
    ledger = DatabaseLedger(pool, Lease("mailbox", 0, 1), pair)
    rows = [Staged(f"c291cmNl{number:04}", 1, Work.COPY, change_key="a2V5") for number in range(_ITEMS)]
    await ledger.write(LedgerChange(stage=rows))
    targets = [f"dGFyZ2V0{number:04}" for number in range(_ITEMS // 2)]
    copied = [
        Copied(row.sequence, row.from_id, target, "a2V5", Way.STREAM, False)
        for row, target in zip(rows, targets, strict=False)
    ]
    await ledger.write(LedgerChange(copied=copied))
    return rows, targets


@pytest.mark.parametrize("before", ["empty tables", "another mailbox"])
async def test_nothing_is_read_but_what_is_looked_for(pool: Pool, before: str) -> None:
    if before == "another mailbox":
        await _fill(pool, b"\1" * 16)
    await pool.execute("VACUUM ANALYZE item, work")
    async with pool.acquire() as connection:
        for name, (statement, types) in _LOOKUPS.items():
            await connection.execute(f"PREPARE {name} ({types}) AS {statement}")
        rows, targets = await _fill(pool, b"\2" * 16)
        sources = [pack(row.from_id) for row in rows]
        missing = [pack(f"bmV3ZXI0{number:04}") for number in range(_ITEMS)]
        sequences = [row.sequence for row in rows[_ITEMS // 2 :]]
        values: dict[str, tuple[object, ...]] = {
            "any_of": (b"\2" * 16, missing),
            "by_source": (b"\2" * 16, sources),
            "by_target": (b"\2" * 16, [pack(each) for each in targets]),
            "of_work": (b"\2" * 16, sources),
            "copied": (
                *("mailbox", 0, 1, b"\2" * 16, sequences, missing[: len(sequences)], missing[: len(sequences)]),
                *([0] * len(sequences), [sequences[0]], [sequences[-1]], 1),
            ),
        }
        read = {name: await _read_in_vain(connection, name, values[name]) for name in _LOOKUPS}
    assert read == dict.fromkeys(_LOOKUPS, 0)


@pytest.mark.parametrize("before", ["empty tables", "another mailbox"])
async def test_what_goes_through_a_mailbox_compares_no_row_with_each_of_others(pool: Pool, before: str) -> None:
    if before == "another mailbox":
        await _fill(pool, b"\1" * 16)
    await pool.execute("VACUUM ANALYZE item, work")
    async with pool.acquire() as connection:
        for name, (statement, types) in _WHOLE.items():
            await connection.execute(f"PREPARE {name} ({types}) AS {statement}")
        await _fill(pool, b"\2" * 16)
        pair, keys = _literal(b"\2" * 16), _literal([b"key"])
        values = {
            "bytea": pair,
            "bytea, integer": f"{pair}, 1",
            "bytea, integer[], boolean": f"{pair}, '{{1}}', true",
            _IDS: f"{pair}, {keys}",
        }
        for name, (_, types) in _WHOLE.items():
            rows = await connection.fetch(f"EXPLAIN EXECUTE {name} ({values[types]})")
            plan = "\n".join(row[0] for row in rows)
            forbidden = "folder_idx" if name == "ended" else "Join|search_key = ANY"
            assert not re.search(forbidden, plan), plan


async def _read_in_vain(connection: Any, name: str, values: tuple[object, ...]) -> int:
    """How many rows a prepared statement reads that are not what it looks for."""
    written = ", ".join(map(_literal, values))
    plan = json.loads(await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE {name} ({written})"))
    return _removed(plan[0]["Plan"])


def _removed(node: dict[str, Any]) -> int:
    """Rows that filters removed, over all loops."""
    here = 0
    if node.get("Relation Name", "").startswith(("item", "work")):
        here = round(node.get("Rows Removed by Filter", 0) * node["Actual Loops"])
    return here + sum(_removed(each) for each in node.get("Plans", ()))


def _literal(value: object) -> str:
    if isinstance(value, list):
        kind = "bytea[]" if value and isinstance(value[0], bytes) else "bigint[]"
        return f"ARRAY[{', '.join(map(_literal, value))}]::{kind}"
    return f"'\\x{value.hex()}'" if isinstance(value, bytes) else f"'{value}'"
