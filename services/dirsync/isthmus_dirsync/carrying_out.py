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
from isthmus_directory import Forest, Reading, WriteRefused, create, modify, modify_each, read_guids
from isthmus_sync.directory import (
    Agreed,
    Decision,
    DirectoryObject,
    Modification,
    New,
    Pair,
    Side,
    Surroundings,
    applied,
    collection_of,
    decide,
    decide_and_note,
    in_order,
    once_made,
    with_links,
)
from isthmus_sync.directory.creation import Creation
from isthmus_sync.directory.difference import Value
from isthmus_sync.directory.echoes import Echoes, consequential, leads_on
from isthmus_sync.directory.pairs import fingerprint
from isthmus_sync.directory.reasons import reasons
from isthmus_sync.directory.recipients import made_for

from isthmus_dirsync import journal, metrics, records, telling
from isthmus_dirsync.merging import Merger
from isthmus_dirsync.records import Record
from isthmus_dirsync.telling import News

if TYPE_CHECKING:
    from isthmus_project import Project
    from isthmus_service import Pool

T = TypeVar("T")

_PORTION, _AT_ONCE = 100, 4
"""Decisions written down in one transaction, and portions under way: while some wait for a forest or for PostgreSQL
others are carried out. What a crash costs is looking at them again."""
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
        undecided: Sequence[New],
        known: Mapping[bytes, Record],
        around: Surroundings,
        members: Mapping[str, frozenset[bytes]],
    ) -> bool:
        """Carry out decisions: create what is new and change what that leads to, portion by portion, each object after
        those that it names; then change the rest, which names what is there by then. What is `undecided` is decided
        about when its turn comes: others are written meanwhile.

        Returns whether anything was created. Raises DirectoryUnavailable when a forest goes away in between.
        """
        decided = {decision.pair.id: decision for decision in decisions if decision.creation is not None}
        new = in_order([*((decision.pair, decision.source) for decision in decided.values()), *undecided], around)
        waiting: list[Decision] = []
        own: set[bytes] = set()
        failed: dict[bytes, str] = {}

        def anew(decision: Decision) -> Decision:
            """Only now, when what it names exists, are links and the source's side decided."""
            if decision.creation is None:
                held = decision.held and own
                return decide(decision.pair, decision.source, decision.target, around) if held else decision
            pair = around.twins.by_id(decision.pair.id)
            assert pair is not None
            made = around.target.get(pair.target_guid)
            assert made is not None
            return once_made(decision, pair, made, around)

        async def create_some(portion: Sequence[New]) -> None:
            creations = [decided.get(each[0].id) or decide_and_note(*each, around) for each in portion]
            made = await self._create(creations, around, failed)
            own.update(decision.pair.id for decision in made)
            now = [anew(decision) for decision in made]
            # Who names somebody that is still to come is decided about once more, and written to once.
            waiting.extend(decision for decision in now if decision.held)
            await self._change([decision for decision in now if not decision.held], known, own, members)

        async def change_some(portion: Sequence[Decision]) -> None:
            await self._change([anew(decision) for decision in portion], known, own, members)

        async def note_some(portion: Sequence[New]) -> None:
            await self._note_failures([pair for pair, _ in portion], known, failed)

        await in_portions(create_some, new)
        await in_portions(change_some, [*waiting, *(d for d in decisions if d.creation is None)])
        await in_portions(note_some, [each for each in new if each[0].id in failed])
        return bool(own)

    async def _create(
        self, decisions: Sequence[Decision], around: Surroundings, failed: dict[bytes, str]
    ) -> list[Decision]:
        """Create objects in the target and note them. Returns the decisions that were carried out."""
        forest = self._sides.forests[Side.TARGET]
        # The intent first: after a crash, what carries our mark is known to be ours.
        intents = [Record(d.pair, True, False, False, 0, True, "", None) for d in decisions]
        creations = [with_links(decision, around) for decision in decisions]
        entries = [self._creation_entry(*each) for each in zip(decisions, creations, strict=True)]
        async with self._pool.acquire() as connection, connection.transaction():
            await records.save_pairs(connection, self._project.project, intents)
            begun = await journal.begin(connection, self._project.project, entries)
        answers = await create(forest, creations, self._sides.readings[Side.TARGET].times)
        done: list[Decision] = []
        ended: list[journal.Entry] = []
        news = News()
        targets: dict[bytes, bytes] = {}
        for decision, creation, entry, obj in zip(decisions, creations, begun, answers, strict=True):
            if isinstance(obj, WriteRefused):
                self._log.warning("not created", source=decision.source.dn, reason=str(obj))
                failed[decision.pair.id] = str(obj)
                ended.append(replace(entry, outcome=journal.REFUSED))
                continue
            metrics.writes.labels(forest.name, "create").inc()
            done.append(decision)
            ended.append(_made(entry, creation, obj))
            pair = replace(decision.pair, target_guid=obj.guid, agreed=Agreed())
            around.twins.put(pair)
            around.target.put(obj)
            around.target.drop(pair.id)  # the place-holder of the names that the object now has itself
            targets[pair.id] = obj.guid
            news.wrote(pair.id, Side.TARGET, telling.CREATED, creation.dn, sorted(creation.attributes))
        async with self._pool.acquire() as connection, connection.transaction():
            await records.save_targets(connection, targets)
            await journal.end(connection, ended)
            await telling.tell(connection, news)
        return done

    async def _change(
        self,
        decisions: Sequence[Decision],
        known: Mapping[bytes, Record],
        created: set[bytes],
        members: Mapping[str, frozenset[bytes]],
    ) -> None:
        """Change objects, and write down and tell what came of it."""
        stubborn = {d.pair.id: problem for d in decisions if (problem := self._stubborn(d))}
        entries = [entry for d in decisions if d.pair.id not in stubborn for entry in self._change_entries(d)]
        async with self._pool.acquire() as connection, connection.transaction():
            entries = await journal.begin(connection, self._project.project, entries)

        news = News()
        done = await self._write(decisions, stubborn)

        async def merge(decision: Decision) -> None:
            written = done[decision.pair.id]
            # The contact goes last: until then it receives what its heir could not.
            if decision.pair.id not in stubborn and "proxyaddresses" not in written.refused:
                problems = await self._merger.merge(decision, news)
                written.problems += problems
                written.unmerged = bool(problems)

        await _all(merge, [decision for decision in decisions if decision.merges])
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

    def _creation_entry(self, decision: Decision, made: Creation) -> journal.Entry:
        held: dict[str, tuple[Value, ...]] = {**made.attributes, **made.links}
        why = reasons(held, decision, self._project)
        changes = tuple(
            journal.Change(Modification(name, (), values, whole=False), why[name]) for name, values in held.items()
        )
        return journal.Entry(decision.pair.id, Side.TARGET, b"", made.dn, journal.CREATE, changes, self._ordered_by)

    def _change_entries(self, decision: Decision) -> Iterable[journal.Entry]:
        for side, obj in ((Side.SOURCE, decision.source), (Side.TARGET, decision.target)):
            if decision.modifications[side] and obj is not None:
                modifications = decision.modifications[side]
                why = reasons((each.attribute for each in modifications), decision, self._project)
                changes = tuple(journal.Change(each, why[each.attribute]) for each in modifications)
                yield journal.Entry(
                    decision.pair.id,
                    side,
                    obj.guid,
                    obj.dn,
                    journal.CHANGE,
                    changes,
                    self._ordered_by,
                    intended=decision.agreed,
                )

    async def _write(self, decisions: Sequence[Decision], stubborn: Mapping[bytes, str]) -> dict[bytes, Done]:
        """Write what decisions change on both objects; what came of it by pair."""
        done = {decision.pair.id: Done() for decision in decisions}
        for decision in decisions:
            if decision.idle:
                self._writes.pop(decision.pair.id, None)
            elif problem := stubborn.get(decision.pair.id):
                written = done[decision.pair.id]
                written.problems.append(problem)
                written.refused.update(each.attribute.lower() for side in Side for each in decision.modifications[side])
        fluent = [decision for decision in decisions if not decision.idle and decision.pair.id not in stubborn]
        # The active side first: it stops sending its mail on before the other one starts to, so mail never circles.
        for first in (True, False):
            # When a forest goes away, what is under way in the other one ends before that is told.
            ended = await asyncio.gather(
                *(
                    self._write_side(side, [d for d in fluent if (d.pair.active is side) is first], done)
                    for side in Side
                ),
                return_exceptions=True,
            )
            for error in ended:
                if error is not None:
                    raise error
        for decision in decisions:
            for problem in done[decision.pair.id].problems:
                self._log.warning("not changed", source=decision.source.dn, reason=problem)
        return done

    async def _write_side(self, side: Side, decisions: Iterable[Decision], done: Mapping[bytes, Done]) -> None:
        """Write what decisions change on one side. One refused attribute does not keep back the others."""
        forest = self._sides.forests[side]
        writes = [
            (done[decision.pair.id], obj, decision.modifications[side])
            for decision in decisions
            if (obj := decision.source if side is Side.SOURCE else decision.target) is not None
            and decision.modifications[side]
        ]
        answers = await modify_each(forest, [(obj.guid, obj.dn, changes) for _, obj, changes in writes])
        for (written, obj, changes), refused in zip(writes, answers, strict=True):
            if refused is None:
                written.changes[side] = changes
            elif len(changes) == 1:
                written.refuse(changes[0], refused)
            else:
                written.changes[side] = await self._write_singly(forest, obj, changes, written)
            metrics.writes.labels(forest.name, "change").inc()

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
        self, pairs: Sequence[Pair], known: Mapping[bytes, Record], failed: Mapping[bytes, str]
    ) -> None:
        """Write down objects that could not be created; they are tried again."""
        noted = [Record(pair, False, False, False, 0, True, failed[pair.id], None) for pair in pairs]
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


def _made(entry: journal.Entry, creation: Creation, obj: DirectoryObject) -> journal.Entry:
    """The entry of a creation, without the links that the directory did not take."""
    made = replace(entry, outcome=journal.WRITTEN, guid=obj.guid)
    lost = {name for name in creation.links if not obj.linked(name)}
    kept = tuple(change for change in entry.changes if change.modification.attribute not in lost)
    return replace(made, changes=kept, fewer=True) if lost else made


def _ended(entry: journal.Entry, done: Done) -> journal.Entry:
    """An entry with what was written of it."""
    if done.changes[entry.side] and len(done.changes[entry.side]) == len(entry.changes):
        return replace(entry, outcome=journal.WRITTEN)
    written = set(done.changes[entry.side])
    changes = tuple(change for change in entry.changes if change.modification in written)
    if not changes:
        return replace(entry, outcome=journal.REFUSED)
    return replace(entry, outcome=journal.WRITTEN, changes=changes, fewer=True)


async def _all(work: Callable[[Decision], Awaitable[T]], items: Iterable[Decision]) -> list[T]:
    """`work` for every item at the same time; when one raises, the others end first."""
    results = await asyncio.gather(*(work(item) for item in items), return_exceptions=True)
    done: list[T] = []
    for result in results:
        if isinstance(result, BaseException):
            raise result
        done.append(result)
    return done


async def in_portions(work: Callable[[Sequence[T]], Awaitable[None]], items: Sequence[T]) -> None:
    """`work` for the items in portions, some at a time, so that neither forest waits; when one raises, those under way
    end first and no more are begun."""
    portions = (items[start : start + _PORTION] for start in range(0, len(items), _PORTION))
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

    for result in await asyncio.gather(*(some() for _ in range(_AT_ONCE)), return_exceptions=True):
        if isinstance(result, BaseException):
            raise result
