"""What the ledger knows, for whoever asks over HTTP. Read-only: no question changes anything.

GET  /api/v1/mailboxes/{id}         a mailbox (pair id in hexadecimal) and its folders: counts, bytes, what is staged
POST /api/v1/mailboxes/{id}/items   {"source": [item id…], "target": [item id…], "search_keys": [hexadecimal…]}: what is
                                    known of these items, and which uploads with such keys were made a second time
GET  /api/v1/setaside               items that cannot be copied; ?mailbox=ID (repeatable), or ?collection=NAME
GET  /api/v1/keptaside              rights, rules and settings that cannot be set on the target; asked in the same way

Of the last two, 1,000 at most and how many were left off; the next ones follow with ?after=MAILBOX.NUMBER of the last.
Of items that are set aside ?number=N is one.

The ledger holds ids, sizes and places, no content, and so do these answers. Every worker answers for all mailboxes.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from asyncpg import Record
from isthmus.accounts.v1.accounts_pb2 import Pair
from isthmus_service import DATABASE_AWAY, Pool
from isthmus_sync.mailbox import hierarchy
from isthmus_sync.mailbox.model import Action, Work
from isthmus_sync.mailbox.ways import Way

from isthmus_mailbox.boxes import unwanted
from isthmus_mailbox.database_ledger import read_folders
from isthmus_mailbox.ids import pack, unpack
from isthmus_mailbox.marks import Marks
from isthmus_mailbox.organisations import Organisations
from isthmus_mailbox.surroundings import trees

_MOST_ITEMS = 1000
_DIGITS = 18
"""So many a number may have in the database."""
_FOLDER_COUNTS = """
    SELECT folder.number, items, bytes, by_properties, copies, copy_bytes, flags, deletions, aside, doubts, left_out,
           left_out_bytes
    FROM folder
    LEFT JOIN (
        SELECT folder AS number, count(*) AS items, sum(size)::bigint AS bytes,
               count(*) FILTER (WHERE way <> 0) AS by_properties
        FROM item WHERE pair_id = $1 GROUP BY 1
    ) AS held USING (number)
    LEFT JOIN (
        SELECT folder AS number, count(*) FILTER (WHERE work = 1) AS copies,
               (sum(size) FILTER (WHERE work = 1))::bigint AS copy_bytes, count(*) FILTER (WHERE work = 3) AS flags,
               count(*) FILTER (WHERE work = 2) AS deletions,
               count(*) FILTER (WHERE reason <> '' AND work <> 4) AS aside,
               count(*) FILTER (WHERE work = 4) AS left_out,
               (sum(size) FILTER (WHERE work = 4))::bigint AS left_out_bytes,
               count(action) AS doubts
        FROM work LEFT JOIN intent ON intent.pair_id = $1 AND sequence <@ sequences
        WHERE work.pair_id = $1 GROUP BY 1
    ) AS staged USING (number)
    WHERE folder.pair_id = $1 ORDER BY folder.number
"""


class Answers:
    """Answers from the service's database, and from the project in force."""

    def __init__(self, pool: Pool, organisations: Organisations) -> None:
        self._pool = pool
        self._organisations = organisations

    def add_to(self, application: web.Application) -> None:
        application.add_routes(
            [
                web.get("/api/v1/mailboxes/{id}", self._mailbox),
                web.post("/api/v1/mailboxes/{id}/items", self._items),
                web.get("/api/v1/setaside", self._set_aside),
                web.get("/api/v1/keptaside", self._kept_aside),
            ]
        )
        application.middlewares.append(_patient)

    async def _mailbox(self, request: web.Request) -> web.Response:
        pair_id = _id(request.match_info["id"])
        row = await self._pool.fetchrow("SELECT * FROM mailbox WHERE pair_id = $1", pair_id)
        if row is None:
            raise web.HTTPNotFound(text="the mailbox service does not know this mailbox")
        folders = await read_folders(self._pool, pair_id)
        paths = hierarchy.paths(folders)
        counts = {each["number"]: each for each in await self._pool.fetch(_FOLDER_COUNTS, pair_id)}
        orders = await self._pool.fetchval("SELECT count(*) FROM mailbox_order WHERE pair_id = $1", pair_id)
        kept = await self._pool.fetchval("SELECT count(*) FROM kept_aside WHERE pair_id = $1", pair_id)
        marks = Marks.read(row["marks"])
        hours = self._organisations.hours(row["collection"], datetime.now(UTC), ordered=orders > 0)
        return web.json_response(
            {
                **_who(row),
                # Why the mailbox is not copied at all; empty when it is.
                "unwanted": unwanted(Pair.FromString(row["pair"])),
                "switched": row["switched"],
                "paused": row["paused"],
                "passes": row["passes"],
                "failures": row["failures"],
                "due": _time(row["due"]),
                "orders": orders,
                "kept_aside": kept,
                # Why nothing is done at this hour, empty when something may be, and when something is; None: never.
                "closed": hours.why,
                "opens": _time(hours.until) if hours.until else None,
                "bytes_copied": row["bytes_done"],
                **self._rules(row),
                # The trees that both sides had at the last pass, by the roles of their tops; None before the first.
                "trees": marks.trees,
                # Why passes go on without the archive; empty when they do not.
                "archive_rests": marks.resting.why if marks.resting else "",
                "folders": [
                    _folder(counts[each.number])
                    | {
                        "path": paths[each.number],
                        "role": each.role,
                        "on_target": each.to_id is not None,
                        "gone": each.gone,
                    }
                    for each in folders
                    if each.number in counts
                ],
            }
        )

    def _rules(self, row: Record) -> dict[str, Any]:
        """What becomes of copies whose originals are deleted, and the trees that are to be brought, by the roles of
        their tops; None and nothing when no project has the collection.
        """
        found = self._organisations.surroundings(row["collection"])
        if found is None:
            return {"deletions": None, "wanted_trees": []}
        surroundings, deletions = found
        return {
            "deletions": "keep" if row["switched"] else deletions,
            "wanted_trees": trees(surroundings, deletions),
        }

    async def _items(self, request: web.Request) -> web.Response:
        pair_id = _id(request.match_info["id"])
        try:
            asked = await request.json()
            source, target = ([pack(str(each)) for each in asked.get(side, [])] for side in ("source", "target"))
            keys = [bytes.fromhex(each) for each in asked.get("search_keys", [])]
        except (ValueError, AttributeError, TypeError) as error:
            words = (
                f'{{"source": [item id…], "target": [item id…], "search_keys": [hexadecimal…]}} is expected: {error}'
            )
            raise web.HTTPBadRequest(text=words) from None
        folders = await read_folders(self._pool, pair_id)
        paths = hierarchy.paths(folders)
        targets = {each.number: each.to_id or "" for each in folders}
        known = await self._pool.fetch(
            "SELECT * FROM item WHERE pair_id = $1 AND (source_id = ANY($2::bytea[]) OR target_id = ANY($3::bytea[]))",
            pair_id,
            source,
            target,
        )
        work = await self._pool.fetch(
            "SELECT work.*, action FROM work LEFT JOIN intent ON intent.pair_id = $1 AND sequence <@ sequences"
            " WHERE work.pair_id = $1 AND source_id = ANY($2::bytea[])",
            pair_id,
            [*source, *(row["source_id"] for row in known)],
        )
        resent = await self._pool.fetch(
            "SELECT folder, search_key FROM resent WHERE pair_id = $1 AND search_key = ANY($2::bytea[])", pair_id, keys
        )
        return web.json_response(
            {
                "known": [
                    {
                        "source_id": unpack(row["source_id"]),
                        "target_id": unpack(row["target_id"]),
                        "folder": paths.get(row["folder"], ""),
                        "agreed_at": _time(row["agreed_at"]),
                        # "stream", or by its properties, because its stream was "refused", or there are "no_streams".
                        "way": Way(row["way"]).name.lower(),
                    }
                    for row in known
                ],
                "staged": [_staged(row, paths) for row in work],
                # Taken for lost and made again, by the id of the target's folder: the first one may come, too.
                "resent": [
                    {"folder": targets.get(row["folder"], ""), "search_key": row["search_key"].hex()} for row in resent
                ],
            }
        )

    async def _set_aside(self, request: web.Request) -> web.Response:
        rows = await self._pool.fetch(
            """
            SELECT work.*, action, mailbox.pair, mailbox.collection, count(*) OVER () AS of_all
            FROM work JOIN mailbox USING (pair_id)
            LEFT JOIN intent ON intent.pair_id = work.pair_id AND sequence <@ sequences
            WHERE reason <> '' AND work <> 4
                  AND ($1::bytea[] = '{}' OR work.pair_id = ANY($1)) AND ($2::text IS NULL OR collection = $2)
                  AND ($3::bigint IS NULL OR sequence = $3) AND (work.pair_id, sequence) > ($4::bytea, $5::bigint)
            ORDER BY work.pair_id, sequence LIMIT $6
            """,
            [_id(each) for each in request.query.getall("mailbox", [])],
            request.query.get("collection"),
            _number(request.query["number"]) if "number" in request.query else None,
            *_after(request),
            _MOST_ITEMS,
        )
        paths: dict[bytes, dict[int, str]] = {}
        for pair_id in {row["pair_id"] for row in rows}:
            paths[pair_id] = hierarchy.paths(await read_folders(self._pool, pair_id))
        items = [{**_who(row), **_staged(row, paths[row["pair_id"]])} for row in rows]
        return web.json_response({"items": items, "left_off": rows[0]["of_all"] - len(rows) if rows else 0})

    async def _kept_aside(self, request: web.Request) -> web.Response:
        rows = await self._pool.fetch(
            """
            WITH page AS (
                SELECT *, count(*) OVER () AS of_all FROM kept_aside
                WHERE ($1::bytea[] = '{}' OR pair_id = ANY($1))
                      AND ($2::text IS NULL OR pair_id IN (SELECT pair_id FROM mailbox WHERE collection = $2))
                      AND (pair_id, number) > ($3::bytea, $4::bigint)
                ORDER BY pair_id, number LIMIT $5
            )
            SELECT page.*, mailbox.pair, mailbox.collection FROM page JOIN mailbox USING (pair_id)
            ORDER BY pair_id, number
            """,
            [_id(each) for each in request.query.getall("mailbox", [])],
            request.query.get("collection"),
            *_after(request),
            _MOST_ITEMS,
        )
        names = ("number", "kind", "path", "who", "what", "reason")
        settings = [{**_who(row), **{name: row[name] for name in names}} for row in rows]
        return web.json_response({"settings": settings, "left_off": rows[0]["of_all"] - len(rows) if rows else 0})


@web.middleware
async def _patient(request: web.Request, handler: Any) -> web.StreamResponse:
    try:
        response: web.StreamResponse = await handler(request)
    except DATABASE_AWAY as error:
        raise web.HTTPServiceUnavailable(text=f"the database does not answer: {error}") from error
    return response


def _id(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise web.HTTPBadRequest(text=f"{text!r} is no pair id in hexadecimal") from None


def _after(request: web.Request) -> tuple[bytes, int]:
    """The mailbox and the number of the last row of the page before."""
    mailbox, _, number = request.query.get("after", ".0").partition(".")
    return _id(mailbox), _number(number)


def _number(text: str) -> int:
    if not text.isdecimal() or len(text) > _DIGITS:
        raise web.HTTPBadRequest(text=f"{text!r} is no number of a row")
    return int(text)


def _who(row: Record) -> dict[str, Any]:
    pair = Pair.FromString(row["pair"])
    return {
        "mailbox": row["pair_id"].hex(),
        "source_address": pair.source.primary_smtp_address,
        "target_address": pair.target.primary_smtp_address,
        "collection": row["collection"],
    }


def _folder(row: Record) -> dict[str, Any]:
    names = (
        "items",
        "bytes",
        "by_properties",
        "copies",
        "copy_bytes",
        "flags",
        "deletions",
        "left_out",
        "left_out_bytes",
    )
    counts = {name: row[name] or 0 for name in names}
    return {**counts, "set_aside": row["aside"] or 0, "in_doubt": row["doubts"] or 0}


def _staged(row: Record, paths: dict[int, str]) -> dict[str, Any]:
    doubtful = row["action"] is not None
    return {
        # Stays the same for as long as the item is set aside.
        "number": row["sequence"],
        "source_id": unpack(row["source_id"]),
        "folder": paths.get(row["folder"], ""),
        "work": Work(row["work"]).name.lower(),
        "size": row["size"],
        "attempts": row["attempts"],
        "next_attempt": _time(datetime.fromtimestamp(row["not_before"], UTC)) if row["not_before"] else None,
        "reason": row["reason"],
        "in_doubt": Action(row["action"]).name.lower() if doubtful else None,
    }


def _time(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat(timespec="seconds") if at else None
