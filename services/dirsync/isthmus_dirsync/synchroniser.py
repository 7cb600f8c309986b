"""The synchronisation of one project: one full comparison, then whatever changes, for ever."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from isthmus_directory import (
    BookmarkUnusable,
    Changes,
    DirectoryError,
    Forest,
    changes,
    collection_members,
    exchange_facts,
    filters,
    here,
    notify,
    read_where,
    reading,
    survey,
)
from isthmus_service import DATABASE_ERRORS
from isthmus_sync.directory import Decision, ExchangeFacts, New, Pair, Side, Surroundings, objection, weigh
from isthmus_sync.directory.echoes import Echoes

from isthmus_dirsync import metrics, records, telling
from isthmus_dirsync.carrying_out import Carrier, Sides
from isthmus_dirsync.cut_short import settle
from isthmus_dirsync.guardian import StandingCheck
from isthmus_dirsync.looking_again import Look, Parted, look_again, source_parted
from isthmus_dirsync.pacing import pause
from isthmus_dirsync.parting import newly, part
from isthmus_dirsync.records import Progress, Record
from isthmus_dirsync.standing import Standing
from isthmus_dirsync.sweeping import Sweep
from isthmus_dirsync.taking_orders import OrderTaker
from isthmus_dirsync.telling import News

if TYPE_CHECKING:
    from isthmus.accounts.v1.accounts_pb2 import Pair as PairMessage
    from isthmus_events import Table
    from isthmus_project import Project
    from isthmus_service import Connection, Pool

_RETRY_SECONDS = 60.0
_FREED_SECONDS = 2.0
"""When what waits is looked at after somebody wrote addresses: one of them may be free now."""
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
_GATHER_SECONDS = 0.05
"""Changes come in groups; waiting for the rest of them saves looking twice."""


class Stopped(Exception):  # noqa: N818
    """The guard stopped a run before it wrote anything."""


class _Anew(Exception):  # noqa: N818
    """What changed cannot be decided from a few objects."""


class Synchroniser:
    """Keeps the directories of one project in step until it is cancelled.

    `accounts` is the account map's topic, which says whose mailbox is used; `lock` the connection that holds the
    project's advisory lock, without which nothing may be written.
    """

    def __init__(
        self,
        project: Project,
        revision: int,
        secrets_dir: Path,
        pool: Pool,
        accounts: Table[PairMessage],
        lock: Connection,
    ) -> None:
        self._project = project
        self._revision = revision
        self._pool = pool
        self._accounts = accounts
        self._lock = lock
        self._forests = {
            Side.SOURCE: Forest(project.source, secrets_dir),
            Side.TARGET: Forest(project.target, secrets_dir),
        }
        self._log = structlog.get_logger("dirsync").bind(project=project.project)
        self._wake, self._listening = asyncio.Event(), asyncio.Event()
        self._orders = OrderTaker(project, pool, self._exchange_facts, self._active, self._wake)
        self._echoes = Echoes()
        self._created = False
        self._cut_short = True
        self._flipped: set[bytes] = set()
        self._seen_active: dict[bytes, Side] = {}
        self._retry_at, self._retry_took = 0.0, 0.0
        self._addresses = StandingCheck(project, pool)
        self._standing = Standing(project.project, pool)
        self._sides: Sides | None = None
        self._carrier: Carrier | None = None
        self._facts: ExchangeFacts | None = None
        self._sweeps = {side: Sweep(project.project, side, forest, pool) for side, forest in self._forests.items()}

    async def run(self) -> None:
        """Synchronise until cancelled. Whatever goes wrong is told, waited for, and tried again."""
        async with contextlib.AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
            for forest in self._forests.values():
                await stack.enter_async_context(forest)
                tasks.create_task(notify(forest, self._wake, self._listening))
            tasks.create_task(self._hear_of_switches())
            tasks.create_task(self._standing.tell())
            tasks.create_task(self._orders.hear())
            again_in = _FIRST_PAUSE
            while True:
                if self._lock.is_closed():
                    raise ConnectionError(f"the lock of project {self._project.project} was lost with its connection")
                try:
                    await self._run_once()
                    assert self._sides is not None
                    await self._addresses.look(self._sides)
                    self._standing.is_in_step()
                    again_in = _FIRST_PAUSE
                except (DirectoryError, Stopped, *DATABASE_ERRORS) as error:
                    self._cut_short = True
                    self._standing.fails(str(error))
                    self._log.warning("directories are not in step", reason=str(error), again_in_seconds=again_in)
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(again_in):
                            await self._orders.asked.wait()
                    again_in = min(again_in * 2, _LONGEST_PAUSE)
                    continue
                self._listening.set()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._longest_wait):
                        await self._wake.wait()
                    await asyncio.sleep(_GATHER_SECONDS)
                self._wake.clear()

    @property
    def _longest_wait(self) -> float:
        """Seconds until something is due of which no forest tells."""
        sweeps = (sweep.seconds for sweep in self._sweeps.values())
        return min(self._project.directory.interval_seconds, _RETRY_SECONDS, *sweeps)

    def _retry_within(self, seconds: float) -> None:
        """Have what waits looked at again after so many seconds, if nothing has it looked at before."""
        self._retry_at = min(self._retry_at, time.monotonic() + pause(seconds, self._retry_took))

    async def _run_once(self) -> None:
        if self._sides is None:
            readings = {side: await reading(forest, self._project) for side, forest in self._forests.items()}
            self._sides = Sides(self._forests, readings)
            self._carrier = Carrier(self._project, self._ordered_by, self._sides, self._pool, self._echoes)
            for sweep in self._sweeps.values():
                await sweep.begin()
        if self._cut_short:
            await settle(self._project, self._sides, self._pool)
            self._cut_short = False
        # Before anything else, so that what is put back is not written over.
        await self._orders.carry_out(self._sides)
        async with self._pool.acquire() as connection:
            progress = await records.load_progress(connection, self._project.project)
        if progress.source is None or progress.target is None or progress.compared_revision != self._revision:
            await self._compare_all()
            return
        try:
            came = {
                Side.SOURCE: await self._changes(Side.SOURCE, progress),
                Side.TARGET: await self._changes(Side.TARGET, progress),
            }
        except BookmarkUnusable as error:
            self._log.warning("everything is compared anew", reason=str(error))
            await self._compare_all()
            return
        if any(each.moved for each in came.values()):
            self._log.info("an organisational unit was moved or renamed: everything is compared anew")
            await self._compare_all()
            return
        try:
            await self._follow(progress, came)
        except _Anew:
            self._log.info("somebody is named for an object that has a pair already: everything is compared anew")
            await self._compare_all()

    async def _changes(self, side: Side, progress: Progress) -> Changes:
        assert self._sides is not None
        bookmark = progress.source if side is Side.SOURCE else progress.target
        assert bookmark is not None
        came = await changes(self._forests[side], bookmark, self._sides.readings[side].attributes)
        return await self._sweeps[side].with_gone(self._without_echoes(side, came))

    def _without_echoes(self, side: Side, came: Changes) -> Changes:
        """What changed but for what we wrote ourselves."""
        assert self._carrier is not None
        echoes = self._echoes.heard(side, came.changed)
        if not echoes:
            return came
        self._carrier.kept(echoes.values())
        metrics.echoes.labels(self._project.project).inc(len(echoes))
        return replace(came, changed={guid: told for guid, told in came.changed.items() if guid not in echoes})

    # --- everything -------------------------------------------------------------------------------------------------

    async def _compare_all(self) -> None:
        """Read both forests whole, compare, and carry out what differs."""
        began = time.monotonic()
        name = self._project.project
        self._standing.begins_anew()
        self._flipped = set()  # those that come later are looked at again
        self._listening.clear()
        # The bookmarks first: what changes while we read is looked at again.
        bookmarks = {side: await here(forest) for side, forest in self._forests.items()}
        async with self._pool.acquire() as connection:
            known = {record.pair.id: record for record in await records.all_pairs(connection, name)}
        pairs = [replace(record.pair, active=self._active(record.pair)) for record in known.values()]
        found = await survey(self._forests[Side.SOURCE], self._forests[Side.TARGET], self._project, pairs)
        comparison, around = found.comparison, found.comparison.around
        known = {each: record.but_for_inherited(comparison.inherited) for each, record in known.items()}
        self._facts = found.facts
        self._log.info(
            "compared", pairs=len(comparison.decisions) + len(comparison.undecided), matched=len(comparison.matched),
            create=comparison.created, refused=len(comparison.refused), left_out=dict(comparison.left_out),
        )  # fmt: skip
        parted = [
            source_parted(
                known[pair.id], around.source.get(pair.source_guid), around.target.get(pair.target_guid), self._project
            )
            for pair in comparison.without_source
        ]
        parted += [
            Parted(
                known[pair.id], Side.TARGET, around.source.get(pair.source_guid), None,
                f"its object in {self._project.target.name} was deleted",
            )
            for pair in comparison.without_target
        ]  # fmt: skip
        await self._carry_out(
            comparison.decisions, comparison.undecided, parted, known, around, found.members, comparison.inherited
        )
        progress = Progress(self._revision, bookmarks[Side.SOURCE], bookmarks[Side.TARGET], found.members)
        async with self._pool.acquire() as connection, connection.transaction():
            await records.save_refused(connection, name, None, comparison.refused)
            await records.save_progress(connection, name, progress)
        seconds = time.monotonic() - began
        metrics.runs.labels(name, "full").observe(seconds)
        self._log.info("in step", seconds=round(seconds, 2))
        for problem in found.problems:
            self._log.warning("project", problem=problem)

    # --- what changed -----------------------------------------------------------------------------------------------

    async def _follow(self, progress: Progress, came: Mapping[Side, Changes]) -> None:
        """Look at what changed since the bookmarks, at who was switched, and now and then at what is unfinished."""
        began, name = time.monotonic(), self._project.project
        flipped, self._flipped = self._flipped, set()
        created, self._created = self._created, False
        if any(_addresses_written(each) for each in came.values()):
            self._retry_within(_FREED_SECONDS)
        retry = began >= self._retry_at
        try:
            async with self._pool.acquire() as connection:
                also = await records.pairs_by_id(connection, name, flipped)
                if retry:
                    also += await records.unfinished_pairs(connection, name)
                    self._retry_at = float("inf")
            if not also and not created and not any(each.changed or each.deleted for each in came.values()):
                if any(each.bookmark != before for each, before in self._with_bookmarks(came, progress)):
                    await self._save(progress, came)
                return
            changed = {side: set(came[side].changed) | set(came[side].deleted) for side in Side}
            members, regrouped = await self._regrouped(progress, came[Side.SOURCE])
            changed[Side.SOURCE] |= regrouped
            if changed[Side.TARGET] or created:
                # What kept an object of the source from being matched may be mended, or what it waited for made.
                async with self._pool.acquire() as connection:
                    changed[Side.SOURCE].update(await records.refused_guids(connection, name))
            changed[Side.TARGET] |= await self._groups_of_deleted(came[Side.SOURCE].deleted)
            if await self._look(changed, also, members):
                async with self._pool.acquire() as connection:
                    waiting = await records.unfinished_pairs(connection, name)
                await self._look({Side.SOURCE: (), Side.TARGET: ()}, waiting, members)
            await self._save(replace(progress, members=members), came)
        except BaseException:
            self._flipped |= flipped
            self._created |= created
            raise
        finally:
            if retry:
                self._retry_took = time.monotonic() - began
                self._retry_within(_RETRY_SECONDS)
        metrics.runs.labels(name, "changes").observe(time.monotonic() - began)

    async def _look(
        self, changed: Mapping[Side, Collection[bytes]], also: Sequence[Record], members: Mapping[str, frozenset[bytes]]
    ) -> bool:
        """Look at some objects again and carry out what they need. Returns whether anything was created."""
        assert self._sides is not None
        look: Look = await look_again(
            self._project,
            self._sides,
            await self._exchange_facts(),
            self._pool,
            changed,
            also,
            self._active,
        )
        if look.anew:
            raise _Anew
        created = await self._carry_out(
            look.decisions, (), look.parted, look.known, look.around, members, look.inherited
        )
        async with self._pool.acquire() as connection, connection.transaction():
            await records.save_refused(connection, self._project.project, look.looked_at, look.refused)
        return created

    async def _regrouped(self, progress: Progress, came: Changes) -> tuple[Mapping[str, frozenset[bytes]], set[bytes]]:
        """The members of the collections' groups, and who came or went: only when something changed that may matter."""
        if not any(collection.group for collection in self._project.collections):
            return {}, set()
        if not came.changed and not came.deleted:
            return progress.members, set()
        members, _ = await collection_members(self._forests[Side.SOURCE], self._project)
        moved: set[bytes] = set()
        for group in members.keys() | progress.members.keys():
            moved |= members.get(group, frozenset()) ^ progress.members.get(group, frozenset())
        return members, moved

    async def _groups_of_deleted(self, deleted: Sequence[bytes]) -> set[bytes]:
        """Groups of the target with the counterpart of a deleted object: no directory says that a group changed because
        a member was deleted."""
        assert self._sides is not None
        if not deleted:
            return set()
        async with self._pool.acquire() as connection:
            touched = await records.pairs_of(connection, self._project.project, deleted, ())
        guids = [record.pair.target_guid for record in touched if record.pair.target_guid]
        objects = await self._sides.read(Side.TARGET, guids)
        wanted = [filters.equals("member", obj.dn) for obj in objects]
        found = await read_where(self._forests[Side.TARGET], wanted, ["objectClass"]) if wanted else []
        return {obj.guid for obj in found}

    # --- both -------------------------------------------------------------------------------------------------------

    async def _carry_out(
        self,
        decisions: Sequence[Decision],
        undecided: Sequence[New],
        parted: Sequence[Parted],
        known: Mapping[bytes, Record],
        around: Surroundings,
        members: Mapping[str, frozenset[bytes]],
        inherited: Mapping[bytes, bytes],
    ) -> bool:
        assert self._carrier is not None
        metrics.looked_at.labels(self._project.project).inc(len(decisions) + len(undecided))
        name, minutes = self._project.project, self._project.directory.guard_minutes
        weight = weigh(decisions, newly(parted))
        async with self._pool.acquire() as connection, connection.transaction():
            stopped = await records.stopped(connection, name)
            recently = await records.recently_weighed(connection, name, minutes)
            stop = objection(weight, self._project, recently, stopped[0] if stopped and stopped[1] else None)
            if stop:
                await records.save_stopped(connection, name, (weight | recently).measure, stop)
            elif weight:
                # Before the writing: what is cut short was begun.
                await records.save_weighed(connection, name, weight, minutes)
            if not stop and inherited:
                await records.pass_on(connection, inherited)
        if stop:
            raise Stopped(stop)
        # Who is inherited from goes first: a name never leads to two pairs.
        await self._part([each for each in parted if each.record.pair.id in inherited])
        created = await self._carrier.carry_out(decisions, undecided, known, around, members)
        if created:
            self._created = True
            self._wake.set()
        if any(decision.frees_address for decision in decisions):
            self._retry_within(0.0)  # somebody may have waited for it
            self._wake.set()
        await self._part([each for each in parted if each.record.pair.id not in inherited])
        if stopped is not None:
            # It is carried out, or mended: whatever is stopped next needs another word.
            async with self._pool.acquire() as connection, connection.transaction():
                await records.forget_stopped(connection, name)
                if stopped[1]:
                    await records.forget_weighed(connection, name)
        return created

    async def _part(self, parted: Sequence[Parted]) -> None:
        """See to pairs one of whose objects is gone."""
        if not parted:
            return
        news = News()
        now = await part(parted, self._forests, self._project, self._ordered_by, self._pool, news)
        async with self._pool.acquire() as connection, connection.transaction():
            await records.save_pairs(connection, self._project.project, now)
            await telling.tell(connection, news)

    @property
    def _ordered_by(self) -> str:
        return f"dirsync, revision {self._revision} of the project"

    async def _exchange_facts(self) -> ExchangeFacts:
        if self._facts is None:
            self._facts = await exchange_facts(self._forests[Side.TARGET], self._project.target)
        return self._facts

    async def _save(self, progress: Progress, came: Mapping[Side, Changes]) -> None:
        progress = replace(progress, source=came[Side.SOURCE].bookmark, target=came[Side.TARGET].bookmark)
        async with self._pool.acquire() as connection, connection.transaction():
            await records.save_progress(connection, self._project.project, progress)

    @staticmethod
    def _with_bookmarks(came: Mapping[Side, Changes], progress: Progress) -> list[tuple[Changes, object]]:
        return [(came[Side.SOURCE], progress.source), (came[Side.TARGET], progress.target)]

    def _active(self, pair: Pair) -> Side:
        """Whose mailbox is used: what the account map says, else what it said last."""
        said = self._accounts.get(pair.id)
        return Side(said.active_side) if said is not None and said.active_side else pair.active

    async def _hear_of_switches(self) -> None:
        """Note the pairs whose active side changed."""
        async with self._pool.acquire() as connection:
            for record in await records.all_pairs(connection, self._project.project):
                self._seen_active[record.pair.id] = record.pair.active
        async for event in self._accounts:
            side = Side(event.data.active_side) if event.data.active_side else Side.SOURCE
            if self._seen_active.get(event.key, Side.SOURCE) is not side:
                self._seen_active[event.key] = side
                self._flipped.add(event.key)
                self._wake.set()


def _addresses_written(came: Changes) -> bool:
    """Whether somebody may have given up an address."""
    return bool(came.deleted) or any(
        told is None or told.values.keys() & {"mail", "proxyaddresses"} for told in came.changed.values()
    )
