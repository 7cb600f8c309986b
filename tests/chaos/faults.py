"""Mailboxes copied while everything goes wrong: every fault of the lab's plan, alone and mixed, and dying workers.

    python -m tests.chaos.faults --runs 200 [--seed 1] [--side-by-side 6] [--only reset]

One run is one mailbox. Its seed draws the faults of both servers, what its owner does meanwhile, and when workers die
or are taken for dead while they work on. Then the faults end, and both sides must hold the same: every property of
every item, byte for byte as both servers export them and the lab's own FastTransfer reader reads them, nothing twice.
With every third seed deletions are mirrored, made so that people can recover them, or not made at all: then what is
gone on the source must be where that policy has it.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import logging
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import structlog
from isthmus_events import OwnershipLost
from isthmus_exchange.errors import AccessError, EwsError, InDoubtError, TransientError
from isthmus_exchange.operations import CreateFolder, DeleteFolder, DeleteItems, MoveFolder, MoveItems, SetReadFlags
from isthmus_lab.mapi import fasttransfer, tags
from isthmus_lab.organisation import ALPHA, BETA
from isthmus_mailbox.memory import ByteGate
from isthmus_mailbox.passing import MailboxBlocked, Pass
from isthmus_mailbox.proving import prove
from isthmus_mailbox.running import run_pass
from isthmus_service import Pool

from tests.bench.bench_mailbox import ledgers, organisations
from tests.lab.copying import Copying, client, contents, listing, put, rewrite, role, stream, streams_in
from tests.lab.test_mailbox_trees import top
from tests.plugins.conditions import control
from tests.plugins.exchange import Exchange, Exchanges, Person

Rule = dict[str, Any]
Policy = Literal["mirror", "recoverable", "keep"]

_POLICIES: tuple[Policy, ...] = get_args(Policy)

_READS = ("GetFolder", "FindFolder", "FindItem", "Sync*", "ExportItems")
_WRITES = (
    "UploadItems",
    "CreateFolder",
    "UpdateFolder",
    "MoveFolder",
    "MoveItem",
    "UpdateItem",
    "DeleteItem",
    "Delete*",
)
_ITEMS = ("ExportItems", "UploadItems", "MoveItem", "DeleteItem", "UpdateItem")

FAULTS: dict[str, Rule] = {
    "reset before": {"fault": "reset", "when": "before"},
    "reset after": {"fault": "reset", "when": "after"},
    "drop-tls before": {"fault": "drop-tls", "when": "before"},
    "drop-tls after": {"fault": "drop-tls", "when": "after"},
    "no-answer before": {"fault": "no-answer", "when": "before", "seconds": 4},
    "no-answer after": {"fault": "no-answer", "when": "after", "seconds": 4},
    "slow": {"fault": "slow", "when": "after", "seconds": 3},
    "status": {"fault": "status", "status": 503},
    "status after": {"fault": "status", "when": "after", "status": 500},
    "unavailable after": {"fault": "status", "when": "after", "status": 503},
    "error": {"fault": "error", "code": "ErrorInternalServerTransientError"},
    "error after": {"fault": "error", "when": "after", "code": "ErrorTimeoutExpired"},
    "internal error after": {"fault": "error", "when": "after", "code": "ErrorInternalServerError"},
    "busy fault": {"fault": "busy", "shape": "fault", "back_off_ms": 200},
    "busy message": {"fault": "busy", "shape": "message", "back_off_ms": 200, "operations": _ITEMS},
    "busy unavailable": {"fault": "busy", "shape": "unavailable", "back_off_ms": 200},
    "malformed": {"fault": "malformed", "when": "after"},
    "truncated": {"fault": "truncated", "when": "after"},
    "short-page": {"fault": "short-page", "most": 3, "operations": ("SyncFolderItems", "FindItem"), "probability": 0.5},
    "expired-state": {"fault": "expired-state", "operations": ("Sync*",), "probability": 0.2},
    "item-error": {"fault": "item-error", "code": "ErrorItemCorrupt", "operations": _ITEMS, "probability": 0.1},
    "item-error passing": {
        "fault": "item-error",
        "code": "ErrorMailboxStoreUnavailable",
        "operations": _ITEMS,
        "probability": 0.2,
        "times": 30,
    },
}
"""Every kind in its variants, but duplicate-delivery: that makes two messages on the source, and both are to come."""


class Weather:
    """The faults of all runs that go on, on both servers."""

    def __init__(self, exchanges: Exchanges) -> None:
        self._sides = (exchanges.alpha, exchanges.beta)
        self._rules: dict[tuple[int, str], list[Rule]] = {}
        self._changing = asyncio.Lock()

    async def set(self, side: int, person: Person, rules: list[Rule], seed: int) -> None:
        """From now on, for whom acts in this mailbox."""
        async with self._changing:
            named = [
                {"operations": _READS + _WRITES, "probability": 0.1}
                | rule
                | {"mailboxes": (person.smtp,), "name": f"{person.smtp} {number}"}
                for number, rule in enumerate(rules)
            ]
            self._rules[side, person.smtp] = named
            all_rules = [rule for (other, _), some in self._rules.items() if other == side for rule in some]
            plan = {"faults": {"seed": seed, "rules": all_rules}}
            await asyncio.to_thread(control, self._sides[side], "PUT", json=plan)


@dataclass
class Run:
    """One mailbox and its bad luck."""

    seed: int
    faults: tuple[list[str], list[str]]
    # Search keys of what was seen on the target between the passes.
    held: set[bytes] = field(default_factory=set)
    passes: int = 0
    kills: int = 0
    usurped: int = 0
    failed: Counter[str] = field(default_factory=Counter)

    @property
    def policy(self) -> Policy:
        """What becomes of copies whose originals are gone."""
        return _POLICIES[self.seed % len(_POLICIES)]

    @property
    def words(self) -> str:
        ours, theirs = (", ".join(each) or "none" for each in self.faults)
        return f"seed {self.seed}: source [{ours}], target [{theirs}], deletions {self.policy}"


def draw(seed: int, only: str | None = None) -> Run:
    """The faults of a run: with an odd seed one kind alone, on either side or both; with an even one a mixture."""
    luck = random.Random(seed)
    names = list(FAULTS) if only is None else [name for name in FAULTS if name.startswith(only)]
    if seed % 2 or only:
        name = names[(seed // 2) % len(names)]
        sides = luck.choice(((True, False), (False, True), (True, True)))
        return Run(seed, ([name] if sides[0] else [], [name] if sides[1] else []))
    return Run(seed, (luck.sample(names, luck.randint(0, 4)), luck.sample(names, luck.randint(1, 5))))


@asynccontextmanager
async def mailbox(exchanges: Exchanges, pool: Pool, source: Person, target: Person) -> AsyncIterator[Copying]:
    """A mailbox to be copied, with connections of its own."""
    async with client(exchanges.alpha, answer_seconds=2.5) as alpha, client(exchanges.beta, answer_seconds=2.5) as beta:
        pair = source.mailbox.bytes
        await pool.execute(
            "INSERT INTO mailbox (pair_id, partition, pair, collection, wanted, switched)"
            " VALUES ($1, 0, '', 'chaos', true, false)",
            pair,
        )
        partition = int.from_bytes(pair[:3], "big")
        yield Copying(alpha.mailbox(source.smtp), beta.mailbox(target.smtp), pool, pair, partition)


async def survive(exchanges: Exchanges, weather: Weather, pool: Pool, run: Run, people: tuple[Person, Person]) -> None:
    """One run. Raises AssertionError when both sides do not hold the same in the end."""
    luck = random.Random(run.seed)
    source, target = people
    async with (
        mailbox(exchanges, pool, source, target) as box,
        client(exchanges.alpha, answer_seconds=60) as calm_alpha,
        client(exchanges.beta, answer_seconds=60) as calm_beta,
    ):
        owner, copy = calm_alpha.mailbox(source.smtp), calm_beta.mailbox(target.smtp)
        await _furnish(owner, luck)
        for _ in range(3):
            for side, (person, names) in enumerate(zip(people, run.faults, strict=True)):
                await weather.set(side, person, [FAULTS[name] for name in names], run.seed)
            await _passes(box, run, luck)
            for side, person in enumerate(people):
                await weather.set(side, person, [], run.seed)
            run.held |= _keys(each for items in (await contents(copy)).values() for each in items.elements()).keys()
            await _work(owner, luck)
        await _come_to_rest(box, run)
        await as_promised(owner, copy, run)


async def _passes(box: Copying, run: Run, luck: random.Random) -> None:
    """A few passes: to their end, killed at any moment, or taken over by another worker while they go on."""
    older: list[asyncio.Task[None]] = []
    for _ in range(luck.randint(1, 3)):
        run.passes += 1
        memory = ByteGate(luck.choice((4_000, 30_000, 10**6)))
        this = await box.new_pass(memory=memory, eager=luck.random() < 0.3, deletions=run.policy)
        task = asyncio.create_task(_one(this, run))
        how = luck.random()
        if how < 0.5:
            await asyncio.wait({task}, timeout=luck.uniform(0.05, 2.5))
            if how < 0.3:
                run.kills += not task.done()
                task.cancel()
            else:
                run.usurped += not task.done()
        else:
            await asyncio.wait({task}, timeout=40)
        older.append(task)
    await asyncio.wait(older, timeout=40)
    for task in older:
        task.cancel()
    await asyncio.wait(older)
    for task in older:
        if not task.cancelled():
            task.result()


async def _one(p: Pass, run: Run) -> None:
    """A pass may fail of what goes wrong; the worker makes another one."""
    try:
        await run_pass(p)
    except OwnershipLost:
        run.failed["a newer owner"] += 1
    except (EwsError, TransientError, InDoubtError, AccessError, MailboxBlocked) as error:
        run.failed[type(error).__name__] += 1


async def _come_to_rest(box: Copying, run: Run) -> None:
    """Passes and proofs without faults, as the worker makes them, until nothing is left to do."""
    for _ in range(6):
        p = await box.new_pass(eager=True, deletions=run.policy)
        await run_pass(p)
        proof = await prove(p)
        if not proof.healed and not proof.flags:
            assert proof.equal, proof.differences
            if run.policy != "keep":
                assert proof.surplus == 0, proof
                assert proof.digest == proof.to_digest
            return
    raise AssertionError(f"it does not come to rest: {proof.differences}")


async def as_promised(source: Any, target: Any, run: Run) -> None:
    """Both mailboxes hold the same, or the target what its policy has it keep, too. Raises AssertionError with the
    properties that differ.
    """
    ours, theirs = await contents(source), await contents(target)
    kept = run.policy == "keep"
    assert ours.keys() == theirs.keys() or (kept and ours.keys() < theirs.keys()), ours.keys() ^ theirs.keys()
    for folder, items in ours.items():
        lost, more = items - theirs[folder], theirs[folder] - items
        if lost or (more and not kept):
            raise AssertionError(f"{folder}: only source {_read(lost)}; only target {_read(more)}")
        copies = _keys(theirs[folder].elements())
        twice = [key.hex() for key in _keys(items.elements()) if copies[key] > 1]
        assert not twice, f"{folder}: there twice: {twice}"
    there = _keys(each for items in theirs.values() for each in items.elements())
    if run.policy == "recoverable":
        there |= _keys(await streams_in(target, await top(target, "recoverableitemsdeletions")))
    if run.policy != "mirror":
        assert run.held <= there.keys(), f"{len(run.held - there.keys())} items are gone for good"


def _keys(items: Iterable[tuple[bool, str]]) -> Counter[bytes]:
    """How often each search key is there. All streams are read to their end."""
    return Counter(fasttransfer.decode(base64.b64decode(data))[tags.PidTagSearchKey] for _, data in items)


def _read(items: Counter[tuple[bool, str]]) -> list[str]:
    return [f"{count} x {fasttransfer.decode(base64.b64decode(data))!r:.300}" for (_, data), count in items.items()]


async def _furnish(owner: Any, luck: random.Random) -> None:
    inbox = await role(owner, "inbox")
    travel = await owner.call(CreateFolder(inbox, "Travel", "IPF.Note"))
    for folder in (inbox, travel, await role(owner, "calendar")):
        sizes = [luck.choice((300, 300, 5_000, 60_000)) for _ in range(luck.randint(5, 25))]
        await put(
            owner, folder, *(stream(f"Letter {n}", size=size, read=luck.random() < 0.5) for n, size in enumerate(sizes))
        )
    await put(owner, inbox, stream("View"), stream("Form"), associated=True)


async def _work(owner: Any, luck: random.Random) -> None:
    """What people do between passes, none of them quite finished."""
    inbox = await role(owner, "inbox")
    letters = await listing(owner, inbox)
    luck.shuffle(letters)
    await put(owner, inbox, *(stream(f"New {number}") for number in range(luck.randint(1, 4))))
    if len(letters) > 8:
        await rewrite(owner, inbox, letters[0], f"Edited {luck.random()}")
        await owner.call(SetReadFlags(tuple((each, luck.random() < 0.5) for each in letters[1:4])))
        await owner.call(MoveItems(tuple(letters[4:6]), await role(owner, "deleteditems")))
        await owner.call(DeleteItems((letters[6],)))
    folder = await owner.call(CreateFolder(inbox, f"Folder {luck.random()}", "IPF.Note"))
    await put(owner, folder, stream("Filed"))
    if luck.random() < 0.4:
        await owner.call(MoveFolder(folder, await role(owner, "msgfolderroot")))
    elif luck.random() < 0.4:
        await owner.call(DeleteFolder(folder))


def hire(exchanges: Exchanges, seed: int) -> tuple[Person, Person]:
    """Somebody with a mailbox on both sides."""
    alpha: Exchange = exchanges.alpha
    return alpha.hire(ALPHA.people_ou, f"chaos{seed}"), exchanges.beta.hire(BETA.people_ou, f"chaos{seed}")


async def _all(folder: Path, runs: list[Run], at_once: int) -> list[tuple[Run, str]]:
    failures: list[tuple[Run, str]] = []
    async with AsyncExitStack() as stack:
        exchanges = stack.enter_context(organisations(folder))
        pool = await stack.enter_async_context(ledgers(folder))
        weather, room = Weather(exchanges), asyncio.Semaphore(at_once)

        async def one(run: Run) -> None:
            async with room:
                began = time.monotonic()
                people = await asyncio.to_thread(hire, exchanges, run.seed)
                try:
                    await survive(exchanges, weather, pool, run, people)
                    verdict = "equal"
                except Exception:
                    failures.append((run, traceback.format_exc()))
                    verdict = f"DIFFERENT\n{failures[-1][1]}"
                seconds = time.monotonic() - began
                print(
                    f"{run.words}; {run.passes} passes, {run.kills} killed, {run.usurped} taken over, "
                    f"{run.failed.total()} failed; {seconds:.0f} s: {verdict}",
                    flush=True,
                )

        async with asyncio.TaskGroup() as tasks:
            for run in runs:
                tasks.create_task(one(run))
    return failures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1, help="of the first run; each has the next one")
    parser.add_argument("--side-by-side", type=int, default=6)
    parser.add_argument("--only", choices=sorted({name.split()[0] for name in FAULTS}))
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    runs = [draw(seed, arguments.only) for seed in range(arguments.seed, arguments.seed + arguments.runs)]
    with tempfile.TemporaryDirectory(prefix="isthmus-chaos-") as folder:
        Path(folder).chmod(0o755)  # PostgreSQL runs as a user of its own
        with contextlib.suppress(KeyboardInterrupt):
            failures = asyncio.run(_all(Path(folder), runs, arguments.side_by_side))
            print(f"{len(runs) - len(failures)} of {len(runs)} runs ended equal")
            for run, reason in failures:
                print(f"{run.words}\n{reason}")
            sys.exit(bool(failures))


if __name__ == "__main__":
    main()
