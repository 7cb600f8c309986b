"""Pairs one of whose objects is gone.

What is deleted in the target with its original is isthmus_sync.directory.deletions' to say; whatever is not stays as it
is, and a person is told. What was deleted in the target is not made again. When the object comes back (reanimated, or
moved into the scope again), the pair goes on as if nothing had happened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from isthmus.accounts.v1.accounts_pb2 import Pair as PairMessage
from isthmus_directory import DirectoryObject, Forest, WriteRefused, delete
from isthmus_sync.directory import Side, follows

from isthmus_dirsync import journal, metrics, telling
from isthmus_dirsync.looking_again import Parted
from isthmus_dirsync.records import Record
from isthmus_dirsync.telling import News

if TYPE_CHECKING:
    from isthmus_project import Project
    from isthmus_service import Pool


def newly(parted: Sequence[Parted]) -> list[bytes]:
    """The pairs of those that are news: not known to be gone before."""
    return [
        each.record.pair.id
        for each in parted
        if not (each.record.source_gone if each.lost is Side.SOURCE else each.record.target_gone)
    ]


async def part(
    parted: Sequence[Parted], forests: Mapping[Side, Forest], project: Project, ordered_by: str, pool: Pool, news: News
) -> list[Record]:
    """Do what the policy says; returns the records as they then are."""
    result: list[Record] = []
    for each in parted:
        record, problem = each.record, _problem(each, project)
        if _follows(each, project) and each.target is not None:
            problem = await _delete(each.target, each, forests[Side.TARGET], project, ordered_by, pool)
            if not problem:
                news.wrote(record.pair.id, Side.TARGET, telling.DELETED, each.target.dn, ())
                metrics.writes.labels(project.target.name, "delete").inc()
        observed = record.observed
        if observed is not None:
            message = PairMessage.FromString(observed)
            if each.lost is Side.TARGET:
                message.ClearField("target")
            else:
                # Whoever uses the target is still to be found by every name; a pair that was never switched goes.
                message.removed = record.pair.active is Side.SOURCE
            observed = message.SerializeToString(deterministic=True)
            if observed != record.observed:
                news.observed[record.pair.id] = message
        result.append(
            replace(
                record,
                source_gone=each.lost is Side.SOURCE,
                target_gone=each.lost is Side.TARGET,
                unfinished=False,
                problem=problem,
                observed=observed,
            )
        )
    return result


def _follows(each: Parted, project: Project) -> bool:
    return (
        each.lost is Side.SOURCE
        and not each.record.pair.merged  # the target stands for others, too
        and follows(each.source, each.target, each.record.created, project)
    )


async def _delete(
    target: DirectoryObject, each: Parted, forest: Forest, project: Project, ordered_by: str, pool: Pool
) -> str:
    """Delete an object of the target; returns why not, empty when it is gone."""
    held = journal.everything_of(target, f"its original in {project.source.name} was deleted")
    entry = journal.Entry(each.record.pair.id, Side.TARGET, target.guid, target.dn, journal.DELETE, held, ordered_by)
    async with pool.acquire() as connection, connection.transaction():
        [entry] = await journal.begin(connection, project.project, [entry])
    problem = ""
    try:
        await delete(forest, target.guid, target.dn)
    except WriteRefused as error:
        problem = str(error)
    outcome = journal.REFUSED if problem else journal.WRITTEN
    async with pool.acquire() as connection, connection.transaction():
        await journal.end(connection, [replace(entry, outcome=outcome)])
    return problem


def _problem(each: Parted, project: Project) -> str:
    if each.lost is Side.TARGET:
        return f"{each.reason}; it is not made again: reanimate it there, or take its original out of the scope"
    if each.target is None:
        return ""
    return (
        f"in {project.source.name}: {each.reason}; {each.target.dn} in {project.target.name} is kept as it is, "
        "delete it there if nobody needs it"
    )
