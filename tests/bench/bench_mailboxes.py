"""The first pass of many mailboxes beside what the servers allow, and a pass over a large mailbox that did not change.

What the servers allow is measured with the requests of the passes themselves: every ExportItems and UploadItems that
they sent is sent again, byte for byte, over as many connections, by a client that neither understands an answer nor
writes anything down. Both are done in turns, after a round in which the requests are recorded. The second comparison is
made as over a line: 20 ms there and back, and times for each call and item as published speeds of real servers suggest;
there the plainest exchangelib script takes the mailboxes one after the other.

    python -m tests.bench.bench_mailboxes [--only PART]…
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import mmap
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from tempfile import TemporaryFile
from typing import BinaryIO

from isthmus.accounts.v1.accounts_pb2 import Pair
from isthmus_events import Lease
from isthmus_exchange.body import Body
from isthmus_exchange.client import Client
from isthmus_exchange.line import Account, Answer, HttpsLine
from isthmus_exchange.operations import GetDistinguishedFolders
from isthmus_lab.organisation import ALPHA, BETA
from isthmus_mailbox.correspondents import Correspondents
from isthmus_mailbox.marks import Marks
from isthmus_mailbox.memory import Backlog
from isthmus_mailbox.proving import prove
from isthmus_mailbox.running import run_pass
from isthmus_service import Pool

from tests.bench.bench_mailbox import fill, new_pass, on_servers, script
from tests.bench.processors import WHO, Spent, meter
from tests.bench.report import Row
from tests.lab.copying import client
from tests.plugins.conditions import conditions
from tests.plugins.exchange import Exchanges, Person

_MAILBOXES = 20
_AT_ONCE = 10
"""Passes at a time: the default of a mailbox worker."""
_CONNECTIONS = 10
_ROUNDS, _FAR_ROUNDS = 3, 1
_SCRIPTED = 2
"""Of so many mailboxes the script is measured: it takes one after the other, so its speed is that of all."""
_SMALL, _LARGE = (5_000, 6_000), (100_000, 1_000)
_SMALL_FAR, _LARGE_FAR = (5_000, 3_000), (100_000, 1_000)
"""Bytes an item, items a mailbox; over a line things take their time."""
_MANY = (1_000, 100_000, 50)
"""Bytes an item, items, folders of the mailbox that does not change."""
_ALONE = "the same requests alone"
_LINE = {
    "round_trip_ms": 20,
    "call_ms": {"*": 5, "UploadItems": 15},
    "item_ms": {"ExportItems": 4, "UploadItems": 8, "*": 0.05},
}


class _Recording(HttpsLine):
    """Writes down the requests that carry content. They stay on disk, as memory that fills up would slow this down."""

    def __init__(self, account: Account, file: BinaryIO) -> None:
        super().__init__(account)
        self._file = file
        self._requests: list[tuple[str, int, int, Mapping[str, str]]] = []

    async def post(self, operation: str, request: Body, headers: Mapping[str, str], seconds: float) -> Answer:
        if operation in ("ExportItems", "UploadItems"):
            start = self._file.tell()
            self._file.write(bytes(request))
            self._requests.append((operation, start, self._file.tell(), headers))
        return await super().post(operation, request, headers, seconds)

    async def again(self, recorded: memoryview) -> None:
        """Send everything once more, in its order, over as many connections as the budget has."""
        waiting = iter(self._requests)

        async def send() -> None:
            for operation, start, end, headers in waiting:
                with recorded[start:end] as request:
                    answer = await super(_Recording, self).post(operation, Body(request), headers, 300)
                assert answer.status == 200, answer

        await asyncio.gather(*(send() for _ in range(_CONNECTIONS)))


@dataclass
class _Sum:
    """Of all rounds."""

    seconds: float = 0.0
    round_trips: int = 0
    spent: Spent = field(default_factory=Spent)

    async def timed(self, now: Callable[[], Spent], *work: Awaitable[object]) -> None:
        gc.collect()
        began, before = time.perf_counter(), now()
        await asyncio.gather(*work)
        self.spent.add(before, now())
        self.seconds += time.perf_counter() - began


@asynccontextmanager
async def _clients(exchanges: Exchanges, line: Callable[[Account], HttpsLine]) -> AsyncIterator[tuple[Client, Client]]:
    """One of each server, as a worker that just started has them."""
    made = []
    for exchange in (exchanges.alpha, exchanges.beta):
        user, password = exchange.service_account
        name = exchange.organisation.name
        account = Account(exchange.ews, user, password, name, exchange.tls())
        made.append(
            Client(
                exchange.ews,
                user,
                "",  # the line has it
                name=name,
                connections=_CONNECTIONS,
                answer_seconds=300,
                line=line(account),
            )
        )
    async with made[0], made[1]:
        yield made[0], made[1]


@contextmanager
def _in_memory(file: BinaryIO) -> Iterator[memoryview]:
    """A file where the process can read it at no cost."""
    file.flush()
    flags = mmap.MAP_SHARED | mmap.MAP_POPULATE
    with mmap.mmap(file.fileno(), 0, flags, mmap.PROT_READ) as whole, memoryview(whole) as view:
        yield view


async def _pass(pool: Pool, alpha: Client, beta: Client, pairs: Iterable[tuple[Person, Person]]) -> None:
    """The first pass of all mailboxes."""
    room, backlog = asyncio.Semaphore(_AT_ONCE), Backlog()

    async def one(source: Person, target: Person) -> None:
        async with room:
            made = await new_pass(pool, alpha.mailbox(source.smtp), beta.mailbox(target.smtp), target)
            made.backlog = backlog
            made.correspondents = _correspondents(pool, source, target)
            await run_pass(made)

    await asyncio.gather(*(one(*pair) for pair in pairs))


async def _passes(exchanges: Exchanges, pool: Pool, sources: Sequence[Person], rounds: int) -> tuple[_Sum, _Sum]:
    """First passes of all mailboxes, and the requests of one by themselves, in turns.

    That one is made before, so that nobody's time is that of writing requests down.
    """
    now = meter(exchanges)
    run, raw = _Sum(), _Sum()
    lines: list[_Recording] = []

    def recording(account: Account) -> HttpsLine:
        lines.append(_Recording(account, file))
        return lines[-1]

    with TemporaryFile() as file:
        async with _clients(exchanges, recording) as (alpha, beta):
            await _pass(pool, alpha, beta, zip(sources, await _empty(exchanges), strict=True))
            with _in_memory(file) as recorded:
                for _ in range(rounds):
                    pairs = list(zip(sources, await _empty(exchanges), strict=True))
                    async with _clients(exchanges, HttpsLine) as (alpha, beta):
                        await run.timed(now, _pass(pool, alpha, beta, pairs))
                        run.round_trips += alpha.counters.round_trips + beta.counters.round_trips
                    await raw.timed(now, *(line.again(recorded) for line in lines))
    return run, raw


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


async def _empty(exchanges: Exchanges) -> list[Person]:
    """People whose mailboxes hold nothing. They are there, though: a server makes one when it is first asked for it."""
    people = [exchanges.beta.hire(BETA.people_ou, f"target{number}") for number in range(_MAILBOXES)]
    async with client(exchanges.beta) as asking:
        for person in people:
            await asking.mailbox(person.smtp).call(GetDistinguishedFolders())
    return people


async def _near(exchanges: Exchanges, pool: Pool, size: int, count: int) -> list[Row]:
    """The figures of one kind of mailboxes, on servers that answer at once."""
    async with _filled(exchanges, size, count) as sources:
        run, raw = await _passes(exchanges, pool, sources, _ROUNDS)
    items = _ROUNDS * _MAILBOXES * count
    title = _title(size, count)
    rows = [
        Row(f"{title}: items a second", "1/s", items / run.seconds, _ALONE, items / raw.seconds),
        Row(f"{title}: round trips an item", "requests", run.round_trips / items, "aim", 0.1),
    ]
    for who in WHO:
        ours, theirs = (1000 * each.spent.seconds[who] / items for each in (run, raw))
        rows.append(Row(f"{title}: processor an item, {who}", "ms", ours, _ALONE, theirs))
    for what, shares in (
        ("idle", [each.spent.idle / each.spent.all for each in (run, raw)]),
        ("with others", [each.spent.others / each.spent.all for each in (run, raw)]),
    ):
        rows.append(Row(f"{title}: processors {what}", "%", 100 * shares[0], _ALONE, 100 * shares[1]))
    return rows


async def _far(exchanges: Exchanges, pool: Pool, size: int, count: int) -> list[Row]:
    """The same as over a line, beside the script."""
    async with _filled(exchanges, size, count) as sources:
        with conditions(exchanges.alpha, delay=_LINE), conditions(exchanges.beta, delay=_LINE):
            run, raw = await _passes(exchanges, pool, sources, _FAR_ROUNDS)
            scripts = [
                await asyncio.to_thread(script, exchanges, *pair)
                for pair in zip(sources[:_SCRIPTED], await _empty(exchanges), strict=False)
            ]
    items = _FAR_ROUNDS * _MAILBOXES * count
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
    "small-far": lambda exchanges, pool: _far(exchanges, pool, *_SMALL_FAR),
    "large-far": lambda exchanges, pool: _far(exchanges, pool, *_LARGE_FAR),
    "unchanged": _unchanged,
}


def run(parts: Iterable[str] = _PARTS) -> list[Row]:
    """Everything; takes about twenty-five minutes."""
    return [row for name in parts for row in on_servers(_PARTS[name])]


def main() -> None:
    from tests.bench.report import show

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=_PARTS, action="append", help="a part of it")
    show(run(parser.parse_args().only or _PARTS))


if __name__ == "__main__":
    main()
