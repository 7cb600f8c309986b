"""Entries of the journal put back, newest first; what would not stay or was changed since is left and named.

Whether a value may be put back is decided in isthmus_sync.directory.reverting. An object that was created is deleted
again if nobody touched it and no mailbox hangs on it; one that was deleted is reanimated, or made anew where that is
not allowed, and then belongs to whoever uses it: dirsync does not delete it a second time. What the merge of a contact
did to others than the pair's own objects is put back only once contacts are no longer merged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from isthmus.directory.v1.directory_pb2 import Reversion, RevertRequest, RevertResponse
from isthmus_directory import WriteRefused, bring_back, delete, modify
from isthmus_sync.directory import (
    DirectoryObject,
    ExchangeFacts,
    Link,
    Modification,
    Pair,
    Side,
    applied,
    left_out,
)
from isthmus_sync.directory.difference import Value
from isthmus_sync.directory.reverting import changed_since, inverse, put_back

from isthmus_dirsync import journal, records
from isthmus_dirsync.looking_again import look_again

if TYPE_CHECKING:
    from isthmus_project import Project
    from isthmus_service import Pool
    from isthmus_sync.directory import Surroundings

    from isthmus_dirsync.carrying_out import Sides
    from isthmus_dirsync.journal import Entry
    from isthmus_dirsync.records import Record

_PAIRS_AT_ONCE = 100


class Reverter:
    """Carries out one request. `facts` are those of the target's Exchange, `active` says whose mailbox is used."""

    def __init__(
        self,
        request: RevertRequest,
        project: Project,
        sides: Sides,
        facts: ExchangeFacts,
        pool: Pool,
        active: Callable[[Pair], Side],
    ) -> None:
        self._request = request
        self._project = project
        self._sides = sides
        self._facts = facts
        self._pool = pool
        self._active = active
        self._made_anew: dict[bytes, bytes] = {}

    async def run(self) -> RevertResponse:
        """Put back what the request means. Raises DirectoryUnavailable."""
        async with self._pool.acquire() as connection:
            entries = await journal.revertible(connection, self._project.project, self._request.filter)
        of_pair: dict[bytes, list[Entry]] = {}
        for entry in entries:
            of_pair.setdefault(entry.pair_id, []).append(entry)
        response = RevertResponse()
        pairs = list(of_pair)
        for start in range(0, len(pairs), _PAIRS_AT_ONCE):
            some = pairs[start : start + _PAIRS_AT_ONCE]
            async with self._pool.acquire() as connection:
                known = await records.pairs_by_id(connection, self._project.project, some)
            look = await look_again(
                self._project, self._sides, self._facts, self._pool, dict.fromkeys(Side, ()), known, self._active
            )
            for record in known:
                for entry in of_pair[record.pair.id]:
                    record, reversion = await self._revert(entry, record, look.around)
                    response.reversions.append(reversion)
        return response

    async def _revert(self, entry: Entry, record: Record, around: Surroundings) -> tuple[Record, Reversion]:
        reversion = Reversion(entry=entry.message())
        try:
            if entry.guid and entry.action != journal.CREATE and entry.guid != record.pair.guid(entry.side):
                await self._undo_merge(entry, reversion)
                return record, reversion
            if entry.action == journal.DELETE:
                return await self._bring_back(entry, record, around, reversion), reversion
            guid = entry.guid or record.pair.guid(entry.side)
            obj = around.index(entry.side).get(guid)
            if obj is None:
                reversion.refused.append(f"{entry.dn} is gone")
            elif entry.action == journal.CREATE:
                await self._take_away(entry, obj, reversion)
            else:
                return await self._put_back(entry, record, obj, around, reversion), reversion
        except WriteRefused as error:
            reversion.refused.append(str(error))
        return record, reversion

    async def _put_back(
        self, entry: Entry, record: Record, obj: DirectoryObject, around: Surroundings, reversion: Reversion
    ) -> Record:
        pair = replace(record.pair, active=self._active(record.pair))
        objects = {side: around.index(side).get(pair.guid(side)) for side in Side}
        source = objects[Side.SOURCE]
        if source is not None and left_out(source, self._project.directory) is not None:
            objects[entry.side.other] = None  # the pair is not kept in step
        back = put_back(pair, objects, entry.side, entry.modifications, around)
        reversion.refused.extend(back.refused)
        reversion.attributes.extend(change.attribute for change in back.modifications)
        if not back.modifications:
            return record
        around.index(entry.side).put(applied(obj, back.modifications))
        record = replace(record, pair=replace(record.pair, agreed=back.agreed))
        if not self._request.dry_run:
            reverting = await self._begin(entry, obj, journal.CHANGE, back.modifications)
            # What both sides agree on first: a crash in between leaves a write to be made again, not one undone.
            async with self._pool.acquire() as connection, connection.transaction():
                await records.save_pairs(connection, self._project.project, [record])
            await modify(self._sides.forests[entry.side], obj.guid, obj.dn, back.modifications)
            await self._end(entry, reverting)
        return record

    async def _take_away(self, entry: Entry, obj: DirectoryObject, reversion: Reversion) -> None:
        """Delete what was created."""
        touched = [
            change.attribute
            for change in entry.modifications
            if not obj.linked(change.attribute) and set(obj.raw(change.attribute)) != set(change.added)
        ]
        if obj.has_mailbox:
            reversion.refused.append(f"{obj.dn} has a mailbox; delete or disable it by hand if nobody needs it")
        elif touched:
            reversion.refused.append(f"{', '.join(touched)} of {obj.dn} changed since; delete it by hand")
        else:
            reversion.attributes.extend(change.attribute for change in entry.modifications)
            if not self._request.dry_run:
                held = [change.modification for change in journal.everything_of(obj, "")]
                reverting = await self._begin(entry, obj, journal.DELETE, held)
                await delete(self._sides.forests[entry.side], obj.guid, obj.dn)
                await self._end(entry, reverting)

    async def _bring_back(self, entry: Entry, record: Record, around: Surroundings, reversion: Reversion) -> Record:
        """Bring back what was deleted."""
        if around.index(entry.side).get(record.pair.guid(entry.side)) is not None:
            reversion.refused.append(f"{entry.dn} is there already")
            return record
        reversion.attributes.extend(change.attribute for change in entry.modifications)
        if self._request.dry_run:
            return record
        guid, reverting = await self._make_again(entry, reversion)
        record = replace(
            record, pair=replace(record.pair, target_guid=guid), created=False, target_gone=False, problem=""
        )
        async with self._pool.acquire() as connection, connection.transaction():
            await records.save_pairs(connection, self._project.project, [record])
        await self._end(entry, replace(reverting, guid=guid))
        return record

    async def _make_again(self, entry: Entry, reversion: Reversion) -> tuple[bytes, Entry]:
        """The deleted object of an entry, there again: its GUID, and the entry that says so."""
        gone = DirectoryObject(
            entry.guid,
            entry.dn,
            {c.attribute: tuple(v for v in c.removed if isinstance(v, bytes)) for c in entry.modifications},
            {c.attribute: tuple(v for v in c.removed if isinstance(v, Link)) for c in entry.modifications},
        )
        back = [Modification(each.attribute, (), each.removed, whole=False) for each in entry.modifications]
        reverting = await self._begin(entry, gone, journal.CREATE, back)
        guid, lost = await bring_back(self._sides.forests[entry.side], gone)
        reversion.refused.extend(lost)
        return guid, reverting

    async def _undo_merge(self, entry: Entry, reversion: Reversion) -> None:
        """Put back what a merge did to a contact, or to somebody who named it."""
        if self._project.directory.contacts != "report":
            reversion.refused.append(
                f"{entry.dn} would be changed again at once, as contacts are merged; set directory.contacts to report "
                "in the project and apply it first"
            )
            return
        found = await self._sides.read(entry.side, [self._made_anew.get(entry.guid, entry.guid)])
        if entry.action == journal.DELETE:
            if found:
                reversion.refused.append(f"{entry.dn} is there already")
                return
            reversion.attributes.extend(change.attribute for change in entry.modifications)
            if not self._request.dry_run:
                guid, reverting = await self._make_again(entry, reversion)
                self._made_anew[entry.guid] = guid
                await self._end(entry, replace(reverting, guid=guid))
            return
        if not found:
            reversion.refused.append(f"{entry.dn} is gone")
            return
        [obj] = found
        changed = [change.attribute for change in entry.modifications if changed_since(obj, change)]
        reversion.refused.extend(f"{name} was changed since; set it by hand if it is wrong" for name in changed)
        back = [self._as_made_anew(inverse(each)) for each in entry.modifications if each.attribute not in changed]
        reversion.attributes.extend(change.attribute for change in back)
        if back and not self._request.dry_run:
            reverting = await self._begin(entry, obj, journal.CHANGE, back)
            await modify(self._sides.forests[entry.side], obj.guid, obj.dn, back)
            await self._end(entry, reverting)

    def _as_made_anew(self, change: Modification) -> Modification:
        """The change with links to objects that were made again, and are others now, as they are to be written."""

        def now(value: Value) -> Value:
            return (
                replace(value, guid=self._made_anew.get(value.guid, value.guid)) if isinstance(value, Link) else value
            )

        return replace(change, added=tuple(map(now, change.added)))

    async def _begin(self, entry: Entry, obj: DirectoryObject, action: int, changes: Sequence[Modification]) -> Entry:
        reason = f"puts back what entry {entry.number} did"
        new = journal.Entry(
            entry.pair_id,
            entry.side,
            obj.guid,
            obj.dn,
            action,  # type: ignore[arg-type]
            tuple(journal.Change(change, reason) for change in changes),
            self._request.requested_by or "somebody",
        )
        async with self._pool.acquire() as connection, connection.transaction():
            [new] = await journal.begin(connection, self._project.project, [new])
        return new

    async def _end(self, entry: Entry, reverting: Entry) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            await journal.end(connection, [replace(reverting, outcome=journal.WRITTEN)])
            await journal.mark_reverted(connection, entry.number, reverting.number)
