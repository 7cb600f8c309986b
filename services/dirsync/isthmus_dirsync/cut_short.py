"""Looks what came of writes that were under way when dirsync died or a forest went away, before anything is decided."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog
from isthmus_sync.directory import Side
from isthmus_sync.directory.cut_short import agreed_after, is_there

from isthmus_dirsync import journal, records
from isthmus_dirsync.carrying_out import Sides

if TYPE_CHECKING:
    from isthmus_project import Project
    from isthmus_service import Pool


async def settle(project: Project, sides: Sides, pool: Pool) -> None:
    """Have both sides agree on what was written, and the journal say so. What is not there stays `begun`: it was never
    written, or somebody changed it since.

    Raises DirectoryUnavailable when a forest does not answer; then nothing is settled.
    """
    async with pool.acquire() as connection:
        entries = await journal.cut_short(connection, project.project)
        known = await records.pairs_by_id(connection, project.project, {entry.pair_id for entry in entries})
    if not entries:
        return
    objects = {
        side: {obj.guid: obj for obj in await sides.read(side, {e.guid for e in entries if e.side is side})}
        for side in Side
    }
    by_pair = defaultdict(list)
    for entry in entries:
        by_pair[entry.pair_id].append(entry)
    settled = []
    for record in known:
        begun = by_pair[record.pair.id]
        intended = begun[-1].intended
        assert intended is not None
        changes = [(entry.side, change) for entry in begun for change in entry.modifications]
        now = {side: objects[side].get(record.pair.guid(side) or b"") for side in Side}
        agreed = agreed_after(intended, record.pair.agreed, changes, now)
        settled.append(replace(record, pair=replace(record.pair, agreed=agreed)))
    ended = []
    for entry in entries:
        obj = objects[entry.side].get(entry.guid)
        written = all(is_there(change, obj) for change in entry.modifications)
        ended.append(replace(entry, outcome=journal.WRITTEN) if written else entry)
    async with pool.acquire() as connection, connection.transaction():
        await records.save_pairs(connection, project.project, settled)
        await journal.end(connection, ended)
    structlog.get_logger("dirsync").info(
        "looked what came of writes that were cut short",
        project=project.project,
        writes=len(entries),
        written=sum(entry.outcome == journal.WRITTEN for entry in ended),
    )
