"""The guard: a run that would change too much stops before it writes anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from isthmus_sync.directory.decision import Decision


def objection(decisions: Sequence[Decision], deletions: int, limit: int) -> str | None:
    """Why a run must not be carried out; None when it may.

    Counted are objects that would be deleted and objects on which a value that somebody set would be lost, against
    `directory.guard` of the project file. New objects and new values are harmless.
    """
    overwritten = sum(decision.overwrites for decision in decisions)
    if overwritten + deletions <= limit:
        return None
    return (
        f"stopped before writing: {overwritten} objects would be overwritten and {deletions} deleted, and "
        f"directory.guard allows {limit}; look at 'isthmus plan', then either mend the cause or raise directory.guard "
        "in the project file and apply it"
    )
