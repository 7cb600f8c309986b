"""Mailboxes that wait for an hour in which they may be worked on, in words for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple


class Hours(NamedTuple):
    """Why a collection is closed, empty when it is open; until when, in UTC, None when that is never."""

    why: str
    until: datetime | None


@dataclass(frozen=True)
class Waiting:
    """What waits for its hour, in words; empty when nothing does. `until` is when all of it may go on, where that is
    the same moment; else the words say it of each."""

    words: str = ""
    until: datetime | None = None


def told(closed: Mapping[str, Hours]) -> Waiting:
    """Of collections of which mailboxes wait."""
    together: dict[Hours, list[str]] = {}
    for collection, hours in closed.items():
        together.setdefault(hours, []).append(collection)
    untils = {hours.until for hours in together}
    if len(untils) == 1:
        return Waiting("; ".join(_words(hours.why, whose) for hours, whose in together.items()), untils.pop())
    return Waiting("; ".join(_words(hours.why, whose) + _end(hours.until) for hours, whose in together.items()))


def _end(until: datetime | None) -> str:
    return f" until {until:%Y-%m-%d %H:%M} UTC" if until else ""


def _words(why: str, whose: list[str]) -> str:
    return f"{why}: mailboxes of {', '.join(whose)} wait"
