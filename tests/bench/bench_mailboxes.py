"""The first pass of many mailboxes beside what the servers allow, and a pass over a large mailbox that did not change.

What the servers allow is measured with the requests of the passes themselves: every ExportItems and UploadItems that
they sent is sent again, byte for byte, over as many connections, by a client that neither understands an answer nor
writes anything down. The second comparison is made as over a line: 20 ms there and back, and times for
each call and item as published speeds of real servers suggest; there the plainest exchangelib script takes the
mailboxes one after the other.

    python -m tests.bench.bench_mailboxes [--only PART]…
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager

from isthmus.accounts.v1.accounts_pb2 import Pair
from isthmus_events import Lease
from isthmus_exchange.body import Body
from isthmus_exchange.client import Client
from isthmus_exchange.line import Account, Answer, HttpsLine
from isthmus_lab.organisation import ALPHA, BETA
from isthmus_mailbox.correspondents import Correspondents
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
_SMALL, _LARGE = (5_000, 1_000), (100_000, 400)
"""Bytes an item, items a mailbox."""
_MANY = (1_000, 100_000, 50)
"""Bytes an item, items, folders of the mailbox that does not change."""
_ALONE = "the same requests alone"
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


async def _passes(exchanges: Exchanges, pool: Pool, pairs: Sequence[tuple[Person, Person]]) -> tuple[Run, Run]:
    """The first pass of all mailboxes, and its requests by themselves."""
    alpha, exports = _recorded(exchanges.alpha)
    beta, uploads = _recorded(exchanges.beta)
    room = asyncio.Semaphore(_AT_ONCE)

    async def one(source: Person, target: Person) -> None:
        async with room:
            made = await new_pass(pool, alpha.mailbox(source.smtp), beta.mailbox(target.smtp), target)
            made.correspondents = _correspondents(pool, source, target)
            await run_pass(made)

    async def timed(work: Awaitable[object]) -> Run:
        gc.collect()
        began, cpu = time.perf_counter(), time.process_time()
        await work
        seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu
        return Run(seconds, cpu_seconds, alpha.counters.round_trips + beta.counters.round_trips)

    async with alpha, beta:
        return (
            await timed(asyncio.gather(*(one(*pair) for pair in pairs))),
            await timed(asyncio.gather(exports.again(), uploads.again())),
        )


def _correspondents(pool: Pool, source: Person, target: Person) -> Correspondents:
    """As a worker has them: who stands in the items is told of."""
    pair = Pair(id=target.mailbox.bytes)
    pair.source.smtp_addresses.append(source.smtp)
    pair.target.smtp_addresses.append(target.smtp)
    return Correspondents(pool, Lease("mailbox", 0, 1), "bench", pair)


@asynccontextmanager
async def _filled(exchanges: Exchanges, size: int, count: int) -> AsyncIterator[list[Person]]:
    """People with mailboxes of this kind."""
    people = [exchanges.alpha.hire(ALPHA.people_ou, f"source{number}") for number in range(_MAILBOXES)]
    async with client(exchanges.alpha, answer_seconds=300) as filling:
        for person in people:
            await fill(filling.mailbox(person.smtp), size, count)
    yield people


def _empty(exchanges: Exchanges) -> list[Person]:
    return [exchanges.beta.hire(BETA.people_ou, f"target{number}") for number in range(_MAILBOXES)]


async def _near(exchanges: Exchanges, pool: Pool, size: int, count: int) -> list[Row]:
    """The figures of one kind of mailboxes, on servers that answer at once."""
    async with _filled(exchanges, size, count) as sources:
        run, raw = await _passes(exchanges, pool, list(zip(sources, _empty(exchanges), strict=True)))
    items = _MAILBOXES * count
    title = _title(size, count)
    return [
        Row(f"{title}: items a second", "1/s", items / run.seconds, _ALONE, items / raw.seconds),
        Row(f"{title}: round trips an item", "requests", run.round_trips / items, "aim", 0.1),
        Row(
            f"{title}: client CPU an item",
            "ms",
            1000 * run.cpu_seconds / items,
            _ALONE,
            1000 * raw.cpu_seconds / items,
        ),
    ]


async def _far(exchanges: Exchanges, pool: Pool, size: int, count: int) -> list[Row]:
    """The same as over a line, beside the script."""
    async with _filled(exchanges, size, count) as sources:
        with conditions(exchanges.alpha, delay=_LINE), conditions(exchanges.beta, delay=_LINE):
            run, raw = await _passes(exchanges, pool, list(zip(sources, _empty(exchanges), strict=True)))
            scripts = [
                await asyncio.to_thread(script, exchanges, *pair)
                for pair in zip(sources[:_SCRIPTED], _empty(exchanges), strict=False)
            ]
    items = _MAILBOXES * count
    theirs = _SCRIPTED * count / sum(each.seconds for each in scripts)
    title = f"{_title(size, count)}, as over a line"
    return [
        Row(f"{title}: items a second", "1/s", items / run.seconds, "exchangelib script", theirs),
        Row(f"{title}: the same", "1/s", items / run.seconds, _ALONE, items / raw.seconds),
    ]


def _title(size: int, count: int) -> str:
    return f"{_MAILBOXES} mailboxes of {count} items of {size // 1000} kB"


async def _unchanged(exchanges: Exchanges, pool: Pool) -> list[Row]:
    """A pass over a large mailbox in which nothing happened since the last one."""
    size, count, folders = _MANY
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
                Row(f"{title}: requests", "requests", asked, "its folders", len(await made.folders())),
            ]
        proof = await prove(await new_pass(pool, from_side, to_side, target))
        assert proof.equal and not proof.surplus, proof
    return rows


_PARTS: dict[str, Callable[[Exchanges, Pool], Awaitable[list[Row]]]] = {
    "small": lambda exchanges, pool: _near(exchanges, pool, *_SMALL),
    "large": lambda exchanges, pool: _near(exchanges, pool, *_LARGE),
    "small-far": lambda exchanges, pool: _far(exchanges, pool, *_SMALL),
    "large-far": lambda exchanges, pool: _far(exchanges, pool, *_LARGE),
    "unchanged": _unchanged,
}


def run(parts: Iterable[str] = _PARTS) -> list[Row]:
    """Everything; takes about ten minutes."""
    return [row for name in parts for row in on_servers(_PARTS[name])]


def main() -> None:
    from tests.bench.report import show

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=_PARTS, action="append", help="a part of it")
    show(run(parser.parse_args().only or _PARTS))


if __name__ == "__main__":
    main()
