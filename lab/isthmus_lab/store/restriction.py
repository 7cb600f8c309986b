"""Restrictions ([MS-OXCDATA] 2.12) over the items of a folder, and their SQL.

Keys are property keys. Those with a column of their own (`columns.COLUMNS`) are answered by the database; any other is
read out of each item's content, which is right but slow.
"""

import operator
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Any, Literal, cast
from uuid import UUID

from isthmus_lab.mapi import fasttransfer, tags
from isthmus_lab.mapi.bag import Bag, Properties, Value
from isthmus_lab.mapi.tags import PropertyKey, property_type
from isthmus_lab.store import contents
from isthmus_lab.store.columns import COLUMNS
from isthmus_lab.store.words import Mentions, body_of, folded, has_phrase, has_word_beginning, mentions


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
    """The property compared with a value, or with another property. An item without it does not match; of a property
    with several values one is enough.
    """

    key: PropertyKey
    operator: Literal["=", "!=", "<", "<=", ">", ">="]
    value: "Value | OtherProperty"


@dataclass(frozen=True, slots=True)
class OtherProperty:
    """The right-hand side of a comparison of two properties."""

    key: PropertyKey


@dataclass(frozen=True, slots=True)
class Contains:
    """Text in a text property, [MS-OXCDATA] 2.12.4; "words" is the beginning of a word, "phrase" whole words."""

    key: PropertyKey
    text: str
    mode: Literal["full", "prefix", "substring", "words", "phrase"] = "substring"
    ignore_case: bool = True
    ignore_marks: bool = False  # fuzzy level IGNORENONSPACE


@dataclass(frozen=True, slots=True)
class Exists:
    key: PropertyKey


@dataclass(frozen=True, slots=True)
class Bitmask:
    """(property & mask) is not zero, or is zero."""

    key: PropertyKey
    mask: int
    is_zero: bool = False


PropertyLeaf = Compare | Contains | Exists | Bitmask
Leaf = Compare | Contains | Exists | Bitmask | Mentions
Restriction = And | Or | Not | Leaf

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
# Properties that every item has; of others the empty column means that the item does not have them.
_ALWAYS = {"message_flags", "(message_flags & 1)", "importance", "sensitivity", "flag_status", "has_attachments"}
_ALWAYS |= {"size", "recurring", "associated", "item.number", "entry_id_of_folder(folder)"}
# Texts that are compared and sorted without regard to case; ids are not among them.
_TEXTS = {
    "item_class",
    "subject",
    "sender",
    "sender_address",
    "display_to",
    "display_cc",
    "conversation_topic",
    "file_as",
}


def where(restriction: Restriction, values: list[object]) -> str:
    """The SQL condition on table item; its parameters are appended to `values`."""
    match restriction:
        case And(parts):
            return "(" + (" AND ".join(where(part, values) for part in parts) or "1") + ")"
        case Or(parts):
            return "(" + (" OR ".join(where(part, values) for part in parts) or "0") + ")"
        case Not(part):
            return f"NOT {where(part, values)}"
        case _:
            return _leaf(restriction, values)


def order(key: PropertyKey, values: list[object]) -> str:
    """The SQL expression to sort by a property."""
    if column := COLUMNS.get(key):
        return f"{column} COLLATE NOCASE" if column in _TEXTS else column
    values.append(_remember(key))
    return f"property_of({contents.OF_ITEM}, ?)"


def _leaf(leaf: Leaf, values: list[object]) -> str:
    column = None if isinstance(leaf, Mentions) else COLUMNS.get(leaf.key)
    if column is not None:
        present = "1" if column in _ALWAYS else f"{column} NOT IN (0, '', x'')"
        match leaf:
            case Exists():
                return present
            case Bitmask(_, mask, is_zero):
                values.append(mask)
                return f"({column} & ?) {'=' if is_zero else '<>'} 0"
            case Contains(_, text, mode, ignore_case, ignore_marks):
                values.extend((text, mode, ignore_case, ignore_marks))
                return f"text_contains({column}, ?, ?, ?, ?)"
            case Compare(_, sign, OtherProperty(other)) if other in COLUMNS:
                return f"({present} AND {column} {sign} {COLUMNS[other]})"
            case Compare(_, sign, value) if isinstance(value, int | float | str | bytes):
                values.append(value)
                collation = " COLLATE NOCASE" if column in _TEXTS else ""
                return f"({present} AND {column} {sign} ?{collation})"
    values.append(_remember(leaf))
    return f"leaf_matches({contents.OF_ITEM}, ?)"


# What the database asks of us: functions over an item's content.


def register(connection: sqlite3.Connection) -> None:
    """Gives a connection the functions that the SQL above uses."""
    connection.create_function("text_contains", 5, _text_contains, deterministic=True)
    connection.create_function("leaf_matches", 2, _leaf_matches)
    connection.create_function("property_of", 2, _property_of)


# A leaf or a key goes into the SQL as a number; those of the last queries are remembered here.
_remembered: dict[int, Leaf | PropertyKey] = {}
_remembering = Lock()
_MANY = 100_000


def _remember(what: Leaf | PropertyKey) -> int:
    with _remembering:
        if len(_remembered) >= _MANY:
            for old in list(_remembered)[: _MANY // 2]:
                del _remembered[old]
        number = next(reversed(_remembered), 0) + 1
        _remembered[number] = what
    return number


@lru_cache(maxsize=4)  # several conditions on one item follow each other
def _bag(content: bytes) -> Bag:
    return fasttransfer.decode(content)


def _leaf_matches(content: bytes, number: int) -> bool:
    leaf = _remembered[number]
    assert isinstance(leaf, Leaf)
    bag = _bag(content)
    if isinstance(leaf, Mentions):
        return mentions(leaf, bag)
    properties = bag.properties
    if leaf.key == tags.PidTagBody and tags.PidTagBody not in properties and (body := body_of(properties)) is not None:
        properties = properties | {tags.PidTagBody: body}
    return matches(leaf, properties)


def matches(leaf: PropertyLeaf, properties: Properties) -> bool:
    """A single condition on properties at hand."""
    found = properties.get(leaf.key)
    if found is None:
        return False
    found = found if isinstance(found, list) else [found]
    match leaf:
        case Exists():
            return True
        case Bitmask(_, mask, is_zero):
            return any(isinstance(value, int) and (value & mask == 0) == is_zero for value in found)
        case Contains(_, text, mode, ignore_case, ignore_marks):
            return any(_text_contains(value, text, mode, ignore_case, ignore_marks) for value in found)
        case Compare(_, sign, wanted):
            other = properties.get(wanted.key) if isinstance(wanted, OtherProperty) else wanted
            try:
                return any(_OPERATORS[sign](_comparable(value), _comparable(other)) for value in found)
            except TypeError:  # a value of another type than the property's
                return False


def _text_contains(value: object, text: str, mode: str, case: bool, marks: bool) -> bool:
    """Whether text is in the value; `case` and `marks` say what of it is ignored."""
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    if not isinstance(value, str):
        return False
    if mode == "words":
        return has_word_beginning(value, text, case=bool(case), marks=bool(marks))
    if mode == "phrase":
        return has_phrase(value, text, case=bool(case), marks=bool(marks))
    value, text = (folded(each, case=bool(case), marks=bool(marks)) for each in (value, text))
    if mode == "full":
        return value == text
    return value.startswith(text) if mode == "prefix" else text in value


def _comparable(value: object) -> Any:
    match value:
        case str():
            return value.casefold()
        case UUID():
            return value.bytes
        case _:
            return value


def _property_of(content: bytes, number: int) -> str | bytes | int | float | None:
    key = _remembered[number]
    assert isinstance(key, int | tags.NamedProperty)
    value = _bag(content).get(key)
    if isinstance(value, list):
        value = value[0] if value else None
    if property_type(key) == tags.PtypTime and value is not None:
        value = min(value, 2**63 - 1)
    return cast(str | bytes | int | float | None, value.bytes if isinstance(value, UUID) else value)
