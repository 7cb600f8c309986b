"""Series: recurrence patterns of calendar items ([MS-OXOCAL] 2.2.1.44)."""

from __future__ import annotations

from .errors import EwsError
from .fields import Draft, View
from .names import Element


def build(_view: View) -> Element | None:
    return None


def store(_draft: Draft, _node: Element) -> None:
    raise EwsError("ErrorInvalidPropertySet", "Recurrence is not supported yet.")


def clear(_draft: Draft) -> None:
    return None


first = last = modified = deleted = build


def complete(_draft: Draft) -> None:
    return None
