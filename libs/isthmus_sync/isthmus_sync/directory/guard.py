"""The guard: a run that would change or lose too much stops before it writes anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from isthmus_project import Project

    from isthmus_sync.directory.decision import Decision


@dataclass(frozen=True, slots=True)
class Weight:
    """What a run does that cannot be taken lightly. `overwritten`: objects on which a value that somebody set is lost.
    `gone`: objects that are no longer there, or take part no longer, whose counterpart follows or loses its pair."""

    overwritten: int = 0
    gone: int = 0

    def within(self, other: Weight) -> bool:
        return self.overwritten <= other.overwritten and self.gone <= other.gone


def weigh(decisions: Sequence[Decision], gone: int) -> Weight:
    """The weight of a run. New objects and new values weigh nothing."""
    return Weight(sum(decision.overwrites for decision in decisions), gone)


def objection(weight: Weight, project: Project, allowed: Weight | None = None) -> str | None:
    """Why a run must not be carried out; None when it may. `allowed`: what a person lets through this once."""
    directory = project.directory
    limits = Weight(directory.guard, directory.guard_deletions)
    if weight.within(limits) or (allowed is not None and weight.within(allowed)):
        return None
    return (
        f"stopped before writing: {weight.overwritten} objects would be overwritten (directory.guard allows "
        f"{limits.overwritten}), {weight.gone} are gone (directory.guard_deletions allows {limits.gone}); look at "
        "'isthmus plan', then mend the cause, let it pass once with 'isthmus directory allow', or raise the limit in "
        "the project file"
    )
