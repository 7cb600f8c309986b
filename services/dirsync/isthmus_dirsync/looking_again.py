"""A few objects looked at again: those that changed, with what matters for them, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from isthmus_directory import filters, read_where
from isthmus_sync.directory import (
    Decision,
    DirectoryObject,
    ExchangeFacts,
    Index,
    Pair,
    Refused,
    Side,
    Surroundings,
    Twins,
    decide_and_note,
    heirs,
    join,
    left_out,
    match,
    remember,
    succeeded,
    together,
)

from isthmus_dirsync import records
from isthmus_dirsync.carrying_out import Sides
from isthmus_dirsync.neighbourhood import address_holders, counterparts, rivals, said, stand_ins
from isthmus_dirsync.records import Record

if TYPE_CHECKING:
    from isthmus_project import Project
    from isthmus_service import Pool


@dataclass(frozen=True, slots=True)
class Parted:
    """A pair whose object on the side `lost` is gone or takes part no longer, and why. `source` and `target` are the
    objects as far as they are there."""

    record: Record
    lost: Side
    source: DirectoryObject | None
    target: DirectoryObject | None
    reason: str


@dataclass(frozen=True, slots=True)
class Look:
    """What was found: decisions to carry out, with what they were made from. `anew`: somebody was merged into a pair
    that is not all here, so everything must be compared. `inherited`: as Comparison has it."""

    around: Surroundings
    known: Mapping[bytes, Record]
    decisions: list[Decision]
    refused: list[Refused]
    looked_at: list[bytes]
    parted: list[Parted] = field(default_factory=list)
    anew: bool = False
    inherited: Mapping[bytes, bytes] = field(default_factory=dict)


async def look_again(
    project: Project,
    sides: Sides,
    facts: ExchangeFacts,
    pool: Pool,
    changed: Mapping[Side, Iterable[bytes]],
    also: Sequence[Record],
    active: Callable[[Pair], Side],
) -> Look:
    """Read the objects with these GUIDs and the pairs `also`, each with its counterpart, and decide."""
    source_guids, target_guids = set(changed[Side.SOURCE]), set(changed[Side.TARGET])
    async with pool.acquire() as connection:
        touched = await records.pairs_of(connection, project.project, source_guids, target_guids)
    of_source = {record.pair.source_guid: record for record in (*also, *touched)}
    merged = {guid for record in of_source.values() for guid in record.pair.merged}
    sources = {obj.guid: obj for obj in await sides.read(Side.SOURCE, source_guids | of_source.keys() | merged)}
    of_source = {guid: _without_gone(record, sources) for guid, record in of_source.items()}
    targets = {
        obj.guid: obj
        for obj in await sides.read(
            Side.TARGET, [record.pair.target_guid for record in of_source.values() if record.pair.target_guid]
        )
    }
    taking_part = {
        guid: obj for guid, obj in sources.items() if guid not in merged and left_out(obj, project.directory) is None
    }
    # Known or not, whatever has no counterpart yet is matched first: it may be there.
    fresh = [
        obj for guid, obj in taking_part.items() if guid not in of_source or of_source[guid].pair.target_guid is None
    ]
    couples = [
        (obj, targets.get(of_source[guid].pair.target_guid or b""))
        for guid, obj in taking_part.items()
        if guid in of_source
    ]
    source_index = Index(sources.values())
    target_index = Index(targets.values())
    named = said(fresh, project)
    in_target = [
        *counterparts(fresh, project),
        *address_holders((t, s) for s, t in couples if t is not None),
        *stand_ins(taking_part.values(), project),
        *named[Side.TARGET],
    ]
    await _take(target_index, sides, Side.TARGET, in_target)
    contacts = (obj for obj in target_index if obj.guid not in targets)
    in_source = [*address_holders(couples), *rivals(contacts, project), *named[Side.SOURCE]]
    await _take(source_index, sides, Side.SOURCE, in_source)
    known = await _known(project, pool, of_source.values(), source_index, target_index)
    inherited: Mapping[bytes, bytes] = {}
    if fresh:
        # Who is matched with an object that has a pair may be merged into it, if its source is named, too, or inherit
        # it, if its source is gone; without having looked for that source nobody inherits anything.
        owners = [record.pair.source_guid for record in known.values() if target_index.get(record.pair.target_guid)]
        for obj in await sides.read(Side.SOURCE, [guid for guid in owners if source_index.get(guid) is None]):
            source_index.put(obj)
        pairs = [_linkable(record, active) for record in known.values()]
        inherited = heirs(project, pairs, source_index, target_index)
    known = {each: record.but_for_inherited(inherited) for each, record in known.items()}
    of_source = {guid: record.but_for_inherited(inherited) for guid, record in of_source.items()}
    here = [obj for obj in source_index if left_out(obj, project.directory) is None]
    groups = together(project, here, source_index, target_index, [record.pair for record in known.values()])
    joining = {obj.guid for group in groups for obj in group.others}
    gone = (source_guids | of_source.keys()) - sources.keys()
    twins = Twins(
        _linkable(record, active)
        for record in known.values()
        if not (record.source_gone or record.pair.source_guid in gone)
        or not succeeded(record.pair, source_index, target_index, project)
    )
    waiting = [obj for obj in fresh if obj.guid not in joining]
    matching = match(waiting, target_index, twins, project, source_index)
    remember(matching, twins, project)
    before = {pair.id: pair.merged for pair in twins}
    matching.refused.extend(join(groups, twins))
    anew = any(pair.merged != before[pair.id] for pair in twins)
    around = Surroundings(project, source_index, target_index, twins, facts)
    look = Look(around, known, [], matching.refused, [*source_guids], anew=anew, inherited=inherited)
    refused = {each.source.guid for each in matching.refused}
    for obj in sorted(taking_part.values(), key=lambda obj: obj.dn):
        record = of_source.get(obj.guid)
        if record is not None and record.pair.target_guid is not None and record.pair.target_guid not in targets:
            reason = f"its object in {project.target.name} was deleted"
            look.parted.append(Parted(record, Side.TARGET, obj, None, reason))
            continue
        if record is not None and record.target_gone:
            twins.put(replace(record.pair, active=active(record.pair)))  # it came back
        pair = twins.by_guid(Side.SOURCE, obj.guid)
        if pair is not None and pair.source_guid == obj.guid and obj.guid not in refused:
            look.decisions.append(decide_and_note(pair, obj, around))
    # Who is inherited from goes, even when no forest told of it yet.
    bequeathed = {each.pair.source_guid: each for each in known.values() if each.pair.id in inherited}
    for guid, record in (bequeathed | of_source).items():
        if guid not in taking_part:
            target = targets.get(record.pair.target_guid or b"")
            look.parted.append(source_parted(record, sources.get(guid), target, project))
    return look


async def _take(index: Index, sides: Sides, side: Side, wanted: Sequence[filters.Filter]) -> None:
    """Take what a forest has of the wanted into the index."""
    if wanted:
        reading = sides.readings[side]
        for obj in await read_where(sides.forests[side], wanted, reading.attributes, reading.times):
            index.put(obj)


def _without_gone(record: Record, sources: Mapping[bytes, DirectoryObject]) -> Record:
    """A record without those merged objects that are there no longer."""
    merged = tuple(guid for guid in record.pair.merged if guid in sources)
    return record if merged == record.pair.merged else replace(record, pair=replace(record.pair, merged=merged))


def source_parted(
    record: Record, source: DirectoryObject | None, target: DirectoryObject | None, project: Project
) -> Parted:
    """A pair whose source object is gone, or is there and takes part no longer."""
    reason = "it was deleted" if source is None else left_out(source, project.directory) or ""
    return Parted(record, Side.SOURCE, source, target, reason)


async def _known(
    project: Project, pool: Pool, first: Iterable[Record], source_index: Index, target_index: Index
) -> dict[bytes, Record]:
    """The records of every pair that the objects at hand belong to or link to, by pair id."""
    guids: dict[Side, set[bytes]] = {}
    for side, index in ((Side.SOURCE, source_index), (Side.TARGET, target_index)):
        guids[side] = {obj.guid for obj in index}
        for obj in index:
            for links in obj.links.values():
                guids[side].update(link.guid for link in links)
    async with pool.acquire() as connection:
        found = await records.pairs_of(connection, project.project, guids[Side.SOURCE], guids[Side.TARGET])
    return {record.pair.id: record for record in (*first, *found)}


def _linkable(record: Record, active: Callable[[Pair], Side]) -> Pair:
    """The pair for those who link to it: nothing can be linked to an object that was deleted."""
    pair = replace(record.pair, active=active(record.pair))
    return replace(pair, target_guid=None) if record.target_gone else pair
