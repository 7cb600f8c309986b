"""The CSV file in which people say who belongs together (RFC 4180): a header ``source,target``, a line a pair."""

from __future__ import annotations

import csv
import os
from pathlib import Path

from .model import NamedPair

COLUMNS = ("source", "target")


class PairsError(Exception):
    """The file cannot be used: the line (1 is the first), and words with the remedy."""

    def __init__(self, line: int, message: str) -> None:
        self.line = line
        super().__init__(message)


def read_pairs(path: Path) -> list[NamedPair]:
    """The pairs in ``path``. Raises PairsError."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file, strict=True)
            header = [name.strip().lower() for name in next(rows, [])]
            if header != list(COLUMNS):
                raise PairsError(1, f"the first line must be {','.join(COLUMNS)}")
            return [_pair(row, rows.line_num) for row in rows if any(field.strip() for field in row)]
    except OSError as error:
        raise PairsError(1, f"cannot be read: {error.strerror}; write one with the line {','.join(COLUMNS)}") from error
    except UnicodeDecodeError as error:
        raise PairsError(1, f"is not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    except csv.Error as error:
        raise PairsError(rows.line_num, f"is not CSV: {error}") from error


def add_pair(path: Path, pair: NamedPair) -> None:
    """Write one more pair to the end of the file, which is made when it is not there. Raises OSError."""
    new = not path.exists() or not path.stat().st_size
    ends_well = new or path.read_bytes().endswith(b"\n")
    with path.open("a", encoding="utf-8", newline="") as file:
        if not ends_well:
            file.write(os.linesep)
        rows = csv.writer(file, lineterminator=os.linesep)
        if new:
            rows.writerow(COLUMNS)
        rows.writerow((pair.source, pair.target or ""))


def _pair(row: list[str], line: int) -> NamedPair:
    fields = [field.strip() for field in row]
    if len(fields) != len(COLUMNS) or not fields[0]:
        raise PairsError(line, "a source and a target are expected; put names with commas in quotes")
    return NamedPair(source=fields[0], target=fields[1])
