"""Restrictions ([MS-OXCDATA] 2.12) over the items of a folder, and their SQL.

Keys are property keys. Those with a column of their own (see COLUMNS in columns.py) are answered by the
database; any other is read out of each item's content, which is right but slow.
"""

from dataclasses import dataclass
from typing import Literal

from isthmus_lab.mapi.bag import Value
from isthmus_lab.mapi.tags import PropertyKey


@dataclass(frozen=True, slots=True)
class And:
    parts: tuple["Restriction", ...]


@dataclass(frozen=True, slots=True)
class Or:
    parts: tuple["Restriction", ...]


@dataclass(frozen=True, slots=True)
class Not:
    part: "Restriction"


@dataclass(frozen=True, slots=True)
class Compare:
    """The property compared with a value, or with another property. An item without it does not match."""

    key: PropertyKey
    operator: Literal["=", "!=", "<", "<=", ">", ">="]
    value: "Value | OtherProperty"


@dataclass(frozen=True, slots=True)
class OtherProperty:
    """The right-hand side of a comparison of two properties."""

    key: PropertyKey


@dataclass(frozen=True, slots=True)
class Contains:
    """Text in a text property, [MS-OXCDATA] 2.12.4."""

    key: PropertyKey
    text: str
    mode: Literal["full", "prefix", "substring"] = "substring"
    ignore_case: bool = True


@dataclass(frozen=True, slots=True)
class Exists:
    key: PropertyKey


@dataclass(frozen=True, slots=True)
class Bitmask:
    """(property & mask) is not zero, or is zero."""

    key: PropertyKey
    mask: int
    is_zero: bool = False


Restriction = And | Or | Not | Compare | Contains | Exists | Bitmask
