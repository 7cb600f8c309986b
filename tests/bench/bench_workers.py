"""Workers as processes: what one new mail waits for while others are copied, and many mailboxes with workers that die.

    python -m tests.bench.bench_workers [--mailboxes 1000] [--items 20] [--workers 3] [--seed 1] [--minutes 90]

What it does now goes to stderr.

Everything is real and on this machine: Kafka, PostgreSQL, both Exchange servers and the workers share its processors,
so these figures are about order, balance and patience rather than about speed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import statistics
import sys
import tempfile
import time
import urllib.request
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
from isthmus.events.v1.mailbox_pb2 import MAILBOX_ORDER_PASS_AND_PROVE
from isthmus_cli.runner import kafka, postgres
from isthmus_cli.runner.ports import free_ports
from isthmus_events.topics import ACCOUNT_PAIRS
from isthmus_lab.organisation import ALPHA, BETA
from isthmus_lab.program import running
from prometheus_client.parser import text_string_to_metric_families

from tests.bench.bench_mailbox import fill, organisations
from tests.bench.report import Row
from tests.lab.copying import contents, listing, put, role, stream
from tests.lab.mailbox_system import PROGRAM, MailboxSystem, Mover, mailbox_system
from tests.plugins.exchange import Office
from tests.plugins.forests import Units
from tests.processes import Process
from tests.waiting import eventually

_MAILBOXES, _ITEMS, _WORKERS = 60, 20, 3
_BUSY_WITH, _BUSY_ITEMS, _MAILS = 100, 150, 20
"""While so many mailboxes of so many items of 5 kB are copied, mails arrive in another one; so many before."""
_SIZE = 5_000
_HIRING, _LOOKING, _ASKING = 8, 16, 32
_URGENT, _USUAL = "Urgent", "Usual"
_COLLECTIONS = (
    {"name": _URGENT, "priority": 1, "mailboxes": ["urgent@alpha.example"]},
    {"name": _USUAL, "priority": 5, "mailboxes": ["usual@alpha.example"]},
)
_VISIBLE_SECONDS = 2.0
_PEACE_SECONDS = (15.0, 30.0)
"""Between one worker that dies or joins and the next."""
_MINUTES = 90.0
_SAY_SECONDS = 15.0


def _say_how_far(words: str) -> None:
    print(time.strftime("%H:%M:%S"), words, file=sys.stderr, flush=True)


@asynccontextmanager
async def whole_system(**settings: Any) -> AsyncIterator[tuple[MailboxSystem, Path, str]]:
    """Everything but workers; also a folder, and the URL of their database. `settings`: of both Exchange servers."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="isthmus-bench-")))
        folder.chmod(0o755)  # noqa: ASYNC240 - PostgreSQL runs as a user of its own
        exchanges = stack.enter_context(organisations(folder, **settings))
        port, controller, database = free_ports(3)
        stack.enter_context(
            running(
                kafka.prepare(folder / "kafka", port, controller),
                postgres.prepare(folder / "postgres", database),
                log_folder=folder,
            )
        )
        url = postgres.url(folder / "postgres", database)
        office = Office(exchanges, Units(ALPHA.people_ou, BETA.people_ou))
        system = await stack.enter_async_context(mailbox_system(office, f"127.0.0.1:{port}", url, folder))
        system.document["mailbox"] = {}  # as it is unless somebody sets it
        await system.apply(*_COLLECTIONS)
        yield system, folder, url


class _Worker(Process):
    """A worker, and what it said of itself."""

    def __init__(self, system: MailboxSystem, folder: Path, number: int) -> None:
        [self.port] = free_ports(1)
        settings = {**system.settings, "ISTHMUS_HTTP_PORT": str(self.port), "ISTHMUS_ANSWER_SECONDS": "100"}
        super().__init__((PROGRAM,), folder / f"worker-{number}.log", settings)
        self.items = 0.0
        """Copied since it was last started."""

    def look(self) -> float | None:
        """Items copied since the last look; None when it does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as answer:
                families = list(text_string_to_metric_families(answer.read().decode()))
        except OSError:
            return None
        copied = sum(
            sample.value
            for family in families
            for sample in family.samples
            if sample.name == "isthmus_mailbox_items_total" and sample.labels["outcome"] == "added"
        )
        since, self.items = max(0.0, copied - self.items), copied
        return since


async def _hire(system: MailboxSystem, count: int, items: int) -> list[Mover]:
    """People with filled mailboxes, of whom no worker has heard yet."""
    room = asyncio.Semaphore(_HIRING)

    async def one(number: int) -> Mover:
        async with room:
            mover = await asyncio.to_thread(system.hire, f"m{number}")
            await fill(mover.alpha, _SIZE, items)
            if number % 100 == 0:
                _say_how_far(f"{number} of {count} mailboxes are filled")
            return mover

    return list(await asyncio.gather(*(one(number) for number in range(count))))


async def _say(system: MailboxSystem, movers: Sequence[Mover], collection: str) -> None:
    room = asyncio.Semaphore(_ASKING)

    async def one(mover: Mover) -> None:
        async with room:
            await system.say(ACCOUNT_PAIRS, mover.id, mover.pair(collection=collection))

    await asyncio.gather(*(one(mover) for mover in movers))


# --- one new mail ---------------------------------------------------------------------------------------------------


async def _mails(mover: Mover, wanted: Callable[[], bool]) -> list[float]:
    """Seconds until each of a row of new mails is on the other side, while they are wanted."""
    waits: list[float] = []
    here, there = await role(mover.alpha, "inbox"), await role(mover.beta, "inbox")
    while wanted():
        before = len(await listing(mover.beta, there))
        await put(mover.alpha, here, stream(f"News {len(waits)}", size=_SIZE))
        began = time.perf_counter()

        async def arrived(before: int = before) -> bool:
            return len(await listing(mover.beta, there)) > before

        await eventually(arrived, 900)
        waits.append(time.perf_counter() - began)
        await asyncio.sleep(random.uniform(0.2, 1.5))
    return waits


async def _latency() -> list[Row]:
    async with whole_system() as (system, folder, _):
        others = await _hire(system, _BUSY_WITH, _BUSY_ITEMS)
        [reader] = await _hire(system, 1, 20)
        worker = _Worker(system, folder, 0)
        worker.start()
        try:
            await _say(system, [reader], _USUAL)
            await system.answer(reader, b"")
            many = iter(range(_MAILS))
            alone = await _mails(reader, lambda: next(many, None) is not None)
            await _say(system, others, _USUAL)

            async def begun() -> bool:
                return any(mover.progress for mover in others)

            await eventually(begun)
            beside = await _mails(reader, lambda: not all(mover.passes for mover in others))
        finally:
            worker.kill()
    title = f"a new mail while {_BUSY_WITH} mailboxes are copied"
    return [
        Row(f"{title}: median wait", "s", statistics.median(beside), "none copied", statistics.median(alone)),
        Row(
            f"{title}: requests for it",
            "",
            statistics.median(found.round_trips for found in reader.passes if found.added),
            "items",
            1,
        ),
        Row(f"{title}: longest wait of {len(beside)}", "s", max(beside), "aim", _VISIBLE_SECONDS),
    ]


# --- many mailboxes -------------------------------------------------------------------------------------------------


@dataclass
class _Seen:
    """What was seen of the workers while they worked."""

    items: Counter[int] = field(default_factory=Counter)
    seconds: Counter[int] = field(default_factory=Counter)
    kills: int = 0
    joins: int = 0

    @property
    def speeds(self) -> list[float]:
        """Items a second of each worker, over the time in which it answered."""
        return [self.items[number] / self.seconds[number] for number in self.seconds]


async def _come_and_go(system: MailboxSystem, folder: Path, workers: int, luck: random.Random, seen: _Seen) -> None:
    """Start workers, kill and start them at random, and look at what each does; until cancelled."""
    all_workers = [_Worker(system, folder, number) for number in range(workers + 1)]
    for worker in all_workers[:workers]:
        worker.start()
    next_event = time.monotonic() + luck.uniform(*_PEACE_SECONDS)
    try:
        while True:
            await asyncio.sleep(1)
            for number, worker in enumerate(all_workers):
                since = await asyncio.to_thread(worker.look) if worker.alive() else None
                if since is not None:
                    seen.items[number] += int(since)
                    seen.seconds[number] += 1
            if time.monotonic() < next_event:
                continue
            next_event = time.monotonic() + luck.uniform(*_PEACE_SECONDS)
            victim = luck.choice(all_workers)
            if victim.alive() and sum(worker.alive() for worker in all_workers) > 1:
                victim.kill()
                victim.items = 0
                seen.kills += 1
            elif not victim.alive():
                victim.start()
                seen.joins += 1
    finally:
        for worker in all_workers:
            worker.kill()


@dataclass
class _Begun:
    """When the workers began each mailbox, by what they wrote of it. That is earlier than its first pass which came to
    its end, if the worker that began it was killed: then a write may be without an answer, and is waited for.
    """

    url: str
    at: dict[bytes, int] = field(default_factory=dict)
    """Microseconds since 1970, up to a look too early."""
    looked_at: int = 0

    async def look(self) -> None:
        now = time.time_ns() // 1000
        for row in await _rows(self.url, "SELECT DISTINCT pair_id FROM mailbox.folder"):
            self.at.setdefault(row["pair_id"], self.looked_at)
        self.looked_at = now

    def all_within(self, movers: Sequence[Mover], began_at: int) -> float:
        """Seconds until the last of these mailboxes was begun; `began_at` in microseconds since 1970."""
        return (max(self.at[mover.id] for mover in movers) - began_at) / 1e6


async def _rows(url: str, query: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetch(query)
    finally:
        await connection.close()


async def _partitions(url: str) -> dict[bytes, int]:
    """Of the mailboxes that the workers have heard of."""
    if (await _rows(url, "SELECT to_regclass('mailbox.mailbox') AS there"))[0]["there"] is None:
        return {}
    return {
        row["pair_id"]: row["partition"] for row in await _rows(url, "SELECT pair_id, partition FROM mailbox.mailbox")
    }


async def _overtaken(url: str, begun: _Begun, movers: dict[str, list[Mover]]) -> tuple[int, int]:
    """How many usual mailboxes were copied while an urgent one of the same partition had not begun, of how many."""
    partition = await _partitions(url)
    last_urgent: dict[int, int] = defaultdict(int)
    for mover in movers[_URGENT]:
        where = partition[mover.id]
        last_urgent[where] = max(last_urgent[where], begun.at[mover.id])
    early = sum(mover.passes[0].finished_at < last_urgent[partition[mover.id]] for mover in movers[_USUAL])
    return early, len(movers[_USUAL])


def _copied_within(movers: Sequence[Mover], began_at: int) -> float:
    """Seconds until the last of these mailboxes was copied; `began_at` in microseconds since 1970."""
    return (max(mover.passes[0].finished_at for mover in movers) - began_at) / 1e6


async def _workers(mailboxes: int, items: int, workers: int, seed: int) -> list[Row]:
    luck, seen = random.Random(seed), _Seen()
    async with whole_system() as (system, folder, url):
        everybody = await _hire(system, mailboxes, items)
        luck.shuffle(everybody)
        movers = {_URGENT: everybody[: mailboxes // 4], _USUAL: everybody[mailboxes // 4 :]}
        for collection in (_USUAL, _URGENT):
            await _say(system, movers[collection], collection)
        closed = {"schedule": {"blackout": ["00:00-24:00"]}}
        await system.apply(*(collection | closed for collection in _COLLECTIONS))
        coming_and_going = asyncio.create_task(_come_and_go(system, folder, workers, luck, seen))
        try:

            async def heard() -> bool:
                return len(await _partitions(url)) == mailboxes

            await eventually(heard, 60 + mailboxes)
            await system.apply(*_COLLECTIONS)
            began, began_at = time.monotonic(), time.time_ns() // 1000
            said_at, begun = began, _Begun(url, looked_at=began_at)

            async def copied() -> bool:
                nonlocal said_at
                assert not coming_and_going.done(), coming_and_going.exception()
                await asyncio.sleep(0.5)
                await begun.look()
                if time.monotonic() - said_at > _SAY_SECONDS:
                    said_at = time.monotonic()
                    done = {name: sum(bool(mover.passes) for mover in some) for name, some in movers.items()}
                    _say_how_far(f"copied {done}; {seen.kills} killed, {seen.joins} joined; items {dict(seen.items)}")
                return all(mover.passes for mover in everybody)

            await eventually(copied, 60 + mailboxes * 3)
            seconds = time.monotonic() - began
            await begun.look()
            early, usual = await _overtaken(url, begun, movers)
            speeds, copied_by = seen.speeds, list(seen.items.values())
            most = max(copied_by)
            _say_how_far(f"all are copied after {seconds:.0f} s")
            proven = await _prove(system, everybody)
            same = await _compare(everybody)
        finally:
            coming_and_going.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await coming_and_going
    title = f"{mailboxes} mailboxes of {items} items, {workers} workers, {seen.kills} killed, {seen.joins} joined"
    return [
        Row(f"{title}: mailboxes proven equal", "", proven, "mailboxes", mailboxes),
        Row(f"{title}: mailboxes whose items are the same by the servers", "", same, "mailboxes", mailboxes),
        Row(f"{title}: items a second", "1/s", mailboxes * items / seconds, "seconds in all", seconds),
        Row(f"{title}: slowest worker", "1/s", min(speeds), "fastest worker", max(speeds)),
        Row(f"{title}: mailboxes copied by the busiest worker", "", most / items, "by all", sum(copied_by) / items),
        *(
            Row(
                f"{title}: urgent ones {what} within",
                "s",
                within(movers[_URGENT], began_at),
                "usual ones",
                within(movers[_USUAL], began_at),
            )
            for what, within in (("begun", begun.all_within), ("copied", _copied_within))
        ),
        Row(f"{title}: usual ones copied before an urgent one of their partition began", "", early, "of", usual),
    ]


async def _prove(system: MailboxSystem, movers: Sequence[Mover]) -> int:
    """How many mailboxes the workers find equal, item by item, asked while they still come and go."""

    async def one(mover: Mover) -> bool:
        request = await system.order(mover, MAILBOX_ORDER_PASS_AND_PROVE)
        answer = await system.answer(mover, request)
        return answer.proof.equal and not answer.proof.surplus

    return await _how_many(movers, "proven equal", one)


async def _compare(movers: Sequence[Mover]) -> int:
    """How many mailboxes have the same items on both sides, each exported and compared as a whole."""

    async def one(mover: Mover) -> bool:
        return await contents(mover.beta) == await contents(mover.alpha)

    return await _how_many(movers, "the same by the servers", one)


async def _how_many(movers: Sequence[Mover], what: str, look: Callable[[Mover], Awaitable[bool]]) -> int:
    room = asyncio.Semaphore(_LOOKING)
    looked, found = 0, 0

    async def one(mover: Mover) -> None:
        nonlocal looked, found
        async with room:
            fine = await look(mover)
            found, looked = found + fine, looked + 1
            if looked % 100 == 0 or looked == len(movers):
                _say_how_far(f"{found} of {looked} are {what}")

    await asyncio.gather(*(one(mover) for mover in movers))
    return found


def run(mailboxes: int = _MAILBOXES, items: int = _ITEMS, workers: int = _WORKERS, seed: int = 1) -> list[Row]:
    """Everything; takes about four minutes."""
    return asyncio.run(_latency()) + asyncio.run(_workers(mailboxes, items, workers, seed))


def main() -> None:
    from tests.bench.report import show

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mailboxes", type=int, default=_MAILBOXES)
    parser.add_argument("--items", type=int, default=_ITEMS, help="of 5 kB, in each of them")
    parser.add_argument("--workers", type=int, default=_WORKERS)
    parser.add_argument("--seed", type=int, default=1, help="of what dies and joins when")
    parser.add_argument("--only", choices=("latency", "workers"))
    parser.add_argument("--minutes", type=float, default=_MINUTES, help="after so many it gives up")
    arguments = parser.parse_args()

    async def measure() -> None:
        async with asyncio.timeout(arguments.minutes * 60):
            if arguments.only != "workers":
                show(await _latency())
            if arguments.only != "latency":
                show(await _workers(arguments.mailboxes, arguments.items, arguments.workers, arguments.seed))

    asyncio.run(measure())


if __name__ == "__main__":
    main()
