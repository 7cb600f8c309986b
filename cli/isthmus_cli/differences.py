"""What differs between two versions of a document, field by field."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Difference:
    """A field, as a dotted path, that was added (``before`` is None), removed (``after`` is None) or changed."""

    field: str
    before: Any
    after: Any


def differences(before: Any, after: Any, field: str = "") -> Iterator[Difference]:
    """Every leaf that differs. Lists of mappings with a ``name`` are compared by name, other lists as a whole."""
    if before == after:
        return
    before, after = _by_name(before), _by_name(after)
    if isinstance(before, dict) and isinstance(after, dict):
        for key in [*before, *(key for key in after if key not in before)]:
            yield from differences(before.get(key), after.get(key), f"{field}.{key}" if field else str(key))
    else:
        yield Difference(field, before, after)


def _by_name(value: Any) -> Any:
    if isinstance(value, list) and value and all(isinstance(entry, dict) and "name" in entry for entry in value):
        return {entry["name"]: entry for entry in value}
    return value
