"""What was written put back: only where nobody changed it since, and only where it then stays.

A value that the rules would write again a second later is not put back; who wants it otherwise changes the rules first.
Whether they would is asked of the rules themselves, with the two sides as they would be then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from isthmus_sync.directory.decision import Surroundings, decide
from isthmus_sync.directory.difference import Modification, Value, applied
from isthmus_sync.directory.objects import DirectoryObject, Link, Side
from isthmus_sync.directory.pairs import Agreed, Pair, fingerprint


@dataclass(frozen=True, slots=True)
class PutBack:
    """The modifications that undo others, what is agreed on after them, and why the rest stays."""

    modifications: tuple[Modification, ...]
    agreed: Agreed
    refused: list[str] = field(default_factory=list)


def inverse(change: Modification) -> Modification:
    """The modification that undoes another one."""
    return Modification(change.attribute, change.added, change.removed, change.whole)


def changed_since(obj: DirectoryObject, change: Modification) -> bool:
    """Whether the attribute no longer holds what this change gave it."""
    values: tuple[Value, ...] = (*obj.raw(change.attribute), *obj.linked(change.attribute))
    held = {_key(value) for value in values}
    added, removed = {_key(value) for value in change.added}, {_key(value) for value in change.removed}
    if change.whole:
        return held != added
    return not added <= held or bool(removed & held)


def put_back(
    pair: Pair,
    objects: Mapping[Side, DirectoryObject | None],
    side: Side,
    changes: Sequence[Modification],
    around: Surroundings,
) -> PutBack:
    """How to undo `changes` of the pair's object on `side`, which must exist.

    Where the other object is gone nothing is kept in step, and whatever is put back stays.
    """
    obj = objects[side]
    assert obj is not None
    refused: list[str] = []
    back: list[Modification] = []
    for change in changes:
        if changed_since(obj, change):
            refused.append(f"{change.attribute} was changed since; set it by hand if it is wrong")
        else:
            back.append(inverse(change))
    while True:
        now = {**objects, side: applied(obj, back)}
        source, target = now[Side.SOURCE], now[Side.TARGET]
        if source is None or target is None or not back:
            return PutBack(tuple(back), pair.agreed, refused)
        agreed = _agreeing(pair.agreed, back, source, target)
        again = _written_by_the_rules(replace(pair, agreed=agreed), source, target, around)
        lost = [change for change in back if change.attribute.lower() in again]
        if not lost:
            return PutBack(tuple(back), agreed, refused)
        refused += [
            f"{change.attribute} would be written again at once: change the project, the active side, or the value "
            "that it comes from first"
            for change in lost
        ]
        back = [change for change in back if change not in lost]


def _agreeing(agreed: Agreed, back: Sequence[Modification], source: DirectoryObject, target: DirectoryObject) -> Agreed:
    """Both sides agree to differ in what was put back, until one of them changes it again."""
    names = {change.attribute.lower() for change in back} & agreed.values.keys()
    own = {name: (fingerprint(source.raw(name)), fingerprint(target.raw(name))) for name in names}
    return Agreed({**agreed.values, **own}, agreed.sets)


def _written_by_the_rules(
    pair: Pair, source: DirectoryObject, target: DirectoryObject, around: Surroundings
) -> set[str]:
    decision = decide(pair, source, target, around)
    return {change.attribute.lower() for side in Side for change in decision.modifications[side]}


def _key(value: Value) -> bytes:
    return value.guid if isinstance(value, Link) else value
