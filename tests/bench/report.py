"""What every benchmark says: a figure, and what it is compared with."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Row:
    """A figure beside another one that was measured in the same run, or beside an aim."""

    name: str
    unit: str
    value: float
    compared_with: str
    compared_value: float

    @property
    def ratio(self) -> float:
        """The value as a multiple of the one it is compared with."""
        return self.value / self.compared_value if self.compared_value else float("inf")


def show(rows: Sequence[Row]) -> None:
    """A table on the terminal; where there is none, as wide as it has to be."""
    table = Table(box=None, header_style="bold")
    for title in ("", "value", "compared with", "its value", "ratio"):
        table.add_column(title, no_wrap=True, justify="left" if title in ("", "compared with") else "right")
    for row in rows:
        ours, theirs = f"{_short(row.value)} {row.unit}", f"{_short(row.compared_value)} {row.unit}"
        table.add_row(row.name, ours, row.compared_with, theirs, _short(row.ratio))
    console = Console()
    (console if console.is_terminal else Console(width=200)).print(table)


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def write(rows: Sequence[Row], path: Path) -> None:
    """The same for programs: a list of objects."""
    content = [
        {
            "name": row.name,
            "value": row.value,
            "unit": row.unit,
            "compared_with": row.compared_with,
            "compared_value": row.compared_value,
            "ratio": row.ratio,
        }
        for row in rows
    ]
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
