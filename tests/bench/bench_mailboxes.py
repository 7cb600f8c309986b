"""The first pass of many mailboxes beside what the servers allow, and a pass over a large mailbox that did not change.

What the servers allow is measured with the requests of the passes themselves: every ExportItems and UploadItems that
they sent is sent again, byte for byte, over as many connections, by a client that neither understands an answer nor
writes anything down. The second comparison is made as over a line: 20 ms there and back, and times for
each call and item as published speeds of real servers suggest; there the plainest exchangelib script takes the
mailboxes one after the other.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence

from isthmus_exchange.body import Body
from isthmus_exchange.client import Client
from isthmus_exchange.line import Account, Answer, HttpsLine
from isthmus_lab.organisation import ALPHA, BETA
from isthmus_mailbox.marks import Marks
from isthmus_mailbox.proving import prove
from isthmus_mailbox.running import run_pass
from isthmus_service import Pool

from tests.bench.bench_mailbox import Run, fill, new_pass, on_servers, script
from tests.bench.report import Row
from tests.lab.copying import client
from tests.plugins.conditions import conditions
from tests.plugins.exchange import Exchange, Exchanges, Person

_MAILBOXES = 20
_AT_ONCE = 8
"""Passes at a time: the default of a mailbox worker."""
_CONNECTIONS = 10
_SCRIPTED = 2
"""Of so many mailboxes the script is measured: it takes one after the other, so its speed is that of all."""
_SCENARIOS = ((5_000, 1_000), (100_000, 400))
"""Bytes an item, items a mailbox."""
_LARGE = (1_000, 100_000, 50)
"""Bytes an item, items, folders."""
_LINE = {
    "round_trip_ms": 20,
    "call_ms": {"*": 5, "UploadItems": 15},
    "item_ms": {"ExportItems": 4, "UploadItems": 8, "*": 0.05},
}


class _Recording(HttpsLine):
    """Remembers the requests that carry content."""

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self.requests: list[tuple[str, Body, Mapping[str, str]]] = []

    async def post(self, operation: str, request: Body, headers: Mapping[str, str], seconds: float) -> Answer:
        if operation in ("ExportItems", "UploadItems"):
            self.requests.append((operation, request, headers))
        return await super().post(operation, request, headers, seconds)

    async def again(self) -> None:
        """Send everything once more, in its order, over as many connections as the budget has."""
        waiting = iter(self.requests)

        async def send() -> None:
            for operation, request, headers in waiting:
                answer = await super(_Recording, self).post(operation, request, headers, 300)
                assert answer.status == 200, answer

        await asyncio.gather(*(send() for _ in range(_CONNECTIONS)))


def _recorded(exchange: Exchange) -> tuple[Client, _Recording]:
    user, password = exchange.service_account
    line = _Recording(Account(exchange.ews, user, password, exchange.organisation.name, exchange.tls()))
    name = exchange.organisation.name
    client = Client(exchange.ews, user, "", name=name, connections=_CONNECTIONS, answer_seconds=300, line=line)
    return client, line


async def _passes(exchanges: Exchanges, pool: Pool, pairs: Sequence[tuple[Person, Person]]) -> tuple[Run, float]:
    """The first pass of all mailboxes, and the seconds that its requests take by themselves."""
    alpha, exports = _recorded(exchanges.alpha)
    beta, uploads = _recorded(exchanges.beta)
    room = asyncio.Semaphore(_AT_ONCE)

    async def one(source: Person, target: Person) -> None:
        async with room:
            await run_pass(await new_pass(pool, alpha.mailbox(source.smtp), beta.mailbox(target.smtp), target))

    async with alpha, beta:
        began, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(one(*pair) for pair in pairs))
        run = Run(
            time.perf_counter() - began,
            time.process_time() - cpu,
            alpha.counters.round_trips + beta.counters.round_trips,
        )
        began = time.perf_counter()
        await asyncio.gather(exports.again(), uploads.again())
        return run, time.perf_counter() - began


async def _many(exchanges: Exchanges, pool: Pool, size: int, count: int) -> list[Row]:
    """The figures of one kind of mailboxes."""
    sources = [exchanges.alpha.hire(ALPHA.people_ou, f"source{number}") for number in range(_MAILBOXES)]
    async with client(exchanges.alpha, answer_seconds=300) as filling:
        for source in sources:
            await fill(filling.mailbox(source.smtp), size, count)

    def targets() -> list[Person]:
        return [exchanges.beta.hire(BETA.people_ou, f"target{number}") for number in range(_MAILBOXES)]

    items = _MAILBOXES * count
    title = f"{_MAILBOXES} mailboxes of {count} items of {size // 1000} kB"
    run, raw = await _passes(exchanges, pool, list(zip(sources, targets(), strict=True)))
    rows = [
        Row(f"{title}: items a second", "1/s", items / run.seconds, "the same requests alone", items / raw),
        Row(f"{title}: round trips an item", "requests", run.round_trips / items, "aim", 0.1),
        Row(
            f"{title}: client CPU an item", "ms", 1000 * run.cpu_seconds / items, "the pass", 1000 * run.seconds / items
        ),
    ]
    with conditions(exchanges.alpha, delay=_LINE), conditions(exchanges.beta, delay=_LINE):
        far, allowed = await _passes(exchanges, pool, list(zip(sources, targets(), strict=True)))
        scripts = [
            await asyncio.to_thread(script, exchanges, *pair)
            for pair in zip(sources[:_SCRIPTED], targets(), strict=False)
        ]
    theirs = _SCRIPTED * count / sum(each.seconds for each in scripts)
    title += ", as over a line"
    return [
        *rows,
        Row(f"{title}: items a second", "1/s", items / far.seconds, "exchangelib script", theirs),
        Row(f"{title}: the same", "1/s", items / far.seconds, "the same requests alone", items / allowed),
    ]


async def _unchanged(exchanges: Exchanges, pool: Pool) -> list[Row]:
    """A pass over a large mailbox in which nothing happened since the last one."""
    size, count, folders = _LARGE
    source, target = (
        exchanges.alpha.hire(ALPHA.people_ou, "large"),
        exchanges.beta.hire(BETA.people_ou, "large"),
    )
    async with client(exchanges.alpha, answer_seconds=300) as alpha, client(exchanges.beta, answer_seconds=300) as beta:
        from_side, to_side = alpha.mailbox(source.smtp), beta.mailbox(target.smtp)
        await fill(from_side, size, count, folders)
        began = time.perf_counter()
        await run_pass(await new_pass(pool, from_side, to_side, target))
        first = time.perf_counter() - began
        rows = []
        # What a worker knows that just started, and what it knows later on.
        marks = Marks()
        for which in ("every folder asked", "with marks"):
            asked = from_side.round_trips + to_side.round_trips
            made = await new_pass(pool, from_side, to_side, target)
            made.marks = marks
            began = time.perf_counter()
            await run_pass(made)
            seconds = time.perf_counter() - began
            asked = from_side.round_trips + to_side.round_trips - asked
            title = f"unchanged mailbox of {count} items in {folders} folders, {which}"
            rows += [
                Row(f"{title}: seconds", "s", seconds, "the first pass", first),
                Row(f"{title}: requests", "requests", asked, "folders", folders),
            ]
        proof = await prove(await new_pass(pool, from_side, to_side, target))
        assert proof.equal and not proof.surplus, proof
    return rows


async def _everything(exchanges: Exchanges, pool: Pool) -> list[Row]:
    rows = []
    for size, count in _SCENARIOS:
        rows += await _many(exchanges, pool, size, count)
    return rows + await _unchanged(exchanges, pool)


def run() -> list[Row]:
    """Everything; takes about eight minutes."""
    return on_servers(_everything)


if __name__ == "__main__":
    from tests.bench.report import show

    show(run())
