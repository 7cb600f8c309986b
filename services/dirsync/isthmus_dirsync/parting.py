"""Pairs one of whose objects is gone.

Nothing of value is deleted because something disappeared elsewhere: a mailbox, an account and whatever was in the
target before us stays, and a person is told. Groups and contacts that we made follow their originals. What was
deleted in the target is not made again. When the object comes back (reanimated, or moved into the scope again), the
pair goes on as if nothing had happened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from isthmus.accounts.v1.accounts_pb2 import Pair as PairMessage
from isthmus_directory import Forest, WriteRefused, delete
from isthmus_sync.directory import Kind, Side

from isthmus_dirsync import metrics, telling
from isthmus_dirsync.looking_again import Parted
from isthmus_dirsync.records import Record
from isthmus_dirsync.telling import News

if TYPE_CHECKING:
    from isthmus_project import Project


def to_delete(parted: Sequence[Parted]) -> list[Parted]:
    """Those whose object in the target follows: groups and contacts we made, whose original was deleted."""
    return [each for each in parted if _follows(each)]


async def part(parted: Sequence[Parted], forests: Mapping[Side, Forest], project: Project, news: News) -> list[Record]:
    """Do what the policy says; returns the records as they then are."""
    result: list[Record] = []
    for each in parted:
        record, problem = each.record, _problem(each, project)
        if _follows(each) and each.target is not None:
            try:
                await delete(forests[Side.TARGET], each.target.guid, each.target.dn)
            except WriteRefused as error:
                problem = str(error)
            else:
                problem = ""
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


def _follows(each: Parted) -> bool:
    return (
        each.lost is Side.SOURCE
        and each.source is None
        and each.target is not None
        and each.record.created
        and each.target.kind in (Kind.GROUP, Kind.CONTACT)
    )


def _problem(each: Parted, project: Project) -> str:
    if each.lost is Side.TARGET:
        return f"{each.reason}; it is not made again: reanimate it there, or take its original out of the scope"
    if each.target is None:
        return ""
    return (
        f"in {project.source.name}: {each.reason}; {each.target.dn} in {project.target.name} is kept as it is, "
        "delete it there if nobody needs it"
    )
