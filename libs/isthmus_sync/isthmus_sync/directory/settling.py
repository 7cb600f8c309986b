"""Two-way synchronisation of one attribute: which side's value both shall have.

Echoes are recognised by the agreed state, not by marks: a side has changed when it differs from what was agreed on.
After a decision was carried out both sides agree, and the same question is answered with "nothing to do".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias, TypeVar

from isthmus_sync.directory.objects import Side, Values, same_values
from isthmus_sync.directory.pairs import fingerprint

Owner: TypeAlias = Literal["source", "target", "newest"]
T = TypeVar("T")


def settle(
    owner: Owner, source: Values, target: Values, agreed: tuple[str, str] | None, newer: Callable[[], Side]
) -> Side | None:
    """The side whose values both sides shall have; None when nothing is to be done.

    The owner's values win over any change of the other side. For "newest" the side that changed wins, and if both
    did, the one that `newer` names. Before anything was agreed, having no value never wins over having one, so a
    first comparison erases nothing.
    """
    if same_values(source, target):
        return None
    source_changed = agreed is None or fingerprint(source) != agreed[0]
    target_changed = agreed is None or fingerprint(target) != agreed[1]
    if not source_changed and not target_changed:
        return None
    if owner == "newest":
        if agreed is None and not (source and target):
            return Side.SOURCE if source else Side.TARGET
        if source_changed and target_changed:
            return newer()
        return Side.SOURCE if source_changed else Side.TARGET
    side = Side.SOURCE if owner == "source" else Side.TARGET
    owned, owner_changed = (source, source_changed) if side is Side.SOURCE else (target, target_changed)
    if not owned and (agreed is None or not owner_changed):
        # An owner that never had a value erases nothing. A target that owns an attribute is given a first value.
        return Side.SOURCE if side is Side.TARGET and agreed is None else None
    return side


def merge(
    owner: Owner, source: frozenset[T], target: frozenset[T], agreed: frozenset[T]
) -> tuple[frozenset[T], frozenset[T]]:
    """What source and target shall hold of a set that is kept in step member by member.

    "newest": what was added or removed on either side is added or removed on the other. "source" or "target": what
    the owner adds or removes follows on the other side, which keeps what it has of its own.
    """
    if owner == "source":
        return source, (target - (agreed - source)) | source
    if owner == "target":
        return (source - (agreed - target)) | target, target
    both = (source & target) | (source - agreed) | (target - agreed)
    return both, both
