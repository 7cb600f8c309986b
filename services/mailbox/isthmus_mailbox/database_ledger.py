"""The ledger of one mailbox in PostgreSQL, for passes from the source to the target."""

from __future__ import annotations

import contextlib
import json
from collections import defaultdict
from collections.abc import Collection, Container, Iterable, Mapping
from dataclasses import fields, replace
from itertools import pairwise
from typing import Any

from asyncpg import Record, UniqueViolationError
from isthmus.events.v1.mailbox_pb2 import ItemSetAside
from isthmus_events import Lease, publish_all
from isthmus_events.topics import MAILBOX_SET_ASIDE
from isthmus_exchange.values import Traits
from isthmus_service import Connection, Pool
from isthmus_sync.mailbox import hierarchy
from isthmus_sync.mailbox.model import (
    Action,
    FolderIntent,
    FolderRow,
    FolderWrite,
    Intent,
    ItemRow,
    LedgerChange,
    Staged,
    Work,
)
from isthmus_sync.mailbox.ways import Way

from isthmus_mailbox.ids import pack, pack_optional, unpack, unpack_optional
from isthmus_mailbox.ledger_statements import (
    AGREE,
    ANY_OF,
    ARRIVING,
    COPIED,
    COPIED_SOON,
    COUNTS,
    DELETE_ALL,
    END,
    FILLED,
    FOLDERS,
    IN_DOUBT,
    INTEND,
    LIST,
    NEW_COPIED_SOON,
    OTHERS,
    PLACES,
    STAGE,
    STAGED,
    by_id,
    one_of,
)

_DUE = """work = $2 AND not_before <= $3 AND NOT EXISTS (
    SELECT FROM intent WHERE intent.pair_id = $1 AND sequence <@ sequences)"""
_AT_ONCE = 1000
_WORK = {each.value: each for each in Work}
_NOTHING = LedgerChange()


class DatabaseLedger:
    """Ledger (ledger.py) of the mailbox of `pair_id`; every write holds the `lease`, or writes nothing."""

    def __init__(self, pool: Pool, lease: Lease, pair_id: bytes) -> None:
        self._pool = pool
        self._lease = lease
        self._pair = pair_id

    # --- questions --------------------------------------------------------------------------------------------------

    async def chosen_by(self) -> str:
        version: str | None = await self._pool.fetchval("SELECT chosen_by FROM mailbox WHERE pair_id = $1", self._pair)
        return version or ""

    async def hierarchy_state(self, top: str) -> str | None:
        state: str | None = await self._pool.fetchval(
            "SELECT state FROM tree WHERE pair_id = $1 AND top = $2", self._pair, top
        )
        return state

    async def folders(self) -> list[FolderRow]:
        return await read_folders(self._pool, self._pair)

    async def known(self, from_ids: Collection[str]) -> dict[str, ItemRow]:
        return await self._items(by_id("item", "source_id", "$2"), [pack(each) for each in from_ids])

    async def count_in(self, folder: int) -> int:
        count: int = await self._pool.fetchval(
            "SELECT count(*) FROM item WHERE pair_id = $1 AND folder = $2", self._pair, folder
        )
        return count

    async def filled(self) -> set[int]:
        rows = await self._pool.fetch(FILLED, self._pair)
        return {row["folder"] for row in rows}

    async def any_of(self, from_ids: Collection[str]) -> bool:
        found: bool = await self._pool.fetchval(ANY_OF, self._pair, [pack(each) for each in from_ids])
        return found

    async def others(self, folder: int, present: Container[str], limit: int) -> list[str]:
        found: list[str] = []
        async with self._pool.acquire() as connection, connection.transaction(readonly=True):
            cursor = await connection.cursor(OTHERS, self._pair, folder)
            while len(found) < limit and (rows := await cursor.fetch(_AT_ONCE)):
                found += (from_id for row in rows if (from_id := unpack(row["source_id"])) not in present)
        return found

    async def came_by(self, way: Way) -> dict[str, ItemRow]:
        return await self._items("item AS found WHERE pair_id = $1 AND way = $2 AND way <> 0", way)

    async def counts(self) -> dict[tuple[int, bool], int]:
        rows = await self._pool.fetch(COUNTS, self._pair)
        return {(row["folder"], row["associated"]): row["items"] for row in rows}

    async def claimed(self, to_ids: Collection[str]) -> dict[str, ItemRow]:
        found = await self._items(by_id("item", "target_id", "$2"), [pack(each) for each in to_ids])
        return {row.to_id: row for row in found.values()}

    async def staged(self, from_ids: Collection[str]) -> dict[str, Staged]:
        ids = [pack(each) for each in from_ids]
        rows = await self._pool.fetch(f"SELECT {STAGED} FROM {by_id('work', 'source_id', '$2')}", self._pair, ids)  # noqa: S608
        return {row.from_id: row for row in map(_staged, rows)}

    async def next_work(self, work: Work, after: int, due: float, limit: int) -> list[Staged]:
        return await self._work(f"{_DUE} AND sequence > $4 ORDER BY sequence LIMIT $5", work, due, after, limit)

    async def last_work(self, work: Work, due: float) -> int:
        last: int | None = await self._pool.fetchval(
            f"SELECT sequence FROM work WHERE pair_id = $1 AND {_DUE} ORDER BY sequence DESC LIMIT 1",  # noqa: S608
            self._pair,
            work,
            due,
        )
        return last or 0

    async def arriving(self, search_keys: Collection[bytes]) -> set[bytes]:
        rows = await self._pool.fetch(ARRIVING, self._pair, list(search_keys))
        return {row["search_key"] for row in rows}

    async def places(self, search_keys: Collection[bytes]) -> set[tuple[bytes, int]]:
        rows = await self._pool.fetch(PLACES, self._pair, list(search_keys))
        return {(row["search_key"], row["folder"]) for row in rows}

    async def departures(self, search_keys: Collection[bytes]) -> list[Staged]:
        return await self._work(f"work = 2 AND {one_of('search_key', '$2')}", list(search_keys))

    async def left_out_arrivals(self) -> list[Staged]:
        return await self._work(
            "work = 4 AND search_key <> '' AND search_key IN"
            " (SELECT search_key FROM work AS leaving WHERE leaving.pair_id = $1 AND leaving.work = 2)"
        )

    async def in_doubt(self) -> list[Staged]:
        rows = await self._pool.fetch(IN_DOUBT, self._pair)
        return [
            replace(_staged(staged), intent=Intent(Action(action), until, unpack(moved)))
            for *staged, action, until, moved in rows
        ]

    async def resent(self, folder: int) -> set[bytes]:
        rows = await self._pool.fetch(
            "SELECT search_key FROM resent WHERE pair_id = $1 AND folder = $2", self._pair, folder
        )
        return {row["search_key"] for row in rows}

    async def _items(self, found: str, value: object) -> dict[str, ItemRow]:
        rows = await self._pool.fetch(f"SELECT found.* FROM {found}", self._pair, value)  # noqa: S608
        return {item.from_id: item for item in map(_item, rows)}

    async def _work(self, condition: str, *values: object) -> list[Staged]:
        statement = f"SELECT {STAGED} FROM work WHERE pair_id = $1 AND {condition}"  # noqa: S608
        rows = await self._pool.fetch(statement, self._pair, *values)
        return [_staged(row) for row in rows]

    # --- the change -------------------------------------------------------------------------------------------------

    async def write(self, change: LedgerChange) -> None:
        parts = {each.name for each in fields(change) if getattr(change, each.name) != getattr(_NOTHING, each.name)}
        parts.discard("outcomes")
        if parts == {"intents"}:
            await self._intend(self._pool, change.intents)
        elif parts == {"folders"}:
            await self._put_folders(self._pool, change.folders)
        elif parts <= {"copied", "bytes_copied"}:
            await self._copied(self._pool, change)
        elif parts <= {"items", "unstage", "bytes_copied"}:
            await self._agree(self._pool, change)
        elif parts <= {"stage", "sync_states"}:
            await self._stage(self._pool, change.stage, change.sync_states)
        else:
            async with self._pool.acquire() as connection, connection.transaction():
                await self._lease.hold(connection)
                await self._write(connection, change)

    async def _write(self, connection: Connection, change: LedgerChange) -> None:
        await self._write_folders(connection, change)
        await self._write_items(connection, change)
        if change.chosen_by is not None:
            await connection.execute(
                "UPDATE mailbox SET chosen_by = $2 WHERE pair_id = $1", self._pair, change.chosen_by
            )
        if change.hierarchy_states:
            await connection.executemany(
                "INSERT INTO tree (pair_id, top, state) VALUES ($1, $2, $3)"
                " ON CONFLICT (pair_id, top) DO UPDATE SET state = excluded.state",
                [(self._pair, top, state) for top, state in change.hierarchy_states.items()],
            )
        if change.set_aside:
            await self._tell(connection, change.set_aside)

    async def _put_folders(self, where: Pool | Connection, rows: Collection[FolderRow]) -> None:
        await self._fenced(where, FOLDERS, *_columns(map(_folder_values, rows), 14))

    async def _intend(self, where: Pool | Connection, intents: Mapping[int, Intent | None]) -> None:
        if 0 in intents:
            raise RuntimeError("an intent for what is not staged")
        # A request's rows have the same intent, and one or two such in all: by what they are it takes longer.
        alike = defaultdict[int, list[int]](list)
        for sequence, intent in intents.items():
            alike[id(intent)].append(sequence)
        rows = [(*run, *_intent_values(intents[some[0]])) for some in alike.values() for run in _runs(some)]
        await self._fenced(where, INTEND, *zip(*rows, strict=True))

    async def _copied(self, where: Pool | Connection, change: LedgerChange) -> None:
        if not change.copied:
            return
        statement = COPIED
        if where is self._pool:
            statement = COPIED_SOON if any(each.over for each in change.copied) else NEW_COPIED_SOON
        sequences = [each.sequence for each in change.copied]
        row = await self._fenced(
            where,
            statement,
            sequences,
            [pack(each.to_id) for each in change.copied],
            [pack(each.to_change_key) for each in change.copied],
            [each.way for each in change.copied],
            *zip(*_runs(sequences), strict=True),
            change.bytes_copied,
        )
        if not row["complete"]:
            raise RuntimeError("what was copied is not staged")

    async def _agree(self, where: Pool | Connection, change: LedgerChange) -> None:
        copied = 0 if change.copied else change.bytes_copied  # who writes what was copied writes that, too
        if change.items or change.unstage or copied:
            done = [pack(each) for each in change.unstage]
            columns = _columns(map(_item_values, change.items), 11)
            await self._fenced(where, AGREE, *columns, done, copied)

    async def _stage(
        self, where: Pool | Connection, rows: Collection[Staged], sync_states: Mapping[int, str | None]
    ) -> None:
        if rows or sync_states:
            states = list(sync_states), list(sync_states.values())
            if where is self._pool and all(map(_is_new, rows)) and len({row.folder for row in rows}) == 1:
                columns = _columns(map(_new_values, rows), 6)
                with contextlib.suppress(UniqueViolationError):
                    listed = await self._fenced(where, LIST, next(iter(rows)).folder, *columns, *states)
                    _number(rows, listed["sequences"])
                    return
            staged = await self._fenced(where, STAGE, *_columns(map(_staged_values, rows), 14), *states)
            _number(rows, staged["sequences"])

    async def _fenced(self, where: Pool | Connection, statement: str, *values: object) -> Record:
        lease = self._lease
        row = await where.fetchrow(statement, lease.group, lease.partition, lease.epoch, self._pair, *values)
        assert row is not None
        lease.held(row["held"])
        return row

    async def _write_folders(self, connection: Connection, change: LedgerChange) -> None:
        if change.folders:
            await self._put_folders(connection, change.folders)
        for number in change.gone_folders:
            await connection.execute(
                "UPDATE folder SET gone = true, sync_state = NULL WHERE pair_id = $1 AND number = $2",
                self._pair,
                number,
            )
            await connection.execute(END, self._pair, [number], True)
            await connection.execute(DELETE_ALL, self._pair, number)
        lost = [*change.reset_folders, *change.removed_folders]
        if lost:
            await connection.execute(END, self._pair, lost, False)
        for table in ("item", "work") if lost else ():
            await connection.execute(
                f"DELETE FROM {table} WHERE pair_id = $1 AND folder = ANY($2::integer[])",  # noqa: S608
                self._pair,
                lost,
            )
        if change.removed_folders:
            await connection.execute(
                "DELETE FROM folder WHERE pair_id = $1 AND number = ANY($2::integer[])",
                self._pair,
                change.removed_folders,
            )

    async def _write_items(self, connection: Connection, change: LedgerChange) -> None:
        if change.forget:
            await connection.execute(
                "DELETE FROM item WHERE pair_id = $1 AND source_id = ANY($2::bytea[])",
                self._pair,
                [pack(each) for each in change.forget],
            )
        await self._agree(connection, change)
        await self._copied(connection, change)
        await self._stage(connection, change.stage, dict.fromkeys(change.reset_folders) | change.sync_states)
        if change.intents:
            await self._intend(connection, change.intents)
        if change.resent:
            await connection.executemany(
                "INSERT INTO resent (pair_id, folder, search_key) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                [(self._pair, folder, key) for folder, key in change.resent],
            )

    async def _tell(self, connection: Connection, rows: Collection[Staged]) -> None:
        folders = await read_folders(connection, self._pair)
        for row in rows:
            message = ItemSetAside(
                pair_id=self._pair,
                folder=hierarchy.path(folders, row.folder),
                item_id=row.from_id,
                size=row.size,
                reason=row.reason,
            )
            await publish_all(connection, MAILBOX_SET_ASIDE, {self._pair: message})


async def read_folders(where: Pool | Connection, pair: bytes) -> list[FolderRow]:
    """Every folder of a mailbox, gone ones too."""
    rows = await where.fetch("SELECT * FROM folder WHERE pair_id = $1 ORDER BY number", pair)
    return [_folder(row) for row in rows]


# --- rows and values -------------------------------------------------------------------------------------------------


def _folder(row: Record) -> FolderRow:
    intent = None
    if row["intent_write"] is not None:
        intent = FolderIntent(
            FolderWrite(row["intent_write"]), row["intent_until"], unpack(row["intent_parent"]), row["intent_name"]
        )
    return FolderRow(
        number=row["number"],
        parent=row["parent"],
        name=row["name"],
        folder_class=row["folder_class"],
        role=row["role"],
        from_id=unpack_optional(row["source_id"]),
        to_id=unpack_optional(row["target_id"]),
        sync_state=row["sync_state"],
        gone=row["gone"],
        settled=row["settled"],
        intent=intent,
    )


def _folder_values(row: FolderRow) -> tuple[object, ...]:
    intent = row.intent
    return (
        row.number,
        row.parent,
        _clean(row.name),
        row.folder_class,
        row.role,
        pack_optional(row.from_id),
        pack_optional(row.to_id),
        row.sync_state,
        row.gone,
        row.settled,
        *((intent.write, intent.answer_by, pack(intent.parent), intent.name) if intent else (None, None, None, None)),
    )


def _item(row: Record) -> ItemRow:
    return ItemRow(
        from_id=unpack(row["source_id"]),
        to_id=unpack(row["target_id"]),
        folder=row["folder"],
        search_key=row["search_key"],
        size=row["size"],
        associated=row["associated"],
        is_read=row["is_read"],
        from_change_key=unpack(row["source_change_key"]),
        to_change_key=unpack(row["target_change_key"]),
        modified=row["modified"],
        way=Way(row["way"]),
    )


def _item_values(row: ItemRow) -> tuple[object, ...]:
    return (
        pack(row.from_id),
        pack(row.to_id),
        row.folder,
        row.search_key,
        row.size,
        row.associated,
        row.is_read,
        pack(row.from_change_key),
        pack(row.to_change_key),
        row.modified,
        row.way,
    )


def _staged(row: Iterable[Any]) -> Staged:
    """A row of STAGED. By position, as by name it takes three times as long, and there is one for each item."""
    (
        from_id,
        folder,
        work,
        key,
        size,
        associated,
        is_read,
        change_key,
        modified,
        attempts,
        due,
        reason,
        traits,
        number,
    ) = row
    return Staged(
        from_id=unpack(from_id),
        folder=folder,
        work=_WORK[work],
        search_key=key,
        size=size,
        associated=associated,
        is_read=is_read,
        change_key=unpack(change_key),
        modified=modified,
        attempts=attempts,
        not_before=due,
        reason=reason,
        traits=_traits(traits),
        sequence=number,
    )


def _columns(rows: Iterable[tuple[object, ...]], count: int) -> list[list[object]]:
    """Rows as so many columns. Of two with one id, which is first, the later counts."""
    by_id = {row[0]: row for row in rows}
    return [list(column) for column in zip(*by_id.values(), strict=True)] or [[] for _ in range(count)]


def _number(rows: Collection[Staged], sequences: Collection[int]) -> None:
    """Rows that were staged without a sequence have these now, which rise in the order of the rows."""
    if len(rows) == len(sequences) and not any(row.sequence for row in rows):
        for row, sequence in zip(rows, sequences, strict=True):
            row.sequence = sequence


def _runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """The numbers as runs without a gap, each with its first and its last; at least one."""
    rising = sorted(numbers)
    firsts = [each for before, each in pairwise((rising[0] - 2, *rising)) if each != before + 1]
    lasts = [each for each, after in pairwise((*rising, rising[-1] + 2)) if after != each + 1]
    return list(zip(firsts, lasts, strict=True))


def _intent_values(intent: Intent | None) -> tuple[object, ...]:
    return (intent.action, intent.answer_by, pack(intent.moved_from)) if intent else (None, None, None)


def _staged_values(row: Staged) -> tuple[object, ...]:
    return (
        pack(row.from_id),
        row.folder,
        row.work,
        row.search_key,
        row.size,
        row.associated,
        row.is_read,
        pack(row.change_key),
        row.modified,
        row.attempts,
        row.not_before,
        _clean(row.reason),
        None if row.traits is None else json.dumps(row.traits),
        row.sequence,
    )


def _is_new(row: Staged) -> bool:
    """Whether it is to be copied, was not tried before, and nothing else is to be known of it."""
    return row.work is Work.COPY and not (row.sequence or row.attempts or row.not_before or row.reason or row.traits)


def _new_values(row: Staged) -> tuple[object, ...]:
    return (
        pack(row.from_id),
        row.search_key,
        row.size,
        row.is_read + 2 * row.associated,
        pack(row.change_key),
        row.modified,
    )


def _traits(written: str | None) -> Traits | None:
    if written is None:
        return None
    item_class, received, created, modified, categories = json.loads(written)
    return Traits(item_class, received, created, modified, tuple(categories))


def _clean(text: str) -> str:
    """PostgreSQL's text holds everything but NUL."""
    return text.replace("\0", "�")
