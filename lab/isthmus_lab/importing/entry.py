"""One message to be imported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from isthmus_lab.mapi.bag import Bag


@dataclass(frozen=True)
class Entry:
    """A message where it was found. `load` reads it, and may raise anything: it is somebody else's data."""

    folder: tuple[str, ...]
    """Names from the top of the source; empty for a message that is in no folder."""
    folder_class: str
    where: str
    """For people: file, and place in it."""
    load: Callable[[], Bag]
