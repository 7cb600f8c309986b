"""Holds the clients of a process to what the project allows at this hour, and says what is limiting them.

Whoever makes requests calls `hold` with the limits in force and `look` about once a second. Nothing restarts when the
project changes: the next call holds to what it says then.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from isthmus_project import ExchangeServer, LineLimits

from . import metrics
from .bandwidth import Bandwidth
from .budget import Budget
from .client import Client
from .limiting import Limit, On, Spent, Verdict, add_up, limiting

_WINDOW = 10
"""Looks that a verdict is about."""


@dataclass(frozen=True)
class Governed:
    """A client, on which side it is, and what the project says of its server."""

    side: Limit
    client: Client
    server: ExchangeServer


@dataclass(frozen=True)
class Limited:
    """A verdict in words for people. `until` is when it ends, where that is known."""

    verdict: Verdict
    organisation: str
    words: str
    until: datetime | None = None


class Governor:
    """For one process. `line` is what all its clients share."""

    def __init__(self, line: Bandwidth) -> None:
        self._line = line
        self._governed: Sequence[Governed] = ()
        self._seen: dict[tuple[str, On], float] = {}
        self._looked, self._processor = time.monotonic(), time.process_time()
        self._looks: deque[Spent] = deque(maxlen=_WINDOW)

    async def hold(
        self, governed: Sequence[Governed], lines: Sequence[LineLimits], share: float, now: datetime
    ) -> None:
        """Hold these clients to their servers' limits, and their line to the lowest of `lines`.

        `share` is how much of all work this process has, above 0 and at most 1: limits are for all processes together.
        """
        self._governed = governed
        _allow(self._line, "line", min((rate for line in lines if (rate := line.rate(now))), default=None), share)
        for each in governed:
            limits, most = each.server.limits, each.server.connections
            _allow(each.client.bandwidth, each.client.name, limits.rate(now), share)
            await each.client.budget.hold(most, limits.at_once(most, now, share))
            metrics.LIMIT.labels(each.client.name).set(each.client.budget.room)

    def look(self, *, behind: bool, closed: str = "", opens: datetime | None = None) -> Limited:
        """What limited the clients in the last seconds. `behind`: there is more to do than to keep up with what
        happens. `closed` says what work waits for its hour, if any does; `opens` is when that comes, where it is known.
        """
        now, processor = time.monotonic(), time.process_time()
        on: dict[tuple[Limit, On], float] = {}
        for side, name, spent_on, total in self._spent():
            more = max(0.0, total - self._seen.get((name, spent_on), 0.0))
            self._seen[name, spent_on] = total
            label = why(self._client(side, name).budget) if spent_on is On.CONNECTIONS else spent_on
            metrics.SPENT.labels(name, label.value).inc(more)
            on[side, label] = on.get((side, label), 0.0) + more
        seconds = now - self._looked
        self._looks.append(Spent(seconds, processor - self._processor, on, seconds if behind else 0.0))
        self._looked, self._processor = now, processor
        verdict = limiting(add_up(self._looks))
        if closed and verdict.limit is Limit.NOTHING:
            verdict = Verdict(Limit.CLOSED_HOURS)
        for limit in Limit:
            metrics.LIMITED.labels(limit.value).set(limit is verdict.limit)
        found = Limited(verdict, "", closed, opens) if verdict.limit is Limit.CLOSED_HOURS else self._said(verdict)
        metrics.LIMITED_UNTIL.set(found.until.timestamp() if found.until else 0)
        return found

    def _spent(self) -> Iterator[tuple[Limit, str, On, float]]:
        """Side, name, on what, and how many seconds since this process began."""
        yield Limit.BANDWIDTH, "line", On.BANDWIDTH, self._line.waiting.seconds
        for each in self._governed:
            name = each.client.name
            yield each.side, name, On.BANDWIDTH, each.client.bandwidth.waiting.seconds
            yield each.side, name, On.CONNECTIONS, each.client.budget.waiting.seconds
            yield each.side, name, On.ANSWERS, each.client.answering.seconds

    def _client(self, side: Limit, name: str) -> Client:
        return next(each.client for each in self._governed if each.side is side and each.client.name == name)

    def _said(self, verdict: Verdict) -> Limited:
        each = next((each for each in self._governed if each.side is verdict.side), None)
        if each is None or verdict.on is None:
            return Limited(verdict, "", _ALONE.get(verdict.limit, ""))
        client, limits = each.client, each.server.limits
        budget, until = client.budget, None
        match verdict.on:
            case On.BACK_OFF:
                until = datetime.fromtimestamp(round(time.time() + budget.rest), UTC) if budget.rest else None
                words = f"{client.name} is busy ({budget.busy_code}) and asks for a rest"
            case On.BUSY:
                reason = f"it was busy before ({budget.busy_code})" if budget.busy_code else "more is being tried"
                words = f"{client.name} is asked less than it might be at the same time: {reason}"
            case On.CROWD:
                content = f"{int(budget.content_limit)} requests with content at a time"
                words = f"{client.name}: {content}, as far as small ones stay fast"
            case On.CONNECTIONS:
                words = f"{client.name}: all of its {budget.most} connections are in use"
            case On.BUSINESS_HOURS:
                words = f"{client.name}: {budget.held_to} of {budget.most} connections in business hours"
            case On.BANDWIDTH:
                rate = rated(limits.rate(datetime.now(UTC)))
                words = f"{client.name}: its line is held to {rate}"
            case On.ANSWERS:
                words = f"{client.name}: its answers take the time"
        return Limited(verdict, client.name, words, until)


def why(budget: Budget) -> On:
    """Why requests wait for a turn in a server's budget at this moment."""
    if budget.rest:
        return On.BACK_OFF
    if budget.running < budget.room and budget.content_limit < budget.room:
        return On.CROWD
    if budget.room < budget.held_to:
        return On.BUSY
    return On.BUSINESS_HOURS if budget.held_to < budget.most else On.CONNECTIONS


_ALONE: Mapping[Limit, str] = {
    Limit.BANDWIDTH: "the line to both organisations is held to what the project says",
    Limit.PROCESSOR: "this worker uses a whole processor: start more workers",
    Limit.NOTHING: "",
}


def rated(rate: float | None) -> str:
    """A rate for people."""
    if rate is None:
        return "as much as it takes"
    return f"{rate / 1e6:g} MB/s" if rate >= 1e6 else f"{rate / 1e3:g} kB/s"


def _allow(bandwidth: Bandwidth, name: str, rate: int | None, share: float) -> None:
    bandwidth.allow(None if rate is None else rate * share)
    metrics.BANDWIDTH.labels(name).set(-1 if bandwidth.rate is None else bandwidth.rate)
