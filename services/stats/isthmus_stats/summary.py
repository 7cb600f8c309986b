"""Totals: of everything, and of each collection."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from .forecast import WINDOW, Forecast, forecast
from .record import STATUSES
from .throughput import FINE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from .pressure import Limited
    from .record import Mailbox
    from .throughput import Throughput


@dataclass(frozen=True, slots=True)
class ProjectView:
    """What the portal may know of the project file: names, nothing that opens a door."""

    name: str
    revision: int
    source: str
    target: str
    # Name and way of switching of each collection, in the order of their priority.
    collections: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class DirectoryView:
    """How directory synchronisation stands; counts are pairs of objects."""

    state: str = ""
    pairs: int = 0
    matched: int = 0
    created: int = 0
    ambiguous: int = 0
    errors: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Totals:
    """A set of mailboxes added up. ``statuses`` has every status, also those that nobody is in."""

    mailboxes: int
    statuses: dict[str, int]
    # Whatever their status is now: one may be paused since.
    switched: int
    attention: int
    items_total: int
    items_done: int
    items_set_aside: int
    bytes_done: int
    not_counted: int

    @property
    def items_expected(self) -> float:
        """The items that are counted, and as many as these have on average for each mailbox that is not."""
        counted = self.mailboxes - self.not_counted
        return self.items_total * self.mailboxes / counted if counted else 0.0

    @property
    def percent(self) -> float:
        """Of the expected items; 100 only when all are done."""
        if self.items_done >= self.items_expected:
            return 100.0 if self.mailboxes and not self.not_counted else 0.0
        return min(99.9, int(1000 * self.items_done / self.items_expected) / 10)


@dataclass(frozen=True, slots=True)
class CollectionTotals:
    name: str
    # "manual" or "when-in-step"; empty for a collection that the project no longer has.
    switch: str
    totals: Totals


@dataclass(frozen=True, slots=True)
class Summary:
    """Everything at one moment; ``at`` is in seconds since 1970, rates are per second."""

    at: float
    project: ProjectView | None
    directory: DirectoryView | None
    totals: Totals
    collections: list[CollectionTotals]
    items_rate: float
    bytes_rate: float
    forecast: Forecast
    # Mailboxes that no collection names any more; they are in no total.
    left: int
    # Items and bytes of each of the last buckets, oldest first: start, items, bytes.
    recent: Sequence[tuple[int, float, float]]
    # What holds workers up, that of the most workers first; empty when nothing does.
    limited_by: Sequence[Limited] = ()

    def to_json(self) -> dict[str, Any]:
        """The shape of /api/v1/summary."""
        return {
            "at": self.at,
            "project": asdict(self.project) if self.project else None,
            "directory": asdict(self.directory) if self.directory else None,
            **_totals_json(self.totals),
            "items_per_second": round(self.items_rate, 2),
            "bytes_per_second": round(self.bytes_rate),
            "forecast": asdict(self.forecast),
            "left": self.left,
            "limited_by": [one.to_json() for one in self.limited_by],
            "collections": [
                {"name": one.name, "switch": one.switch, **_totals_json(one.totals)} for one in self.collections
            ],
        }


def _totals_json(totals: Totals) -> dict[str, Any]:
    return {
        "mailboxes": totals.mailboxes,
        "by_status": totals.statuses,
        "switched": totals.switched,
        "attention": totals.attention,
        "items": {"total": totals.items_total, "done": totals.items_done, "set_aside": totals.items_set_aside},
        "bytes_done": totals.bytes_done,
        "percent": totals.percent,
        "not_counted": totals.not_counted,
    }


def add_up(mailboxes: Iterable[Mailbox]) -> Totals:
    mailboxes = list(mailboxes)
    statuses = Counter(mailbox.status for mailbox in mailboxes)
    return Totals(
        mailboxes=len(mailboxes),
        statuses={status: statuses[status] for status in STATUSES},
        switched=sum(mailbox.switched for mailbox in mailboxes),
        attention=sum(mailbox.needs_attention for mailbox in mailboxes),
        items_total=sum(mailbox.items_total for mailbox in mailboxes),
        items_done=sum(min(mailbox.items_done, mailbox.items_total) for mailbox in mailboxes),
        items_set_aside=sum(mailbox.items_set_aside for mailbox in mailboxes),
        bytes_done=sum(mailbox.bytes_done for mailbox in mailboxes),
        not_counted=sum(not mailbox.counted for mailbox in mailboxes),
    )


def summarise(
    mailboxes: Collection[Mailbox],
    project: ProjectView | None,
    directory: DirectoryView | None,
    throughput: Throughput,
    now: float,
    limited_by: Sequence[Limited] = (),
) -> Summary:
    shown = [mailbox for mailbox in mailboxes if mailbox.shown]
    of_collection: dict[str, list[Mailbox]] = {name: [] for name, _ in (project.collections if project else [])}
    for mailbox in shown:
        of_collection.setdefault(mailbox.collection, []).append(mailbox)
    switches = dict(project.collections) if project else {}
    recent = throughput.series(FINE, now - WINDOW, now)
    items_rate, bytes_rate = throughput.rate(now)
    return Summary(
        at=now,
        project=project,
        directory=directory,
        totals=add_up(shown),
        collections=[
            CollectionTotals(name, switches.get(name, ""), add_up(members)) for name, members in of_collection.items()
        ],
        items_rate=items_rate,
        bytes_rate=bytes_rate,
        forecast=forecast(shown, recent),
        left=sum(mailbox.left for mailbox in mailboxes),
        recent=recent,
        limited_by=limited_by,
    )
