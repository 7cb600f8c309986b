"""Which object of the target stands for an object of the source."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from isthmus_sync.directory.addresses import in_domain, smtp_addresses
from isthmus_sync.directory.objects import DirectoryObject, Side

if TYPE_CHECKING:
    from isthmus_project import Project

    from isthmus_sync.directory.index import Index
    from isthmus_sync.directory.pairs import Twins


@dataclass(frozen=True, slots=True)
class Match:
    source: DirectoryObject
    target: DirectoryObject
    rule: str


@dataclass(frozen=True, slots=True)
class Refused:
    """An object of the source that could not be matched without guessing."""

    source: DirectoryObject
    reason: str


@dataclass(frozen=True, slots=True)
class Matching:
    """The answer: what belongs together, what a person must decide, and what the target does not have."""

    matches: list[Match] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    unmatched: list[DirectoryObject] = field(default_factory=list)


def match(sources: Iterable[DirectoryObject], targets: Index, twins: Twins, project: Project) -> Matching:
    """Match objects of the source that have no counterpart yet against the target.

    The project's rules are tried in order; the first that finds anything counts. Before them comes the mark that an
    earlier run left on its counterpart, so that nothing is created twice when our own records are lost. What matches
    more than one object, one that already has a counterpart, or one of another class, is refused with a reason.
    """
    waiting = sorted(sources, key=lambda obj: obj.dn)
    result = Matching()
    taken: set[bytes] = set()
    for rule in ("legacyExchangeDN", *project.directory.match):
        found: dict[bytes, list[tuple[DirectoryObject, DirectoryObject]]] = defaultdict(list)
        still: list[DirectoryObject] = []
        for source in waiting:
            candidates = _candidates(source, targets, rule, project)
            if not candidates:
                still.append(source)
            elif reason := _refusal(source, candidates, rule, twins, taken):
                result.refused.append(Refused(source, reason))
            else:
                found[candidates[0].guid].append((source, candidates[0]))
        for claims in found.values():
            if len(claims) == 1:
                result.matches.append(Match(*claims[0], rule))
                continue
            for source, target in claims:
                others = ", ".join(other.dn for other, _ in claims if other is not source)
                result.refused.append(Refused(source, f"{rule} matches {target.dn}, which {others} matches as well"))
        waiting = still
        taken |= {matched.target.guid for matched in result.matches}
    result.unmatched.extend(waiting)
    return result


def _candidates(source: DirectoryObject, targets: Index, rule: str, project: Project) -> list[DirectoryObject]:
    """Objects of the target that a rule finds for this one, by GUID."""
    if rule == "legacyExchangeDN":
        legacy = source.text("legacyExchangeDN")
        found = targets.holders("x500", legacy) if legacy else []
    elif rule == "proxyAddresses":
        templates = (project.source.redirection, project.target.redirection)
        addresses = [a for a in smtp_addresses(source) if not any(in_domain(a, template) for template in templates)]
        found = [obj for address in addresses for obj in targets.holders("address", address)]
    else:
        value = source.text(rule)
        found = targets.holders(rule, value) if value else []
    return list({obj.guid: obj for obj in found if obj.text("isCriticalSystemObject").upper() != "TRUE"}.values())


def _refusal(
    source: DirectoryObject, candidates: Sequence[DirectoryObject], rule: str, twins: Twins, taken: set[bytes]
) -> str | None:
    if len(candidates) > 1:
        return f"{rule} matches {len(candidates)} objects: " + ", ".join(sorted(obj.dn for obj in candidates))
    [target] = candidates
    if source.kind != target.kind and not (source.kind.is_account and target.kind.is_account):
        return (
            f"{rule} matches {target.dn}, which is a {target.kind.name.lower()} "
            f"while this is a {source.kind.name.lower()}"
        )
    if target.guid in taken or twins.by_guid(Side.TARGET, target.guid) is not None:
        return f"{rule} matches {target.dn}, which already belongs to another object"
    return None
