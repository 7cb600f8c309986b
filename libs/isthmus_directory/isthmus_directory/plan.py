"""What an apply would do to the directories, object by object and attribute by attribute, without doing it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from isthmus_sync.directory import (
    Decision,
    Link,
    Measure,
    Modification,
    Pair,
    Side,
    Weight,
    collection_of,
    follows,
    handed_over,
    objection,
    unaddressed,
    weigh,
)
from isthmus_sync.directory.difference import spoken_value
from isthmus_sync.directory.naming import named

from isthmus_directory.connection import Forest
from isthmus_directory.survey import Survey, survey

if TYPE_CHECKING:
    from isthmus_project import Project

Action = Literal["create", "change", "delete", "in step", "refused", "gone"]


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """One attribute of one object: the values it loses and gains, as people read them. `forest` is the name of the
    organisation."""

    forest: str
    attribute: str
    removed: list[str]
    added: list[str]


@dataclass(frozen=True, slots=True)
class PlannedObject:
    """One object of the source and what becomes of it. `rule` says by what it was matched just now, or that the
    project's pairs name it; `waiting` names links that are set once the objects they name exist on both sides;
    `candidates` what a refused object could be; `merges` the contacts of the target that are merged into its object,
    each with what becomes of it; `merged` other objects of the source for which its object stands, too; `pair` the id
    of the pair that both are, in hexadecimal; empty for what is refused, deleted or gone."""

    action: Action
    kind: str
    source: str
    target: str
    rule: str = ""
    collection: str = ""
    mailbox: bool = False
    changes: tuple[PlannedChange, ...] = ()
    waiting: tuple[str, ...] = ()
    candidates: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    merges: tuple[str, ...] = ()
    merged: tuple[str, ...] = ()
    pair: str = ""


@dataclass(frozen=True, slots=True)
class DirectoryPlan:
    """`left_out`: how many objects of the source take no part, by reason. `objection`: why the guard would stop this;
    None when it would not. `problems` concern the project as a whole."""

    objects: list[PlannedObject]
    left_out: Mapping[str, int]
    objection: str | None
    problems: list[str]

    def counts(self) -> dict[Action, int]:
        """How many objects meet each action."""
        return dict(Counter(obj.action for obj in self.objects))

    def to_dict(self) -> dict[str, Any]:
        """The plan as JSON takes it."""
        return {**asdict(self), "counts": self.counts()}


@dataclass(frozen=True, slots=True)
class Memory:
    """What dirsync remembers of earlier runs: the pairs with what was agreed on last; of them, by id, those whose
    target it made and those of which an object is known to be gone; what its guard counts, and what is let through
    once."""

    pairs: Sequence[Pair] = ()
    made: frozenset[bytes] = frozenset()
    gone: frozenset[bytes] = frozenset()
    recently: Weight = field(default_factory=Weight)
    allowed: Measure | None = None


NOTHING = Memory()
"""Before the first run."""


async def plan_directory(project: Project, secrets_dir: Path, memory: Memory = NOTHING) -> DirectoryPlan:
    """Read both forests and say what would be done: what dirsync would do with the same memory. Writes nothing. Raises
    DirectoryError."""
    async with Forest(project.source, secrets_dir) as source, Forest(project.target, secrets_dir) as target:
        found = await survey(source, target, project, memory.pairs)
        found.comparison.decide()
        return plan_of(found, project, memory)


def plan_of(found: Survey, project: Project, memory: Memory = NOTHING) -> DirectoryPlan:
    """A survey, with everything decided, as a plan."""
    comparison = found.comparison
    rules = dict.fromkeys(_named(found, project), "pairs")
    rules |= {match.source.guid: match.rule for match in comparison.matched}
    objects = [
        _planned(decision, rules.get(decision.source.guid, ""), found, project) for decision in comparison.decisions
    ]
    objects += [
        PlannedObject(
            "refused",
            refused.source.kind.name.lower(),
            refused.source.dn,
            "",
            candidates=tuple(obj.dn for obj in refused.candidates),
            problems=(refused.reason,),
        )
        for refused in comparison.refused
    ]
    for pair in comparison.without_target:
        source = comparison.around.source.get(pair.source_guid)
        problem = f"its object in {project.target.name} was deleted; it is not created again"
        objects.append(PlannedObject("gone", "", source.dn if source else "", "", problems=(problem,)))
    objects += [gone for pair in comparison.without_source if (gone := _gone(pair, found, project, memory)) is not None]
    parted = {pair.id for pair in (*comparison.without_source, *comparison.without_target)}
    weight = weigh(comparison.decisions, parted - memory.gone)
    stop = objection(weight, project, memory.recently, memory.allowed)
    return DirectoryPlan(objects, comparison.left_out, stop, found.problems)


def _named(found: Survey, project: Project) -> Iterator[bytes]:
    """The objects of the source that the project's own pairs name for the counterpart that they have."""
    around = found.comparison.around
    for line in project.directory.pairs:
        sources, targets = named(around.source, line.source), named(around.target, line.target) if line.target else []
        if len(sources) == len(targets) == 1:
            pair = around.twins.by_guid(Side.SOURCE, sources[0].guid)
            if pair is not None and pair.target_guid == targets[0].guid:
                yield sources[0].guid


def _gone(pair: Pair, found: Survey, project: Project, memory: Memory) -> PlannedObject | None:
    """A known pair whose source object is gone or takes part no longer, and what becomes of the target's; None when
    that was known before, and nothing comes of it."""
    source, target = (
        found.comparison.around.source.get(pair.source_guid),
        found.comparison.around.target.get(pair.target_guid),
    )
    name, kind = (target.dn, target.kind.name.lower()) if target else ("", "")
    if not pair.merged and follows(source, target, pair.id in memory.made, project):
        return PlannedObject("delete", kind, "", name, problems=(f"its original in {project.source.name} is gone",))
    if pair.id in memory.gone:
        return None
    reason = "it takes part no longer" if source else f"its original in {project.source.name} is gone"
    return PlannedObject("gone", kind, source.dn if source else "", name, problems=(f"{reason}; nothing is deleted",))


def _planned(decision: Decision, rule: str, found: Survey, project: Project) -> PlannedObject:
    target = decision.creation.dn if decision.creation else decision.target.dn if decision.target else ""
    changes = [
        *_changes(project.source.name, decision.modifications[Side.SOURCE]),
        *_changes(project.target.name, decision.modifications[Side.TARGET]),
    ]
    if decision.creation:
        changes += [
            PlannedChange(project.target.name, name, [], [spoken_value(value) for value in values])
            for name, values in decision.creation.attributes.items()
        ]
    fate = "deleted" if project.directory.contacts == "delete" else "kept without an address"
    changes += _merging(decision, target, project)
    return PlannedObject(
        "create" if decision.creation else "in step" if decision.idle else "change",
        decision.kind.name.lower(),
        decision.source.dn,
        target,
        rule,
        collection_of(project, decision.source, found.members),
        decision.gets_mailbox,
        tuple(changes),
        decision.held,
        problems=decision.problems,
        merges=tuple(f"{contact.dn} ({fate})" for contact in decision.merges),
        merged=tuple(obj.dn for obj in decision.merged),
        pair=decision.pair.id.hex(),
    )


def _merging(decision: Decision, target: str, project: Project) -> Iterator[PlannedChange]:
    """What is changed on other objects because contacts are merged, the contacts themselves included."""
    heir = Link(decision.target.guid if decision.target else decision.pair.id, target)
    for contact in decision.merges:
        for holder, change in handed_over(contact, heir):
            yield from _changes(project.target.name, [replace(change, attribute=f"{change.attribute} of {holder.dn}")])
        if project.directory.contacts == "keep":
            for change in unaddressed(contact):
                yield from _changes(
                    project.target.name, [replace(change, attribute=f"{change.attribute} of {contact.dn}")]
                )


def _changes(forest: str, modifications: Sequence[Modification]) -> list[PlannedChange]:
    return [
        PlannedChange(
            forest,
            change.attribute,
            [spoken_value(value) for value in change.removed],
            [spoken_value(value) for value in change.added],
        )
        for change in modifications
    ]
