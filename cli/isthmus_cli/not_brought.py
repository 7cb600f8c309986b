"""What a switch does not bring along, as a table for those who decide about it."""

from __future__ import annotations

from typing import Any

from rich.table import Table
from rich.text import Text

from .output import number

_CACHE = "offline cache"
_SHOWN = 3

FOR_EVERYBODY = (
    "For everybody: Outlook builds its offline copy anew; the favourites and the default views of its folder list are "
    "chosen anew. More: docs/operating/before-the-switch.md"
)


def table(people: list[dict[str, Any]]) -> Table:
    """A row for each person; ``people`` are the portal's mailboxes."""
    found = Table("person", "status", box=None, header_style="bold", pad_edge=False)
    found.add_column("Outlook downloads", justify="right", no_wrap=True)
    found.add_column("stays behind", overflow="fold")
    for person in people:
        losses = person["not_brought"]
        others = [loss for loss in losses if loss["kind"] != _CACHE]
        found.add_row(
            Text(person["name"]),
            Text(f"{person['status']}, {person['percent']:g} %"),
            next((_download(loss) for loss in losses if loss["kind"] == _CACHE), "-"),
            Text("\n".join(map(_line, others)), "yellow") if others else Text("nothing" if losses else "not known yet"),
        )
    return found


def _download(loss: dict[str, Any]) -> str:
    items = number(loss["count"])
    return f"{items} items, {loss['bytes'] / 1e9:.2f} GB"


def _line(loss: dict[str, Any]) -> str:
    examples = loss["examples"][:_SHOWN]
    more = "; …" if loss["count"] > len(examples) else ""
    names = f" ({'; '.join(examples)}{more})" if examples else ""
    return f"{loss['count']} {loss['kind']}{names}: {loss['words']}"
