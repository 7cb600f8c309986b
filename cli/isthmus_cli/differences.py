"""What differs between two versions of a document, field by field."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

BLANK: tuple[Any, ...] = (None, "", [], {})
"""What a field holds that says nothing."""


@dataclass(frozen=True)
class Difference:
    """A field, as a dotted path, that was added (``before`` is None), removed (``after`` is None) or changed."""

    field: str
    before: Any
    after: Any


def differences(before: Any, after: Any, field: str = "") -> Iterator[Difference]:
    """Every leaf that differs; of what was added or removed as a whole those that say something.

    A list of mappings that each have a ``name`` of their own is compared by name, and by the order of those that stay,
    for the first that fits counts; another list as a whole. Without any difference the documents mean the same.
    """
    if before == after:
        return
    one, other = _by_name(before), _by_name(after)
    if isinstance(one, dict) and isinstance(other, dict) and type(before) is type(after):
        for key in [*one, *(key for key in other if key not in one)]:
            yield from differences(one.get(key), other.get(key), _below(field, key))
        if isinstance(after, list):
            stay = [key for key in one if key in other], [key for key in other if key in one]
            if stay[0] != stay[1]:
                yield Difference(f"{field}, in this order", *stay)
    elif before is None and isinstance(other, dict):
        yield from (Difference(path, None, value) for path, value in _leaves(other, field))
    elif after is None and isinstance(one, dict):
        yield from (Difference(path, value, None) for path, value in _leaves(one, field))
    else:
        yield Difference(field, before, after)


def _by_name(value: Any) -> Any:
    """A list whose entries can be told apart by their names as a mapping; an empty one, too."""
    if isinstance(value, list) and all(map(_named, value)):
        named = {entry["name"]: entry for entry in value}
        return named if len(named) == len(value) else value
    return value


def _named(entry: Any) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("name"), str) and entry["name"] != ""


def _leaves(value: Any, field: str) -> Iterator[tuple[str, Any]]:
    """What is in it that is not blank; at least itself."""
    within = _by_name(value)
    found = (
        [leaf for key, part in within.items() if part not in BLANK for leaf in _leaves(part, _below(field, key))]
        if isinstance(within, dict)
        else []
    )
    yield from found or [(field, value)]


def _below(field: str, key: Any) -> str:
    return f"{field}.{key}" if field else str(key)
