"""Whether the mailboxes of a collection may be worked on at a moment, and if not, why and until when.

The hours of four have a say: the servers of both organisations, the project's schedule, and the collection's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from .model import Collection, Project
from .schedule import edges

_LOOK_AHEAD = timedelta(days=8)
"""Beyond a week everything repeats, but for a change of the clocks."""
_CLOCKS_CHANGE = timedelta(minutes=30)
"""Clocks change at whole or half hours of UTC; hours of the week may begin then that begin at no clock's time."""


def closed(project: Project, collection: Collection, now: datetime, *, ordered: bool) -> str:
    """Why its mailboxes are not worked on at `now`, in words; empty when they are.

    `ordered`: somebody asked for it (a switch, a retry), so only blackout hours stand in the way.
    """
    for organisation in (project.source, project.target):
        if organisation.exchange.limits.closed(now):
            return f"blackout hours of the servers of {organisation.name}"
    whole = project.mailbox.schedule.closed(now, ordered=ordered)
    return whole or collection.schedule.closed(now, ordered=ordered)


def opens(project: Project, collection: Collection, now: datetime, *, ordered: bool) -> datetime | None:
    """The first moment from `now` on, in UTC, at which they may be worked on; None when that is never."""
    firsts = [each.first for each in (project.mailbox.schedule, collection.schedule) if each.first and not ordered]
    begin = max([now, *firsts]).astimezone(UTC)
    moments = _moments(project, collection, begin)
    return next((each for each in moments if not closed(project, collection, each, ordered=ordered)), None)


def _moments(project: Project, collection: Collection, begin: datetime) -> Iterator[datetime]:
    """`begin`, and the moments of the next days at which something may begin or end."""
    yield begin
    end = begin + _LOOK_AHEAD
    moments = {begin.replace(minute=0, second=0, microsecond=0) + count * _CLOCKS_CHANGE for count in range(2 * 24 * 8)}
    for organisation in (project.source, project.target):
        limits = organisation.exchange.limits
        moments.update(edges(limits.blackout, limits.time_zone, begin))
    for schedule in (project.mailbox.schedule, collection.schedule):
        moments.update(edges([*schedule.windows, *schedule.blackout], schedule.time_zone, begin))
    yield from sorted(each for each in moments if begin < each <= end)
