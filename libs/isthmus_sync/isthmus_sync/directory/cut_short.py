"""What both sides agree on after a run was cut short, when nobody knows which of its writes the forests took.

A side has changed when it differs from what was agreed on. So a write that was made and never written down looks like a
change that somebody made there: an address that was taken from the target since the source had lost it, and that the
source is given back before anybody looks again, would be taken from the source, too. Therefore what both sides shall
agree on is written down with the intent, and afterwards the objects say for which attributes that came about.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from isthmus_sync.directory.difference import Modification
from isthmus_sync.directory.objects import DirectoryObject, Side
from isthmus_sync.directory.pairs import Agreed
from isthmus_sync.directory.reverting import changed_since


def agreed_after(
    intended: Agreed,
    before: Agreed,
    begun: Iterable[tuple[Side, Modification]],
    objects: Mapping[Side, DirectoryObject | None],
) -> Agreed:
    """What was `intended` for the attributes whose modifications are all there, and what was agreed `before` for those
    that miss one. `begun` are all modifications of the pair's objects that were under way, `objects` these objects as
    they are now; None is gone."""
    missing = {change.attribute.lower() for side, change in begun if not is_there(change, objects[side])}
    return intended.but_for(missing, before)


def is_there(change: Modification, obj: DirectoryObject | None) -> bool:
    """Whether the object, None when it is gone, holds what this change gave it."""
    return obj is not None and not changed_since(obj, change)
