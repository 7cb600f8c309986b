"""Owned mailboxes, when a pass over each is due, and the pass.

A worker owns the partitions that its consumer group gives it. Of their mailboxes, those that are due are worked on, a
few at a time: ordered ones first, then by the priority of their collection, then those whose server told of something
new, then the one that has waited longest;
first passes and later ones do not wait for each other (isthmus_sync.mailbox.turns). A long pass gives way to a more
urgent mailbox of its kind; its work is staged, so the next pass goes on where it ended. When a partition goes to
another worker its passes end after the request at hand; what then is still under way is cut off and in doubt, and the
new owner looks.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import Collection
from datetime import UTC, datetime

from isthmus.accounts.v1.accounts_pb2 import Pair
from isthmus.events.v1.mailbox_pb2 import (
    MAILBOX_ORDER_PASS_AND_PROVE,
    MAILBOX_STATE_BLOCKED,
    MAILBOX_STATE_IN_STEP,
    MAILBOX_STATE_SWITCHED,
    CertificateIssued,
)
from isthmus_events import Event, Lease, Ownership, OwnershipLost, publish
from isthmus_events.topics import (
    ACCOUNT_PAIRS,
    MAILBOX_CERTIFICATES,
    MAILBOX_ORDERS,
    MAILBOX_PASSES,
)
from isthmus_exchange.errors import AccessError, EwsError, InDoubtError, TransientError
from isthmus_project import Surroundings
from isthmus_service import DATABASE_AWAY, Connection, Pool, Service, ServiceSettings
from isthmus_sync.mailbox import retry
from isthmus_sync.mailbox.certificate import CertificateError
from isthmus_sync.mailbox.model import Outcome
from isthmus_sync.mailbox.turns import Turn, Urgency, choose
from pydantic import Field

from isthmus_mailbox import boxes, certifying, first_passes, metrics, proven, restarting, telling
from isthmus_mailbox.boxes import Box
from isthmus_mailbox.correspondents import Correspondents
from isthmus_mailbox.database_kept import DatabaseKept
from isthmus_mailbox.database_ledger import DatabaseLedger
from isthmus_mailbox.farewell import Farewell
from isthmus_mailbox.hours import Waiting, told
from isthmus_mailbox.marks import Marks
from isthmus_mailbox.memory import Backlog, ByteGate
from isthmus_mailbox.organisations import Organisations, Way
from isthmus_mailbox.passing import MailboxBlocked, Pass
from isthmus_mailbox.pressing import is_behind, press
from isthmus_mailbox.proving import Proof, prove
from isthmus_mailbox.reporting import Reporter, moving
from isthmus_mailbox.running import run_pass
from isthmus_mailbox.surroundings import Around, People, trees
from isthmus_mailbox.watching import Watching

GROUP = "mailbox"

_LOOK_SECONDS = 0.5
_PROOFS = 3
"""A proof that healed something is followed by another pass and another proof, so often at most."""
_BLOCKED_SECONDS = 60.0
_TURN_SECONDS = 10.0
"""A pass may go on for so long before it gives way."""
_END_SECONDS = 4.5
"""Requests under way may take so long to be answered when their passes are to end; the next owner of a partition waits
for it (isthmus_events.ownership)."""
_DOUBT_SECONDS = 5.0
"""So often it is looked whether a write without an answer happened, where others have the place meanwhile."""
_PAUSED_SECONDS = 2.0
"""So often it is seen which mailboxes are paused."""
_SHORTEST_REST = 0.2
"""A mailbox in which something happened during its pass rests for as long as that took, and at least so long: one that
is worked in is not looked at all the time."""
_TOGETHER_SECONDS = 10.0
"""What is to be tried again within so long is tried by one pass: many items that are set aside, each at its own time,
would cause a pass each."""


class Settings(ServiceSettings):
    """Settings of a mailbox worker."""

    mailboxes_at_once: int = Field(default=10, ge=1, le=200, description="passes that this process makes at a time")
    answer_seconds: float = Field(
        default=100.0, gt=0, description="how long an Exchange server may take for an answer, the transfer included"
    )


class Worker:
    """Everything that one process does."""

    def __init__(self, service: Service[Settings], pool: Pool, organisations: Organisations, people: People) -> None:
        self._service = service
        self._pool = pool
        self._organisations = organisations
        self._people = people
        self._memory = ByteGate()
        self._backlog = Backlog()
        self._farewell = Farewell(pool)
        self._running: dict[bytes, asyncio.Task[None]] = {}
        self._at_work: dict[bytes, Box] = {}
        # When that began, by this process's clock; and how many mailboxes wait for a place.
        self._began: dict[bytes, float] = {}
        self._waiting = 0
        # By mailbox, with the epoch of the lease under which they were made, or read, and of which mailboxes they are.
        self._marks: dict[bytes, tuple[object, Marks]] = {}
        # The pairs of mailboxes that are worked on, as they are now; None: they are to rest.
        self._standing: dict[bytes, Pair | None] = {}
        # For which partitions and filters it was seen to that mailboxes are due whose filters changed.
        self._filters_seen: tuple[list[int], dict[str, str]] = ([], {})
        # What mailboxes bring beside their mail, by collection, as it was seen.
        self._surroundings_seen: dict[str, Surroundings] = {}
        # First passes that are to end, because their collections have no places for them any more.
        self._without_place: set[bytes] = set()
        # The most urgent mailboxes that wait for a place: one that was never copied, and one that was.
        self._next_in_line: dict[bool, Urgency] = {}
        self._reporter = Reporter(pool)
        self._look = asyncio.Event()
        self._ownership = Ownership(
            service, pool, GROUP, [ACCOUNT_PAIRS, MAILBOX_ORDERS], self._heard, on_lost=self._lost
        )
        self._watching = Watching(pool, organisations, self._ownership.owned, self._look.set)

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._ownership.run())
            tasks.create_task(self._schedule())
            tasks.create_task(self._watching.run())
            tasks.create_task(self._tell_paused())
            tasks.create_task(self._press())
            tasks.create_task(self._keep_places())

    async def _press(self) -> None:
        await press(self._service, self._pool, self._organisations, self._share, self._is_behind, self._wait_for_hours)

    def _is_behind(self) -> bool:
        now = time.monotonic()
        return is_behind(self._waiting, ((box, now - self._began[box.id]) for box in self._at_work.values()))

    def _share(self) -> float:
        """How much of all mailboxes are this worker's; that of one partition at least."""
        return max(1, len(self._ownership.owned())) / ACCOUNT_PAIRS.partitions

    async def _wait_for_hours(self) -> Waiting:
        """The collections whose mailboxes here are due and wait for their hour."""
        now = datetime.now(UTC)
        closed, to_orders = (self._organisations.all_closed(now, ordered=ordered) for ordered in (False, True))
        if not closed:
            return Waiting()
        waiting = await boxes.closed(self._pool, list(self._ownership.owned()), closed, to_orders)
        return told({each: self._organisations.hours(each, now, ordered=False) for each in waiting})

    # --- what is heard ----------------------------------------------------------------------------------------------

    async def _heard(self, connection: Connection, lease: Lease, event: Event) -> None:
        if isinstance(event.data, Pair):
            await boxes.keep(connection, event.data, lease.partition)
        elif (resumed := await boxes.take_order(connection, event.data)) and resumed.id not in self._running:
            await self._reporter.tell_resumed(connection, resumed)
        self._look.set()

    async def _lost(self, lease: Lease) -> None:
        await _end([self._running[box.id] for box in self._at_work.values() if box.partition == lease.partition])

    # --- whose turn it is -------------------------------------------------------------------------------------------

    async def _schedule(self) -> None:
        try:
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_SECONDS):
                        await self._look.wait()
                self._look.clear()
                await self._begin()
        finally:
            await _end(self._running.values())

    async def _begin(self) -> None:
        places = self._service.settings.mailboxes_at_once
        owned = dict(self._ownership.owned())
        if not owned:
            return
        try:
            await self._watching.wake()
            if (filters := (sorted(owned), self._organisations.fingerprints())) != self._filters_seen:
                await boxes.wake_for_filters(self._pool, *filters)
                self._filters_seen = filters
            wanted, seen = self._organisations.all_surroundings(), self._surroundings_seen
            if changed := [each for each in wanted if seen.get(each, wanted[each]) != wanted[each]]:
                await boxes.wake_collections(self._pool, list(owned), changed)
            self._surroundings_seen = wanted
            self._standing = await boxes.standing(self._pool, self._running.keys())
            closed, closed_to_orders = (
                self._organisations.all_closed(datetime.now(UTC), ordered=ordered) for ordered in (False, True)
            )
            limited = self._organisations.concurrency()
            found, waiting = await boxes.due(
                self._pool,
                list(owned),
                self._running.keys(),
                most=places,
                priorities=self._organisations.priorities(),
                news=self._watching.known(),
                closed=closed,
                closed_to_orders=closed_to_orders,
                full=await first_passes.full(self._pool, limited) if limited else (),
            )
        except DATABASE_AWAY as error:  # PostgreSQL is away; ownership says so, too
            self._service.log.warning("cannot look for mailboxes that are due", reason=str(error))
            return
        turns = [self._turn(box) for box in found]
        chosen, self._next_in_line = choose(turns, map(self._turn, self._at_work.values()), places)
        self._waiting = waiting - len(chosen)
        metrics.WAITING.set(self._waiting)
        for box in map(found.__getitem__, chosen):
            lease = owned[box.partition]
            if not await self._place(box, lease):
                continue
            self._at_work[box.id], self._began[box.id] = box, time.monotonic()
            task = asyncio.create_task(self._work(box, lease), name=f"mailbox {box.id.hex()}")
            self._running[box.id] = task
            task.add_done_callback(lambda _, box=box: self._ended(box))  # type: ignore[misc]

    def _turn(self, box: Box) -> Turn:
        priority = self._organisations.priorities().get(box.pair.collection, boxes.LEAST)
        return Turn(Urgency(not box.orders, priority), first=not box.passes, news=self._watching.is_known(box.id))

    async def _place(self, box: Box, lease: Lease) -> bool:
        """Whether the pass may begin, or go on, as far as the concurrency of its collection goes."""
        most = self._organisations.concurrency().get(box.pair.collection)
        if most is None or box.passes:
            return True
        try:
            # What somebody ordered takes a place that there is not.
            return await first_passes.take(
                self._pool, lease, box.id, box.pair.collection, sys.maxsize if box.orders else most
            )
        except (OwnershipLost, *DATABASE_AWAY):
            return False

    async def _keep_places(self) -> None:
        """Renew the places of first passes; a limit that was lowered, or is new, ends the newest ones."""
        while True:
            await asyncio.sleep(first_passes.RENEW_SECONDS)
            owned = dict(self._ownership.owned())
            for box in [box for box in self._at_work.values() if box.partition in owned]:
                if not await self._place(box, owned[box.partition]) and box.id in self._at_work:
                    self._without_place.add(box.id)

    def _ended(self, box: Box) -> None:
        self._without_place.discard(box.id)
        del self._running[box.id]
        del self._at_work[box.id], self._began[box.id]
        metrics.RUNNING.set(len(self._running))
        self._look.set()

    async def _tell_paused(self) -> None:
        while True:
            await asyncio.sleep(_PAUSED_SECONDS)
            with contextlib.suppress(*DATABASE_AWAY):
                await self._reporter.tell_paused(dict(self._ownership.owned()), self._running)

    # --- a pass -----------------------------------------------------------------------------------------------------

    async def _work(self, box: Box, lease: Lease) -> None:
        metrics.RUNNING.set(len(self._running))
        log = self._service.log.bind(mailbox=box.pair.source.primary_smtp_address, number=box.passes + 1)
        try:
            await (self._restart(box, lease) if restarting.is_ordered(box) else self._pass(box, lease))
        except OwnershipLost:
            log.info("the mailbox has a newer owner")
        except _GivenWay as way:
            log.info(f"the pass rests: {way}")
            if way.seconds:
                await self._put_off(box, lease, way.seconds)
        except (MailboxBlocked, AccessError) as error:
            log.warning("the mailbox is blocked", reason=str(error))
            await self._fail(box, lease, str(error), blocked=True)
        except (EwsError, TransientError, InDoubtError, *DATABASE_AWAY) as error:
            log.warning("the pass did not come to its end", reason=str(error))
            await self._fail(box, lease, str(error), blocked=False)
        except Exception as error:
            # A mistake of ours must not stop the other mailboxes, nor be repeated in a hurry.
            log.exception("the pass failed")
            await self._fail(box, lease, f"an error of Isthmus: {error!r}; see the log", blocked=True)
        finally:
            if not box.passes and self._organisations.concurrency():
                with contextlib.suppress(*DATABASE_AWAY):
                    await first_passes.leave(self._pool, lease, box.id)

    async def _restart(self, box: Box, lease: Lease) -> None:
        """Carry out the order to begin the mailbox again; a first pass is due then."""
        log = self._service.log.bind(mailbox=box.pair.source.primary_smtp_address)
        if box.switched:
            log.warning("the mailbox is not begun again", reason=restarting.SWITCHED)
            counts = await boxes.counts(self._pool, box.id)
            progress = telling.progress(box, counts, MAILBOX_STATE_SWITCHED, restarting.SWITCHED)
            async with self._reporter.telling(lease, progress) as connection:
                await restarting.refuse(connection, box.id)
            return
        while (remaining := await restarting.last_write(self._pool, box.id) - time.time()) > 0:
            if lease.lost.is_set() or self._service.stopping.is_set():
                raise _GivenWay("it waits for a write without an answer before it is begun again")
            await asyncio.sleep(min(remaining, _LOOK_SECONDS))
        async with self._pool.acquire() as connection, connection.transaction():
            await lease.hold(connection)
            if not await restarting.restart(connection, box.id):
                raise _GivenWay("its owner is switched meanwhile")
        self._marks.pop(box.id, None)
        log.info("the mailbox is begun again")

    async def _pass(self, box: Box, lease: Lease) -> None:
        try:
            way = self._organisations.way(box.pair.collection)
        except LookupError as error:
            raise MailboxBlocked(str(error)) from error
        source = way.source.mailbox(box.pair.source.primary_smtp_address)
        target = way.target.mailbox(box.pair.target.primary_smtp_address)

        until = time.monotonic() + _TURN_SECONDS

        async def allowed() -> None:
            if lease.lost.is_set():
                raise OwnershipLost(f"partition {lease.partition}")
            if self._service.stopping.is_set():
                raise _GivenWay("the service stops")
            now = self._standing.get(box.id, box.pair)
            if now is None or now.collection != box.pair.collection:
                raise _GivenWay("the mailbox is paused, or not in this collection any more")
            if boxes.between(now) != boxes.between(box.pair):
                raise _GivenWay(_ELSEWHERE)
            if not self._organisations.same_rules(way):
                raise _GivenWay("what is to be copied, or what becomes of deletions, changed")
            why = self._organisations.closed(box.pair.collection, datetime.now(UTC), ordered=bool(box.orders))
            if why:
                raise _GivenWay(f"its collection is closed: {why}")
            if box.id in self._without_place:
                raise _GivenWay("its collection makes fewer first passes at the same time now")

        async def breathe() -> None:
            await allowed()
            waiting = self._next_in_line.get(not box.passes)
            if waiting is not None and time.monotonic() > until and waiting < self._turn(box).urgency:
                raise _GivenWay("a more urgent mailbox waits")

        async def sleep(seconds: float) -> None:
            # It waits for what became of a write; whoever ordered this pass waits with it.
            if self._next_in_line and not box.orders:
                raise _GivenWay("it waits for a write without an answer, and others for its place", _DOUBT_SECONDS)
            await asyncio.sleep(seconds)

        news = self._watching.begun(box.id, (lease.epoch, box.passes))
        made = Pass(
            ledger=DatabaseLedger(self._pool, lease, box.id),
            from_side=source,
            to_side=target,
            heal=not box.switched,
            eager=bool(box.orders),
            news=None if box.orders else news,
            breathe=breathe,
            allowed=allowed,
            sleep=sleep,
            memory=self._memory,
            backlog=self._backlog,
            marks=self._marks_of(box, lease),
            # What is deleted on the side that its owner has left is no reason to delete anything on the other.
            deletions="keep" if box.switched else way.collection.deletions,
            filters=way.collection.filters,
            wanted_trees=trees(way.project.mailbox.surroundings, way.collection.deletions),
            proven=proven.DatabaseShelf(self._pool, lease, box.id),
            correspondents=Correspondents(self._pool, lease, way.project.project, box.pair),
            around=Around(way.project.mailbox.surroundings, self._people, DatabaseKept(self._pool, lease, box.id)),
        )
        started_at = telling.microseconds()
        reporting = asyncio.create_task(self._reporter.follow(box, lease, made))
        try:
            proof = await self._run(made, proving=self._proving(box))
        finally:
            reporting.cancel()
            await asyncio.wait({reporting})
        await self._finish(box, lease, way, made, started_at, source.round_trips + target.round_trips, proof)

    def _marks_of(self, box: Box, lease: Lease) -> Marks:
        """Ours, or those that the owner before wrote down."""
        of, marks = self._marks.get(box.id, (None, Marks()))
        if of != (now := (lease.epoch, boxes.between(box.pair))):
            marks = Marks.read(box.marks)
            self._marks[box.id] = (now, marks)
        return marks

    async def _run(self, made: Pass, *, proving: bool) -> Proof | None:
        proof = None
        for _ in range(_PROOFS):
            await run_pass(made)
            if not proving:
                break
            proof = await prove(made)
            if not proof.healed:
                break
        return proof

    def _proving(self, box: Box) -> bool:
        return any(order.what == MAILBOX_ORDER_PASS_AND_PROVE for order in box.orders)

    async def _finish(
        self, box: Box, lease: Lease, way: Way, made: Pass, started_at: int, round_trips: int, proof: Proof | None
    ) -> None:
        counts = await boxes.counts(self._pool, box.id)
        state = MAILBOX_STATE_SWITCHED if box.switched else MAILBOX_STATE_IN_STEP
        problem = "; ".join(made.problems[:3])
        certificate = self._certify(box, way, proof, counts) if proof else None
        requests = [order.request_id for order in box.orders]
        if not requests and (box.passes == 0 or made.counts):
            requests = [b""]
        busy_rest = max(_SHORTEST_REST, (telling.microseconds() - started_at) / 1e6)
        rest = busy_rest if self._watching.something_new(box.id) else self._rest(box, way, made.marks)
        async with self._reporter.telling(lease, telling.progress(box, counts, state, problem)) as connection:
            if not await boxes.still_between(connection, box):
                # What it found is no answer about those that the pair has now.
                raise _GivenWay(_ELSEWHERE)
            shortest = max(busy_rest, _TOGETHER_SECONDS)
            resting = boxes.Rest(rest, shortest, way.project.mailbox.interval_seconds, started_at / 1e6, time.time())
            await boxes.finished(connection, box, resting, made.marks.write())
            if proof:
                await proven.clear(connection, box.id)
            for request in requests:
                message = telling.completed(box, made, counts, started_at, round_trips, proof, request)
                if proof and proof.equal and certificate:
                    message.proof.certificate = certificate
                await publish(connection, MAILBOX_PASSES, box.id, message)
            if certificate:
                issued = CertificateIssued(
                    pair_id=box.id,
                    certificate=certificate,
                    request_ids=[order.request_id for order in box.orders],
                    source_address=box.pair.source.primary_smtp_address,
                    target_address=box.pair.target.primary_smtp_address,
                )
                await publish(connection, MAILBOX_CERTIFICATES, box.id, issued)
        self._watching.ended(box.id, (lease.epoch, box.passes + 1), rests=rest > busy_rest)
        for outcome in Outcome:
            metrics.ITEMS.labels(outcome.value).inc(made.counts[outcome])
        metrics.BYTES.inc(made.bytes_copied)
        metrics.PASSES.labels("done").inc()
        if box.orders or not box.passes:
            # Later ones are thousands an hour; what they did is told on the topic.
            equal = None if proof is None else proof.equal
            log = self._service.log.bind(mailbox=box.pair.source.primary_smtp_address, number=box.passes + 1)
            log.info("the pass is done", equal=equal, did={outcome.value: n for outcome, n in made.counts.items() if n})
        await self._farewell.say(box, lease, counts)

    def _certify(self, box: Box, way: Way, proof: Proof, counts: boxes.Counts) -> bytes | None:
        secrets = self._service.settings.secrets_dir
        try:
            return certifying.certify(box, way, proof, secrets, passes=box.passes + 1, counts=counts)
        except CertificateError as error:
            self._service.log.error("no certificate: make a key with 'isthmus certificate key'", reason=str(error))
            return None

    def _rest(self, box: Box, way: Way, marks: Marks) -> float:
        """How long the mailbox rests after a pass, in seconds, unless something happens in it or is due before."""
        if not self._organisations.same_rules(way):
            return 0.0
        look_in = marks.look_in(time.time()) if self._watching.watched(box.id) else 0.0
        return max(look_in, way.project.mailbox.interval_seconds)

    async def _put_off(self, box: Box, lease: Lease, seconds: float) -> None:
        with contextlib.suppress(OwnershipLost, *DATABASE_AWAY):
            async with self._pool.acquire() as connection, connection.transaction():
                await lease.hold(connection)
                await boxes.put_off(connection, box, seconds)

    async def _fail(self, box: Box, lease: Lease, problem: str, *, blocked: bool) -> None:
        pause = _BLOCKED_SECONDS if blocked else retry.rest(box.failures)
        metrics.PASSES.labels("blocked" if blocked else "failed").inc()
        try:
            counts = await boxes.counts(self._pool, box.id)
            state = MAILBOX_STATE_BLOCKED if blocked else moving(box)
            async with self._reporter.telling(lease, telling.progress(box, counts, state, problem)) as connection:
                await boxes.failed(connection, box, pause)
        except (OwnershipLost, *DATABASE_AWAY) as error:
            self._service.log.info("a failed pass could not be written down", reason=str(error))


_ELSEWHERE = "it is not between these mailboxes any more, or its owner is on the other side"


class _GivenWay(Exception):  # noqa: N818 - a wish, not an error
    """The mailbox is to rest, for so many seconds or until its turn comes again; the text says why."""

    def __init__(self, why: str, seconds: float = 0.0) -> None:
        super().__init__(why)
        self.seconds = seconds


async def _end(tasks: Collection[asyncio.Task[None]]) -> None:
    """Let passes that have been told to end come to the end of their requests, then cut them off."""
    if tasks:
        _, late = await asyncio.wait(tasks, timeout=_END_SECONDS)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)
