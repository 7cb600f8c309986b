"""An object of the source that was deleted and made anew: another objectGUID, so another object for every directory.

Nobody can see whether it is the same person or somebody else who got a free address, so the rules never give it the
counterpart of the one that is gone. It inherits that where the project's pairs name it by its objectGUID: every other
name may stand there for the one that is gone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from isthmus_sync.directory.naming import kind_of, named
from isthmus_sync.directory.objects import Side, alike
from isthmus_sync.directory.pairs import pair_id

if TYPE_CHECKING:
    from isthmus_project import Project

    from isthmus_sync.directory.index import Index
    from isthmus_sync.directory.pairs import Pair


def heirs(project: Project, known: Iterable[Pair], sources: Index, targets: Index) -> dict[bytes, bytes]:
    """The pairs whose target gets another source: by their ids those of the pairs that inherit it. `sources` must have
    the sources of these pairs as far as they still exist."""
    lines = [line for line in project.directory.pairs if line.target and kind_of(line.source)[0] == "objectGUID"]
    if not lines:
        return {}
    known = list(known)
    left = {pair.target_guid: pair.id for pair in known if can_be_inherited(pair, sources)}
    complete = {pair.source_guid for pair in known if pair.target_guid is not None}
    result: dict[bytes, bytes] = {}
    for line in lines:
        here, there = named(sources, line.source), named(targets, line.target or "")
        if not len(here) == len(there) == 1 or here[0].guid in complete or not alike(here[0], there[0]):
            continue
        if there[0].guid in left:
            result.setdefault(left[there[0].guid], pair_id(project.project, here[0].guid))
    return result


def can_be_inherited(pair: Pair, sources: Index) -> bool:
    """Whether the pair has a target whose original is gone, and that nobody uses or shares."""
    return (
        pair.target_guid is not None
        and sources.get(pair.source_guid) is None
        and pair.active is Side.SOURCE
        and not pair.merged
    )
