"""Says what a switch of a mailbox would not bring along, when that has changed: before anybody decides."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import NamedTuple

from isthmus.events.v1.mailbox_pb2 import NotBrought
from isthmus_events import Lease, publish
from isthmus_events.topics import MAILBOX_NOT_BROUGHT
from isthmus_service import Pool
from isthmus_sync.mailbox.not_brought import Aside, LeftOut, Loss, not_brought

from isthmus_mailbox import telling
from isthmus_mailbox.boxes import Box, Counts

_AGAIN_SECONDS = 60.0
"""A mailbox that people work in is counted so often at most, unless somebody ordered the pass."""
_ANYHOW_SECONDS = 900.0
"""And so often at least, as counts may stay the same when things change."""

_MAIN_TREE = """
    WITH RECURSIVE main AS (
        SELECT number FROM folder WHERE pair_id = $1 AND parent IS NULL AND role = 'msgfolderroot'
        UNION ALL
        SELECT folder.number FROM folder JOIN main ON folder.parent = main.number WHERE folder.pair_id = $1
    )
    SELECT count(*) AS items, coalesce(sum(size), 0)::bigint AS bytes FROM item
    WHERE pair_id = $1 AND folder IN (SELECT number FROM main)
"""


class _Known(NamedTuple):
    losses: list[Loss]
    counts: Counts
    at: float


def _due(known: _Known, counts: Counts, now: float, *, ordered: bool) -> bool:
    past = now - known.at
    changed = replace(counts, staged=0) != replace(known.counts, staged=0)
    return past > _ANYHOW_SECONDS or (changed and (ordered or past > _AGAIN_SECONDS))


class Farewell:
    """For the mailboxes of one worker."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._known: dict[bytes, _Known] = {}

    async def say(self, box: Box, lease: Lease, counts: Counts) -> None:
        """After a pass; `counts` are the mailbox's now."""
        known, now = self._known.get(box.id), time.monotonic()
        if box.switched or (known and not _due(known, counts, now, ordered=bool(box.orders))):
            return
        found = await self._find(box.id, counts.set_aside)
        if known is None or found != known.losses:
            async with self._pool.acquire() as connection, connection.transaction():
                await lease.hold(connection)
                await publish(connection, MAILBOX_NOT_BROUGHT, box.id, _message(box.id, found))
        self._known[box.id] = _Known(found, counts, now)

    async def _find(self, pair_id: bytes, set_aside: int) -> list[Loss]:
        row = await self._pool.fetchrow(_MAIN_TREE, pair_id)
        assert row is not None
        aside = await self._pool.fetch("SELECT kind, path, who, what FROM kept_aside WHERE pair_id = $1", pair_id)
        left_out = await self._pool.fetch(
            "SELECT reason, count(*), sum(size)::bigint FROM work WHERE pair_id = $1 AND work = 4 GROUP BY reason",
            pair_id,
        )
        losses = [Aside(*each) for each in aside], [LeftOut(*each) for each in left_out]
        return not_brought(row["items"], row["bytes"], set_aside, *losses)


def _message(pair_id: bytes, losses: list[Loss]) -> NotBrought:
    said = [
        NotBrought.Loss(kind=each.kind, count=each.count, bytes=each.size, words=each.words, examples=each.examples)
        for each in losses
    ]
    return NotBrought(pair_id=pair_id, losses=said, at=telling.microseconds())
