"""The guard: what would change or lose too much stops before it writes anything, whether it comes in one run or in many
small ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from isthmus_sync.directory.pairs import Agreed

if TYPE_CHECKING:
    from isthmus_project import Project

    from isthmus_sync.directory.decision import Decision
    from isthmus_sync.directory.pairs import Pair


@dataclass(frozen=True, slots=True)
class Weight:
    """What was or would be done that cannot be taken lightly, as ids of pairs. `overwritten`: a value that somebody set
    is lost. `gone`: an object is no longer there, or takes part no longer, so its counterpart follows or loses its
    pair."""

    overwritten: frozenset[bytes] = frozenset()
    gone: frozenset[bytes] = frozenset()

    def __or__(self, other: Weight) -> Weight:
        return Weight(self.overwritten | other.overwritten, self.gone | other.gone)

    def __bool__(self) -> bool:
        return bool(self.overwritten or self.gone)

    @property
    def measure(self) -> Measure:
        return Measure(len(self.overwritten), len(self.gone))


@dataclass(frozen=True, slots=True)
class Measure:
    """A weight in numbers."""

    overwritten: int = 0
    gone: int = 0

    def within(self, other: Measure) -> bool:
        return self.overwritten <= other.overwritten and self.gone <= other.gone


def weigh(decisions: Sequence[Decision], gone: Iterable[bytes]) -> Weight:
    """The weight of a run. New objects and new values weigh nothing."""
    return Weight(frozenset(decision.pair.id for decision in decisions if decision.overwrites), frozenset(gone))


def weighs_nothing(pair: Pair, project: Project) -> bool:
    """Whether that is known of a pair before anything is decided about it: its object is to be created, nothing was
    agreed on that could be taken back, no contact makes way for it, and nothing is made for the source of what the
    target gets."""
    return (
        pair.target_guid is None
        and pair.agreed == Agreed()
        and project.directory.contacts == "report"
        and not any(rule.owner == "target" and rule.transforms for rule in project.directory.rules.values())
    )


def objection(
    weight: Weight, project: Project, recently: Weight | None = None, allowed: Measure | None = None
) -> str | None:
    """Why a run must not be carried out; None when it may. `recently`: what was carried out within the window of the
    guard. `allowed`: what a person lets through this once."""
    directory = project.directory
    recently = recently or Weight()
    together, limits = (weight | recently).measure, Measure(directory.guard, directory.guard_deletions)
    # What adds nothing to a heap is not stopped by its height.
    counted = Measure(
        together.overwritten if weight.overwritten - recently.overwritten else 0,
        together.gone if weight.gone - recently.gone else 0,
    )
    if counted.within(limits) or (allowed is not None and together.within(allowed)):
        return None
    before = recently.measure
    since = (
        f", {before.overwritten} and {before.gone} of them in the {directory.guard_minutes:g} minutes before"
        if recently
        else ""
    )
    return (
        f"stopped before writing: {together.overwritten} objects would be overwritten (directory.guard allows "
        f"{limits.overwritten}), {together.gone} are gone (directory.guard_deletions allows {limits.gone}){since}; "
        "look at 'isthmus plan', then mend the cause, let it pass once with 'isthmus directory allow', or raise the "
        "limit in the project file"
    )
