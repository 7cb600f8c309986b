"""A rule as values: when it applies and what it does."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import cast

from isthmus_lab.mapi.bag import Properties, Value
from isthmus_lab.mapi.tags import PropertyKey
from isthmus_lab.store import And, Not, Or, Restriction


class State(IntFlag):
    """PidTagRuleState, [MS-OXORULE] 2.2.1.3.1.3."""

    ENABLED = 0x01
    ERROR = 0x02
    ONLY_WHEN_OOF = 0x04
    EXIT_LEVEL = 0x10


class Kind(IntEnum):
    """ActionType, [MS-OXORULE] 2.2.5.1."""

    MOVE = 0x01
    COPY = 0x02
    REPLY = 0x03
    OOF_REPLY = 0x04
    DEFER = 0x05
    BOUNCE = 0x06
    FORWARD = 0x07
    DELEGATE = 0x08
    TAG = 0x09
    DELETE = 0x0A
    MARK_AS_READ = 0x0B


class Flavor(IntFlag):
    """ActionFlavor of a forward, [MS-OXORULE] 2.2.5.1.1."""

    NONE = 0
    PRESERVE_SENDER = 0x1
    DO_NOT_MUNGE = 0x2
    AS_ATTACHMENT = 0x4
    TEXT_MESSAGE = 0x8
    REDIRECT = PRESERVE_SENDER | DO_NOT_MUNGE


@dataclass(frozen=True)
class Recipients:
    """The SubObjectRestriction on the recipient table, [MS-OXCDATA] 2.12.10: one recipient of the message matches."""

    part: Condition


# What a rule may ask: the store's restrictions, over the properties of the message and of its recipients.
Condition = Restriction | Recipients


# Conditions joined: they may stand wherever a restriction of the store may.
def every(parts: Iterable[Condition]) -> And:
    """All of them."""
    return And(cast("tuple[Restriction, ...]", tuple(parts)))


def some(parts: Iterable[Condition]) -> Or:
    """At least one of them."""
    return Or(cast("tuple[Restriction, ...]", tuple(parts)))


def negated(part: Condition) -> Not:
    """The opposite."""
    return Not(cast("Restriction", part))


@dataclass(frozen=True)
class Action:
    """One action; which of the fields it needs follows from its kind."""

    kind: Kind
    flavor: Flavor = Flavor.NONE
    folder: bytes = b""  # MOVE, COPY: an entry id
    recipients: tuple[Properties, ...] = ()  # FORWARD, DELEGATE
    tag: tuple[PropertyKey, Value] | None = None  # TAG
    template: bytes = b""  # REPLY: the entry id of a message
    data: bytes = b""  # of the kinds that the server does not carry out


@dataclass(frozen=True)
class Rule:
    """A rule. ``number`` is that of the message that keeps it, 0 before there is one."""

    name: str
    sequence: int
    condition: Condition
    actions: tuple[Action, ...]
    state: State = State.ENABLED
    provider: str = "RuleOrganizer"
    number: int = 0
    message_class: str = "IPM.Rule.Version2.Message"
