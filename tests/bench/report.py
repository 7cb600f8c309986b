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
    """A table on the terminal."""
    table = Table("", "", "compared with", "", "ratio")
    for row in rows:
        ours, theirs = f"{row.value:,.3g} {row.unit}", f"{row.compared_value:,.3g} {row.unit}"
        table.add_row(row.name, ours, row.compared_with, theirs, f"{row.ratio:.3g}")
    Console().print(table)


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
