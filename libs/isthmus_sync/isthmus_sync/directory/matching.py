"""Which object of the target stands for an object of the source."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias
from uuid import UUID

from isthmus_sync.directory.addresses import in_domain, smtp_addresses
from isthmus_sync.directory.attributes import attributes_of
from isthmus_sync.directory.index import Index
from isthmus_sync.directory.inheriting import can_be_inherited
from isthmus_sync.directory.merging import stands_for
from isthmus_sync.directory.naming import named
from isthmus_sync.directory.objects import DirectoryObject, Side, alike
from isthmus_sync.directory.recipients import made_before

if TYPE_CHECKING:
    from isthmus_project import Project

    from isthmus_sync.directory.pairs import Twins


@dataclass(frozen=True, slots=True)
class Match:
    source: DirectoryObject
    target: DirectoryObject
    rule: str


@dataclass(frozen=True, slots=True)
class Refused:
    """An object of the source that could not be matched without guessing; `candidates` are what it could be."""

    source: DirectoryObject
    reason: str
    candidates: tuple[DirectoryObject, ...] = ()


@dataclass(frozen=True, slots=True)
class Matching:
    """The answer: what belongs together, what a person must decide, and what the target does not have."""

    matches: list[Match] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    unmatched: list[DirectoryObject] = field(default_factory=list)


def match(
    sources: Iterable[DirectoryObject], targets: Index, twins: Twins, project: Project, among: Index | None = None
) -> Matching:
    """Match objects of the source that have no counterpart yet against the target. `among`: where it shows whether a
    name means one object of the source, and whose original is gone; the given ones by default.

    What a person said comes first. Then comes the mark that an earlier run left on its counterpart, so that nothing is
    created twice when our own records are lost, and then the project's rules in order; the first that finds anything
    counts. What matches more than one object, one that already has a counterpart, or one of another class, is refused
    with a reason.
    """
    waiting = sorted(sources, key=lambda obj: obj.dn)
    result = Matching()
    among = among or Index(waiting)
    said = _said(waiting, targets, project, among, result)
    settled = {obj.guid for obj in result.unmatched} | {refused.source.guid for refused in result.refused}
    waiting = [obj for obj in waiting if obj.guid not in settled]
    taken: set[bytes] = set()
    merging = project.directory.contacts != "report"
    for rule in (_SAID, "legacyExchangeDN", *project.directory.match):
        find = said if rule == _SAID else _finder(rule, targets, project)
        found: dict[bytes, list[tuple[DirectoryObject, DirectoryObject]]] = defaultdict(list)
        still: list[DirectoryObject] = []
        for source in waiting:
            # Contacts that will be merged into the counterpart are none themselves.
            candidates = [
                obj
                for obj in find(source)
                if not (merging and stands_for(obj, source) and twins.by_guid(Side.TARGET, obj.guid) is None)
            ]
            if not candidates:
                still.append(source)
            elif reason := _refusal(source, candidates, rule, twins, taken, among):
                result.refused.append(Refused(source, reason, tuple(candidates)))
            else:
                found[candidates[0].guid].append((source, candidates[0]))
        for claims in found.values():
            if len(claims) == 1:
                result.matches.append(Match(*claims[0], rule))
                continue
            for source, target in claims:
                others = ", ".join(other.dn for other, _ in claims if other is not source)
                reason = f"{rule} matches {target.dn}, which {others} matches as well"
                result.refused.append(Refused(source, reason, (target,)))
        waiting = still
        taken |= {matched.target.guid for matched in result.matches}
    result.unmatched.extend(waiting)
    return result


_Find: TypeAlias = "Callable[[DirectoryObject], list[DirectoryObject]]"
"""What a rule finds in the target for an object of the source."""

_SAID = "pairs"


def _said(
    sources: Iterable[DirectoryObject], targets: Index, project: Project, among: Index, result: Matching
) -> _Find:
    """What the project's own pairs find. Who is to have an object of their own has it already when an earlier run made
    it, else goes to `unmatched` at once; a name that does not mean exactly one object is refused."""
    waiting = {obj.guid: obj for obj in sources}
    found: dict[bytes, list[DirectoryObject]] = {}
    for pair in project.directory.pairs:
        meant = named(among, pair.source)
        candidates = named(targets, pair.target) if pair.target else []
        for source in (obj for obj in meant if obj.guid in waiting):
            if len(meant) > 1:
                others = ", ".join(obj.dn for obj in meant if obj is not source)
                reason = f"the project's pairs name {pair.source}, which is also {others}"
                result.refused.append(Refused(source, reason))
            elif pair.target is None:
                if made := made_before(source, targets, project):
                    found[source.guid] = made
                else:
                    result.unmatched.append(source)
            elif not candidates:
                reason = f"the project's pairs name {pair.target}, which {project.target.name} does not have"
                result.refused.append(Refused(source, reason))
            else:
                found[source.guid] = candidates
    return lambda source: found.get(source.guid, [])


def _finder(rule: str, targets: Index, project: Project) -> _Find:
    """What a rule finds. Objects of the target by GUID; those that belong to the system itself are never meant."""

    def find(source: DirectoryObject) -> list[DirectoryObject]:
        if rule == "legacyExchangeDN":
            legacy = source.text("legacyExchangeDN")
            found = made_before(source, targets, project) or (targets.holders("x500", legacy) if legacy else [])
        elif rule == "proxyAddresses":
            templates = (project.source.redirection, project.target.redirection)
            addresses = [a for a in smtp_addresses(source) if not any(in_domain(a, template) for template in templates)]
            found = [obj for address in addresses for obj in targets.holders("address", address)]
        elif by_value is None:
            value = source.text(rule)
            found = targets.holders(rule, value) if value else []
        else:
            found = [obj for value in source.raw(here) for obj in by_value.get(_folded(here, value), ())]
        return list({obj.guid: obj for obj in found if obj.text("isCriticalSystemObject").upper() != "TRUE"}.values())

    by_value: dict[bytes, list[DirectoryObject]] | None = None
    here, there = attributes_of(rule)
    if rule == "sIDHistory" or "=" in rule:
        by_value = defaultdict(list)
        for obj in targets:
            for value in obj.raw(there):
                by_value[_folded(here, value)].append(obj)
    return find


def _folded(attribute: str, value: bytes) -> bytes:
    """A value as it is compared: texts without case, SIDs as they are."""
    return (
        value
        if attribute == "objectSid"
        else value.decode("utf-8", "surrogateescape").casefold().encode("utf-8", "surrogateescape")
    )


def _refusal(
    source: DirectoryObject,
    candidates: Sequence[DirectoryObject],
    rule: str,
    twins: Twins,
    taken: set[bytes],
    sources: Index,
) -> str | None:
    if len(candidates) > 1:
        return f"{rule} matches {len(candidates)} objects: " + ", ".join(sorted(obj.dn for obj in candidates))
    [target] = candidates
    if not alike(source, target):
        remedy = "; to merge it, set directory.contacts to delete or keep" if stands_for(target, source) else ""
        return (
            f"{rule} matches {target.dn}, which is a {target.kind.name.lower()} "
            f"while this is a {source.kind.name.lower()}{remedy}"
        )
    owner = twins.by_guid(Side.TARGET, target.guid)
    if owner is not None and can_be_inherited(owner, sources):
        guid = UUID(bytes_le=source.guid)
        return (
            f"{rule} matches {target.dn}, which belonged to an object that is gone; if it is the same person's, "
            f"say so: isthmus directory pair {guid} '{target.dn}'"
        )
    if target.guid in taken or owner is not None:
        remedy = "; to merge both into it, let the pairs name that one for it, too" if rule == _SAID else ""
        return f"{rule} matches {target.dn}, which already belongs to another object{remedy}"
    return None
