"""What an apply would do to the directories, object by object and attribute by attribute, without doing it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from isthmus_sync.directory import (
    Decision,
    Link,
    Modification,
    Pair,
    Side,
    collection_of,
    follows,
    handed_over,
    objection,
    unaddressed,
    weigh,
)
from isthmus_sync.directory.difference import spoken_value
from isthmus_sync.directory.recipients import made_for

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
    """One object of the source and what becomes of it. `rule` says by what it was matched just now; `waiting` names
    links that are set once the objects they name exist on both sides; `candidates` what a refused object could be;
    `merges` the contacts of the target that are merged into its object, each with what becomes of it."""

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


async def plan_directory(project: Project, secrets_dir: Path, known: Sequence[Pair] = ()) -> DirectoryPlan:
    """Read both forests and say what would be done. Writes nothing. Raises DirectoryError.

    `known` are the pairs of earlier runs with their active sides, as the account map tells them; what was agreed on is
    not needed, because what is in step needs nothing.
    """
    async with Forest(project.source, secrets_dir) as source, Forest(project.target, secrets_dir) as target:
        return plan_of(await survey(source, target, project, known), project)


def plan_of(found: Survey, project: Project) -> DirectoryPlan:
    """A survey as a plan."""
    comparison = found.comparison
    rules = {match.source.guid: match.rule for match in comparison.matched}
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
    names = {decision.source.guid: decision.source.dn for decision in comparison.decisions}
    for pair in comparison.without_target:
        problem = f"its object in {project.target.name} was deleted; it is not created again"
        objects.append(PlannedObject("gone", "", names.get(pair.source_guid, ""), "", problems=(problem,)))
    gone = [_gone(pair, found, project) for pair in comparison.without_source]
    objects += gone
    # Somebody who uses the target stays in the account map when the source's object goes: nothing is lost by it.
    lost = [pair.id for pair in comparison.without_source if pair.active is Side.SOURCE]
    weight = weigh(comparison.decisions, [*lost, *(pair.id for pair in comparison.without_target)])
    return DirectoryPlan(objects, comparison.left_out, objection(weight, project), found.problems)


def _gone(pair: Pair, found: Survey, project: Project) -> PlannedObject:
    """A known pair whose source object is gone or takes part no longer, and what becomes of the target's."""
    source, target = (
        found.comparison.around.source.get(pair.source_guid),
        found.comparison.around.target.get(pair.target_guid),
    )
    name, kind = (target.dn, target.kind.name.lower()) if target else ("", "")
    if follows(source, target, made_for(pair, target), project):
        return PlannedObject("delete", kind, "", name, problems=(f"its original in {project.source.name} is gone",))
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
