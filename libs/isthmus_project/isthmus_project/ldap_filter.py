"""LDAP filters (RFC 4515) on objects that were read already: which objects of the source take no part."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias


@dataclass(frozen=True, slots=True)
class Comparison:
    """One comparison. `parts` are the pieces of the value between its asterisks, without case; one piece when there is
    none."""

    attribute: str
    operator: Literal["=", ">=", "<="]
    parts: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Combination:
    operator: Literal["&", "|", "!"]
    filters: tuple[Filter, ...]


Filter: TypeAlias = "Comparison | Combination"

_COMPARISON = re.compile(r"([A-Za-z][A-Za-z0-9-]*)(=|>=|<=)([^()]*)\)")
_ESCAPED = re.compile(r"\\([0-9A-Fa-f]{2})?")


@lru_cache(maxsize=1024)
def parse(text: str) -> Filter:
    """A filter as a value. Raises ValueError that says where it goes wrong."""
    found, end = _filter(text, 0)
    if text[end:].strip():
        raise ValueError(f"{text!r} has something after its filter: {text[end:]!r}; remove it")
    return found


def attributes_in(found: Filter) -> set[str]:
    """The attributes that a filter looks at."""
    if isinstance(found, Comparison):
        return {found.attribute}
    return set().union(*(attributes_in(part) for part in found.filters))


def applies(found: Filter, values_of: Callable[[str], Sequence[bytes]]) -> bool:
    """Whether an object is what the filter describes; `values_of` gives the values of one of its attributes."""
    if isinstance(found, Combination):
        results = (applies(part, values_of) for part in found.filters)
        return any(results) if found.operator == "|" else all(results) if found.operator == "&" else not next(results)
    return any(_compares(found, value) for value in values_of(found.attribute))


def _compares(comparison: Comparison, value: bytes) -> bool:
    have, parts = folded(value), comparison.parts
    if comparison.operator != "=":
        wanted = parts[0]
        a, b = (int(have), int(wanted)) if _is_number(have) and _is_number(wanted) else (have, wanted)
        return a >= b if comparison.operator == ">=" else a <= b  # type: ignore[operator]
    if len(parts) == 1:
        return have == parts[0]
    first, *middle, last = parts
    if not have.startswith(first) or not have.endswith(last) or len(have) < len(first) + len(last):
        return False
    rest = have[len(first) : len(have) - len(last)]
    for part in middle:
        _, found, rest = rest.partition(part) if part else (b"", b"yes", rest)
        if not found:
            return False
    return True


def folded(value: bytes) -> bytes:
    """A value as directories compare texts: without case."""
    return value.decode("utf-8", "surrogateescape").casefold().encode("utf-8", "surrogateescape")


def _is_number(value: bytes) -> bool:
    return value.removeprefix(b"-").isdigit()


def _filter(text: str, start: int) -> tuple[Filter, int]:
    """The filter that begins at `start`, and where it ends."""
    start = _skipped(text, start)
    if text[start : start + 1] != "(":
        raise ValueError(f"{text!r} is not a filter: '(' is expected at {text[start:]!r}")
    operator = text[start + 1 : start + 2]
    if operator in ("&", "|", "!"):
        filters: list[Filter] = []
        end = _skipped(text, start + 2)
        while text[end : end + 1] == "(":
            inner, end = _filter(text, end)
            filters.append(inner)
            end = _skipped(text, end)
        if text[end : end + 1] != ")" or not filters or (operator == "!" and len(filters) > 1):
            raise ValueError(f"{text!r} is not a filter: filters and ')' are expected after '({operator}'")
        return Combination(operator, tuple(filters)), end + 1  # type: ignore[arg-type]
    found = _COMPARISON.match(text, start + 1)
    if found is None:
        raise ValueError(f"{text!r} is not a filter: a comparison such as (department=Sales) is expected")
    attribute, sign, value = found.groups()
    # Asterisks first: one that belongs to the value is written \2a.
    parts = tuple(folded(_unescaped(part)) for part in (value.split("*") if sign == "=" else [value]))
    return Comparison(attribute, sign, parts), found.end()  # type: ignore[arg-type]


def _unescaped(value: str) -> bytes:
    if any(match.group(1) is None for match in _ESCAPED.finditer(value)):
        raise ValueError(rf"{value!r}: a backslash is written \5c")
    raw = value.encode()
    return re.sub(rb"\\([0-9A-Fa-f]{2})", lambda match: bytes.fromhex(match.group(1).decode()), raw)


def _skipped(text: str, position: int) -> int:
    while text[position : position + 1].isspace():
        position += 1
    return position
