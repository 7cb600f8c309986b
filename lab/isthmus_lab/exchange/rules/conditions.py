"""Whether a message meets a rule's condition; nothing is read or changed."""

from __future__ import annotations

from isthmus_lab.mapi.bag import Bag, Properties
from isthmus_lab.store import And, Bitmask, Compare, Contains, Exists, Not, Or
from isthmus_lab.store.restriction import matches

from .model import Condition, Recipients


def met(condition: Condition, message: Bag) -> bool:
    """The condition asked of a message."""
    match condition:
        case Recipients(part):
            return any(_met(part, each, message) for each in message.recipients)
        case _:
            return _met(condition, message.properties, message)


def _met(condition: Condition, properties: Properties, message: Bag) -> bool:
    match condition:
        case And(parts):
            return all(_met(part, properties, message) for part in parts)
        case Or(parts):
            return any(_met(part, properties, message) for part in parts)
        case Not(part):
            return not _met(part, properties, message)
        case Recipients():
            return met(condition, message)
        case Compare() | Contains() | Exists() | Bitmask():
            return matches(condition, properties)
        case _:
            return False  # no rule can be written that asks for anything else
