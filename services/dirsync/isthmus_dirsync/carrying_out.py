"""Decisions carried out: objects created and changed in both forests, then written down and told.

Everything here may be cut short at any moment and done again: a decision is made from what the forests hold, so what
was written already is not written twice, and an object that was created without our learning of it is found again by
the source's legacyExchangeDN among its addresses.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

import structlog
from isthmus_directory import Forest, Reading, WriteRefused, create, modify, read_guids
from isthmus_sync.directory import (
    Agreed,
    Decision,
    DirectoryObject,
    Modification,
    Side,
    Surroundings,
    applied,
    collection_of,
    decide,
)
from isthmus_sync.directory.echoes import Echoes, consequential, leads_on
from isthmus_sync.directory.pairs import fingerprint
from isthmus_sync.directory.reasons import reason
from isthmus_sync.directory.recipients import made_for

from isthmus_dirsync import journal, metrics, records, telling
from isthmus_dirsync.merging import Merger
from isthmus_dirsync.records import Record
from isthmus_dirsync.telling import News

if TYPE_CHECKING:
    from isthmus_project import Project
    from isthmus_service import Pool

T = TypeVar("T")

_AT_ONCE = 200
"""Decisions written down in one transaction; what a crash costs is looking at them again."""
_MOST_REPEATS = 3


@dataclass(frozen=True, slots=True)
class Sides:
    """Both forests and what is read of their objects."""

    forests: Mapping[Side, Forest]
    readings: Mapping[Side, Reading]

    async def read(self, side: Side, guids: Iterable[bytes]) -> list[DirectoryObject]:
        """Objects by GUID, those that exist."""
        reading = self.readings[side]
        return await read_guids(self.forests[side], guids, reading.attributes, reading.times)


@dataclass(slots=True)
class Done:
    """What came of writing a decision: the modifications that were written, the attributes (in lower case) that were
    refused, and why; `unmerged`: a contact is still there whose place was to be taken."""

    changes: dict[Side, tuple[Modification, ...]] = field(default_factory=lambda: dict.fromkeys(Side, ()))
    refused: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)
    unmerged: bool = False

    def refuse(self, change: Modification, error: WriteRefused) -> None:
        self.refused.add(change.attribute.lower())
        self.problems.append(f"{change.attribute}: {error}")


class Carrier:
    """Carries decisions of one project out; `ordered_by` is said in the journal. `echoes` learns what was written."""

    def __init__(self, project: Project, ordered_by: str, sides: Sides, pool: Pool, echoes: Echoes) -> None:
        self._project = project
        self._ordered_by = ordered_by
        self._sides = sides
        self._pool = pool
        self._log = structlog.get_logger("dirsync").bind(project=project.project)
        self._merger = Merger(project, sides.forests[Side.TARGET], ordered_by, pool)
        self._writes: dict[bytes, tuple[str, int]] = {}
        self._echoes = echoes
        self._consequential = consequential(project)

    def kept(self, pairs: Iterable[bytes]) -> None:
        """What was written to these pairs is there: nobody sets it back."""
        for pair_id in pairs:
            self._writes.pop(pair_id, None)

    async def carry_out(
        self,
        decisions: Sequence[Decision],
        known: Mapping[bytes, Record],
        around: Surroundings,
        members: Mapping[str, frozenset[bytes]],
    ) -> bool:
        """Carry out decisions, in the order: create, then change, so that links find what they name.

        Returns whether anything was created. Raises DirectoryUnavailable when a forest goes away in between.
        """
        created = [decision for decision in decisions if decision.creation is not None]
        own: set[bytes] = set()
        failed: dict[bytes, str] = {}

        def anew(decision: Decision) -> Decision:
            """Only now, when all that are created exist, are links and the source's side decided."""
            if decision.creation is None:
                held = decision.held and own
                return decide(decision.pair, decision.source, decision.target, around) if held else decision
            pair = around.twins.by_id(decision.pair.id)
            assert pair is not None
            return decide(pair, decision.source, around.target.get(pair.target_guid), around)

        async def create_some(portion: Sequence[Decision]) -> None:
            own.update(decision.pair.id for decision in await self._create(portion, around, failed))

        async def change_some(portion: Sequence[Decision]) -> None:
            await self._change([anew(decision) for decision in portion], known, own, members)

        async def note_some(portion: Sequence[Decision]) -> None:
            await self._note_failures(portion, known, failed)

        await in_portions(create_some, created)
        made = [decision for decision in created if decision.pair.id in own]
        await in_portions(change_some, [*made, *(d for d in decisions if d.creation is None)])
        await in_portions(note_some, [d for d in created if d.pair.id in failed])
        return bool(made)

    async def _create(
        self, decisions: Sequence[Decision], around: Surroundings, failed: dict[bytes, str]
    ) -> list[Decision]:
        """Create objects in the target and note them. Returns the decisions that were carried out."""
        forest = self._sides.forests[Side.TARGET]

        reading = self._sides.readings[Side.TARGET]

        async def one(decision: Decision) -> tuple[Decision, DirectoryObject] | None:
            assert decision.creation is not None
            entry = begun[decision.pair.id]
            try:
                obj = await create(forest, decision.creation, reading.attributes, reading.times)
            except WriteRefused as error:
                self._log.warning("not created", source=decision.source.dn, reason=str(error))
                failed[decision.pair.id] = str(error)
                ended.append(replace(entry, outcome=journal.REFUSED))
                return None
            metrics.writes.labels(forest.name, "create").inc()
            ended.append(replace(entry, outcome=journal.WRITTEN, guid=obj.guid))
            return decision, obj

        # The intent first: after a crash, what carries our mark is known to be ours.
        intents = [Record(d.pair, True, False, False, 0, True, "", None) for d in decisions]
        entries = [self._creation_entry(decision) for decision in decisions]
        ended: list[journal.Entry] = []
        async with self._pool.acquire() as connection, connection.transaction():
            await records.save_pairs(connection, self._project.project, intents)
            begun = {each.pair_id: each for each in await journal.begin(connection, self._project.project, entries)}
        done = [result for result in await _all(one, decisions) if result is not None]
        news = News()
        new_records: list[Record] = []
        for decision, obj in done:
            assert decision.creation is not None
            pair = replace(decision.pair, target_guid=obj.guid, agreed=Agreed())
            around.twins.put(pair)
            around.target.put(obj)
            around.target.drop(pair.id)  # the place-holder of the names that the object now has itself
            new_records.append(Record(pair, True, False, False, 0, True, "", None))
            news.wrote(
                pair.id, Side.TARGET, telling.CREATED, decision.creation.dn, sorted(decision.creation.attributes)
            )
        async with self._pool.acquire() as connection, connection.transaction():
            await records.save_pairs(connection, self._project.project, new_records)
            await journal.end(connection, ended)
            await telling.tell(connection, news)
        return [decision for decision, _ in done]

    async def _change(
        self,
        decisions: Sequence[Decision],
        known: Mapping[bytes, Record],
        created: set[bytes],
        members: Mapping[str, frozenset[bytes]],
    ) -> None:
        """Change objects, and write down and tell what came of it."""
        done: dict[bytes, Done] = {}
        stubborn = {d.pair.id: problem for d in decisions if (problem := self._stubborn(d))}
        entries = [entry for d in decisions if d.pair.id not in stubborn for entry in self._change_entries(d)]
        async with self._pool.acquire() as connection, connection.transaction():
            entries = await journal.begin(connection, self._project.project, entries)

        news = News()

        async def one(decision: Decision) -> None:
            written = done[decision.pair.id] = await self._write(decision, stubborn.get(decision.pair.id, ""))
            # The contact goes last: until then it receives what its heir could not.
            if decision.merges and decision.pair.id not in stubborn and "proxyaddresses" not in written.refused:
                problems = await self._merger.merge(decision, news)
                written.problems += problems
                written.unmerged = bool(problems)

        await _all(one, decisions)
        changed: list[Record] = []
        for decision in decisions:
            before = known.get(decision.pair.id)
            record = self._outcome(decision, done[decision.pair.id], before, created, members, news)
            if record != before:
                changed.append(record)
        if changed or news.changed or entries:
            async with self._pool.acquire() as connection, connection.transaction():
                await records.save_pairs(connection, self._project.project, changed)
                await records.note_addresses(connection, self._project.project, news.observed.values())
                await journal.end(connection, [_ended(entry, done[entry.pair_id]) for entry in entries])
                await telling.tell(connection, news)
        # Only now: what is not written down must be decided again when the forest tells of it.
        for decision in decisions:
            self._expect_echoes(decision, done[decision.pair.id], made=decision.pair.id in created)

    def _expect_echoes(self, decision: Decision, done: Done, *, made: bool) -> None:
        for side, obj in ((Side.SOURCE, decision.source), (Side.TARGET, decision.target)):
            if obj is None:
                continue
            names = [change.attribute for change in done.changes[side]]
            if decision.problems or leads_on(names, side, self._consequential):
                self._echoes.forget(side, obj.guid)
            elif names or (made and side is Side.TARGET):
                self._echoes.expect(side, applied(obj, done.changes[side]), decision.pair.id)

    def _creation_entry(self, decision: Decision) -> journal.Entry:
        assert decision.creation is not None
        made = decision.creation
        changes = tuple(
            journal.Change(Modification(name, (), values, whole=False), reason(name, decision, self._project))
            for name, values in made.attributes.items()
        )
        return journal.Entry(decision.pair.id, Side.TARGET, b"", made.dn, journal.CREATE, changes, self._ordered_by)

    def _change_entries(self, decision: Decision) -> Iterable[journal.Entry]:
        for side, obj in ((Side.SOURCE, decision.source), (Side.TARGET, decision.target)):
            if decision.modifications[side] and obj is not None:
                changes = tuple(
                    journal.Change(each, reason(each.attribute, decision, self._project))
                    for each in decision.modifications[side]
                )
                yield journal.Entry(decision.pair.id, side, obj.guid, obj.dn, journal.CHANGE, changes, self._ordered_by)

    async def _write(self, decision: Decision, stubborn: str) -> Done:
        """Write what a decision changes on both objects. One refused attribute does not keep back the others."""
        done = Done()
        if decision.idle:
            self._writes.pop(decision.pair.id, None)
            return done
        if stubborn:
            done.problems.append(stubborn)
            done.refused.update(change.attribute.lower() for side in Side for change in decision.modifications[side])
            return done
        # The active side first: it stops sending its mail on before the other one starts to, so mail never circles.
        for side in (decision.pair.active, decision.pair.active.other):
            changes = decision.modifications[side]
            obj = decision.source if side is Side.SOURCE else decision.target
            if not changes or obj is None:
                continue
            forest = self._sides.forests[side]
            try:
                await modify(forest, obj.guid, obj.dn, changes)
                done.changes[side] = changes
            except WriteRefused as error:
                if len(changes) == 1:
                    done.refuse(changes[0], error)
                else:
                    done.changes[side] = await self._write_singly(forest, obj, changes, done)
            metrics.writes.labels(forest.name, "change").inc()
        for problem in done.problems:
            self._log.warning("not changed", source=decision.source.dn, reason=problem)
        return done

    async def _write_singly(
        self, forest: Forest, obj: DirectoryObject, changes: Sequence[Modification], done: Done
    ) -> tuple[Modification, ...]:
        written: list[Modification] = []
        for change in changes:
            try:
                await modify(forest, obj.guid, obj.dn, [change])
                written.append(change)
            except WriteRefused as error:
                done.refuse(change, error)
        return tuple(written)

    def _outcome(
        self,
        decision: Decision,
        done: Done,
        before: Record | None,
        created: set[bytes],
        members: Mapping[str, frozenset[bytes]],
        news: News,
    ) -> Record:
        """The record of a pair after its decision was carried out as far as it was."""
        pair = decision.pair
        source = applied(decision.source, done.changes[Side.SOURCE])
        target = applied(decision.target, done.changes[Side.TARGET]) if decision.target else None
        collection = collection_of(self._project, decision.source, members)
        message = telling.observed(pair.id, source, target, collection, decision.merged)
        observed = message.SerializeToString(deterministic=True)
        if before is None or observed != before.observed:
            news.observed[pair.id] = message
        redirected = before.redirected if before else 0
        carried = decision.redirected and not done.refused & {"targetaddress", "proxyaddresses"}
        if carried and redirected != pair.active:
            redirected = int(pair.active)
            news.redirected[pair.id] = pair.active
        for side, obj in ((Side.SOURCE, source), (Side.TARGET, target)):
            if done.changes[side] and obj is not None:
                names = [change.attribute for change in done.changes[side]]
                news.wrote(pair.id, side, telling.UPDATED, obj.dn, names)
        return Record(
            replace(pair, agreed=decision.agreed.but_for(done.refused, pair.agreed)),
            pair.id in created or (before is not None and before.created and made_for(pair, target)),
            source_gone=False,
            target_gone=False,
            redirected=redirected,
            unfinished=bool(done.refused or decision.held or decision.contested or done.unmerged),
            problem="; ".join([*done.problems, *decision.problems]),
            observed=observed,
        )

    async def _note_failures(
        self, decisions: Sequence[Decision], known: Mapping[bytes, Record], failed: Mapping[bytes, str]
    ) -> None:
        """Write down objects that could not be created; they are tried again."""
        noted = [Record(d.pair, False, False, False, 0, True, failed[d.pair.id], None) for d in decisions]
        news = [record for record in noted if record != known.get(record.pair.id)]
        async with self._pool.acquire() as connection, connection.transaction():
            await records.save_pairs(connection, self._project.project, news)

    def _stubborn(self, decision: Decision) -> str | None:
        """Whether the same writes were made again and again and the forest shows something else: somebody else sets
        the values back, or the server stores them differently. Going on would only make noise."""
        if decision.idle:
            return None
        texts = [change.spoken().encode() for side in Side for change in decision.modifications[side]]
        texts += [contact.dn.encode() for contact in decision.merges]
        print_ = fingerprint(tuple(texts))
        last, times = self._writes.get(decision.pair.id, ("", 0))
        times = times + 1 if last == print_ else 1
        self._writes[decision.pair.id] = print_, times
        if times <= _MOST_REPEATS:
            return None
        names = sorted({change.attribute for side in Side for change in decision.modifications[side]})
        names += [contact.dn for contact in decision.merges]
        return (
            f"written {_MOST_REPEATS} times and still different: {', '.join(names)}; another tool sets "
            "them back, or the forest does not keep them; exclude them or stop the other tool"
        )


def _ended(entry: journal.Entry, done: Done) -> journal.Entry:
    """An entry with what was written of it."""
    written = set(done.changes[entry.side])
    changes = tuple(change for change in entry.changes if change.modification in written)
    if not changes:
        return replace(entry, outcome=journal.REFUSED)
    return replace(entry, outcome=journal.WRITTEN, changes=changes)


async def _all(work: Callable[[Decision], Awaitable[T]], items: Iterable[Decision]) -> list[T]:
    """`work` for every item at the same time; when one raises, the others end first."""
    results = await asyncio.gather(*(work(item) for item in items), return_exceptions=True)
    done: list[T] = []
    for result in results:
        if isinstance(result, BaseException):
            raise result
        done.append(result)
    return done


async def in_portions(work: Callable[[Sequence[Decision]], Awaitable[None]], items: Sequence[Decision]) -> None:
    """`work` for the items in portions, two at a time, so that the forests have work while one is written down; when
    one raises, the other ends first and no more are begun."""
    portions = (items[start : start + _AT_ONCE] for start in range(0, len(items), _AT_ONCE))
    broken = False

    async def some() -> None:
        nonlocal broken
        for portion in portions:
            if broken:
                return
            try:
                await work(portion)
            except BaseException:
                broken = True
                raise

    for result in await asyncio.gather(some(), some(), return_exceptions=True):
        if isinstance(result, BaseException):
            raise result
