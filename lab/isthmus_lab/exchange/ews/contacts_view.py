"""FindItem's ContactsView: contacts whose display names lie between two names ([MS-OXWSSRCH] 2.2.4)."""

from __future__ import annotations

from typing import Final

from isthmus_lab.mapi import tags
from isthmus_lab.mapi.tags import PropertyKey
from isthmus_lab.store import And, Compare, Contains, Or, Restriction

from .names import Element
from .paging import Window

ORDER: Final[list[tuple[PropertyKey, bool]]] = [(tags.PidTagDisplayName, False)]


def within(view: Element, restriction: Restriction | None) -> Restriction | None:
    """The request's restriction and the names: from the first to those that begin with the last."""
    first, last = view.get("InitialName"), view.get("FinalName")
    parts: list[Restriction] = [] if restriction is None else [restriction]
    if first:
        parts.append(Compare(tags.PidTagDisplayName, ">=", first))
    if last:
        parts.append(
            Or((Compare(tags.PidTagDisplayName, "<=", last), Contains(tags.PidTagDisplayName, last, "prefix")))
        )
    return And(tuple(parts)) if parts else None


def page(view: Element) -> Window:
    """The view's first MaxEntriesReturned."""
    written = view.get("MaxEntriesReturned")
    return Window(None if written is None else int(written), indexed=written is not None)
