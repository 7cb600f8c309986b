"""Several objects of the source that are one in the target, because lines of the project's pairs name the same target.

The first named is the pair's source: attributes, mailbox and redirection are between it and the target. The others are
merged into the pair: the target has their addresses and old names, stands wherever one of them is named, and answers in
the account map to every name that they have. Nothing is written to them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from isthmus_sync.directory.addresses import in_domain, smtp_addresses, unique, x500_addresses
from isthmus_sync.directory.matching import Refused
from isthmus_sync.directory.naming import named
from isthmus_sync.directory.objects import DirectoryObject, Side, alike
from isthmus_sync.directory.recipients import made_before

if TYPE_CHECKING:
    from isthmus_project import Project

    from isthmus_sync.directory.index import Index
    from isthmus_sync.directory.pairs import Pair, Twins


@dataclass(frozen=True, slots=True)
class Together:
    """One object of the target and those of the source that are named for it: the pair's source, and the others."""

    target: DirectoryObject
    first: bytes
    others: tuple[DirectoryObject, ...]


def together(
    project: Project, taking_part: Iterable[DirectoryObject], sources: Index, targets: Index, known: Sequence[Pair]
) -> list[Together]:
    """Who is named together. Where the target has a pair already its source is the first, and must be named too, or be
    one for which the project has an object made. Who has another counterpart of their own is not meant."""
    here = {obj.guid: obj for obj in taking_part}
    owners = {pair.target_guid: pair.source_guid for pair in known if pair.target_guid is not None}
    complete = {pair.source_guid for pair in known if pair.target_guid is not None}
    meant: dict[bytes, list[DirectoryObject]] = defaultdict(list)
    made: set[bytes] = set()  # for whom the project has an object made
    for pair in project.directory.pairs:
        found, there = named(sources, pair.source), named(targets, pair.target) if pair.target else []
        if len(found) != 1 or found[0].guid not in here:
            continue
        if pair.target is None:
            made.add(found[0].guid)
            for obj in made_before(found[0], targets, project):
                owners.setdefault(obj.guid, found[0].guid)
        elif len(there) == 1 and alike(found[0], there[0]):
            meant[there[0].guid].append(found[0])
    groups: list[Together] = []
    for target_guid, objects in meant.items():
        first = owners.get(target_guid) or next((obj.guid for obj in objects if obj.guid not in complete), None)
        if first is None or not (first in made or any(obj.guid == first for obj in objects)):
            continue
        others = [obj for obj in objects if obj.guid != first and obj.guid not in complete]
        target = targets.get(target_guid)
        if others and target is not None:
            groups.append(Together(target, first, tuple(others)))
    return groups


def let_go(groups: Iterable[Together], twins: Twins, sources: Index) -> None:
    """Let go whoever is merged into a pair and named with it no longer. When the pair's own source is gone, the target
    still stands for the others."""
    named_with = {group.first: {obj.guid for obj in group.others} for group in groups}
    for pair in list(twins):
        kept = tuple(guid for guid in pair.merged if guid in named_with.get(pair.source_guid, ()))
        if kept != pair.merged and sources.get(pair.source_guid) is not None:
            twins.put(replace(pair, merged=kept))


def join(groups: Iterable[Together], twins: Twins) -> list[Refused]:
    """Merge the others of each group into its pair. Returns those whose pair did not come about."""
    refused: list[Refused] = []
    for group in groups:
        pair = twins.by_guid(Side.TARGET, group.target.guid)
        if pair is not None and pair.source_guid == group.first:
            merged = dict.fromkeys((*pair.merged, *(obj.guid for obj in group.others)))
            twins.put(replace(pair, merged=tuple(merged)))
            continue
        reason = f"the project's pairs name {group.target.dn}, but the first that is named for it is no match either"
        refused += [Refused(obj, reason, (group.target,)) for obj in group.others]
    return refused


def merged_objects(pair: Pair, sources: Index) -> tuple[DirectoryObject, ...]:
    """The objects of the source that are merged into a pair, as far as they are there."""
    return tuple(obj for guid in pair.merged if (obj := sources.get(guid)) is not None)


def addresses_of(merged: Iterable[DirectoryObject], project: Project) -> dict[str, str]:
    """The SMTP addresses of merged objects, by the form in which they are compared; but for those of redirections."""
    templates = (project.source.redirection, project.target.redirection)
    found = [address for obj in merged for address in smtp_addresses(obj)]
    return {a.casefold(): a for a in found if not any(in_domain(a, template) for template in templates)}


def old_names_of(merged: Iterable[DirectoryObject]) -> tuple[str, ...]:
    """The names by which old mail knows merged objects: legacyExchangeDN and X500 addresses."""
    return unique(name for obj in merged for name in (obj.text("legacyExchangeDN"), *x500_addresses(obj)) if name)
