"""Both forests compared as a whole: who belongs to whom, and what every pair needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from isthmus_sync.directory.decision import Decision, Surroundings, decide
from isthmus_sync.directory.guard import weighs_nothing
from isthmus_sync.directory.index import Index
from isthmus_sync.directory.inheriting import heirs
from isthmus_sync.directory.joining import join, let_go, together
from isthmus_sync.directory.making import New, in_order
from isthmus_sync.directory.matching import Match, Matching, Refused, match
from isthmus_sync.directory.merging import succeeded
from isthmus_sync.directory.objects import DirectoryObject, Side
from isthmus_sync.directory.pairs import Pair, Twins, pair_id
from isthmus_sync.directory.recipients import ExchangeFacts
from isthmus_sync.directory.scope import left_out

if TYPE_CHECKING:
    from isthmus_project import Project


@dataclass(frozen=True, slots=True)
class Comparison:
    """`around`: what the decisions were made from. `decisions`: one for each pair whose source takes part, but for
    those that are `undecided`: their objects are to be made, and weigh nothing. `matched`: the pairs found just now.
    `inherited`: pairs whose target is now another pair's, by their ids the heir's. `refused`: what a person must
    decide. `left_out`: how many objects of the source take no part, by reason. `without_source`: pairs whose source
    object is gone or takes part no longer. `without_target`: pairs whose target object was deleted there; what somebody
    deleted is not made again without being asked."""

    around: Surroundings
    decisions: list[Decision]
    undecided: list[New]
    matched: list[Match]
    refused: list[Refused]
    left_out: Mapping[str, int]
    without_source: list[Pair] = field(default_factory=list)
    without_target: list[Pair] = field(default_factory=list)
    inherited: Mapping[bytes, bytes] = field(default_factory=dict)

    @property
    def created(self) -> int:
        """How many objects are to be made."""
        return len(self.undecided) + sum(decision.creation is not None for decision in self.decisions)

    def decide(self) -> None:
        """Decide about what is undecided, in the order in which it is made."""
        self.decisions.extend(decide_and_note(*each, self.around) for each in in_order(self.undecided, self.around))
        self.decisions.sort(key=lambda decision: decision.source.dn)
        self.undecided.clear()


def compare(
    sources: Iterable[DirectoryObject],
    targets: Iterable[DirectoryObject],
    known: Sequence[Pair],
    project: Project,
    facts: ExchangeFacts,
) -> Comparison:
    """Compare everything, and decide what the guard must look at; `Comparison.decide` is for whoever wants to know the
    rest before anything is written. `known` are the pairs of earlier runs with what was agreed then; the source's
    objects may be all of its forest, those outside the scope are needed to know who holds an address."""
    source_index, target_index = Index(sources), Index(targets)
    reasons: Counter[str] = Counter()
    taking_part: list[DirectoryObject] = []
    for obj in source_index:
        if reason := left_out(obj, project.directory):
            reasons[reason] += 1
        else:
            taking_part.append(obj)
    inherited = heirs(project, known, source_index, target_index)
    known = [replace(pair, target_guid=None) if pair.id in inherited else pair for pair in known]
    groups = together(project, taking_part, source_index, target_index, known)
    joining = {obj.guid for group in groups for obj in group.others}
    # A counterpart that was deleted is remembered, in case it comes back, but nothing can be linked to it.
    gone = {pair.source_guid: pair for pair in known if pair.target_guid and target_index.get(pair.target_guid) is None}
    twins = Twins(
        replace(pair, target_guid=None) if pair.source_guid in gone else pair
        for pair in known
        if pair.source_guid not in joining and not succeeded(pair, source_index, target_index, project)
    )
    let_go(groups, twins, source_index)
    matching = match(
        [
            obj
            for obj in taking_part
            if obj.guid not in gone and obj.guid not in joining and not has_counterpart(obj, twins)
        ],
        target_index,
        twins,
        project,
        source_index,
    )
    remember(matching, twins, project)
    matching.refused.extend(join(groups, twins))
    around = Surroundings(project, source_index, target_index, twins, facts)
    result = Comparison(around, [], [], matching.matches, matching.refused, dict(reasons), inherited=inherited)
    refused = {each.source.guid for each in matching.refused}
    pairs = [(obj, twins.by_guid(Side.SOURCE, obj.guid)) for obj in sorted(taking_part, key=lambda obj: obj.dn)]
    for obj, pair in pairs:
        if obj.guid in gone:
            result.without_target.append(gone[obj.guid])
        elif pair is not None and pair.source_guid == obj.guid and obj.guid not in refused:
            if weighs_nothing(pair, project):
                result.undecided.append((pair, obj))
            else:
                result.decisions.append(decide_and_note(pair, obj, around))
    here = {obj.guid for obj in taking_part}
    result.without_source.extend(pair for pair in known if pair.source_guid not in here)
    return result


def has_counterpart(source: DirectoryObject, twins: Twins) -> bool:
    """Whether the pair of this object is complete. One without a target may have got it without our learning of it."""
    pair = twins.by_guid(Side.SOURCE, source.guid)
    return pair is not None and pair.target_guid is not None


def remember(matching: Matching, twins: Twins, project: Project) -> None:
    """Make pairs of what was matched, and of what must be created."""
    for source, target in [(m.source, m.target) for m in matching.matches] + [(s, None) for s in matching.unmatched]:
        known = twins.by_guid(Side.SOURCE, source.guid) or Pair(pair_id(project.project, source.guid), source.guid)
        twins.put(replace(known, target_guid=target.guid if target else None))


def decide_and_note(pair: Pair, source: DirectoryObject, around: Surroundings) -> Decision:
    """Decide for a pair, and note the names a creation takes so that the next one takes others."""
    decision = decide(pair, source, around.target.get(pair.target_guid), around)
    if decision.creation is not None:
        attributes = {name.lower(): values for name, values in decision.creation.attributes.items()}
        around.target.put(DirectoryObject(pair.id, decision.creation.dn, attributes))
    return decision
