"""Directory objects as plain values, as every decision sees them."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from typing import Self

Values: TypeAlias = tuple[bytes, ...]
"""The values of one attribute as LDAP carries them."""


class Side(IntEnum):
    """One of the two organisations; the numbers are those of isthmus.accounts.v1.Side."""

    SOURCE = 1
    TARGET = 2

    @property
    def other(self) -> Side:
        return Side.TARGET if self is Side.SOURCE else Side.SOURCE


class Kind(IntEnum):
    """What a recipient is; the numbers are those of isthmus.accounts.v1.RecipientKind."""

    USER = 1
    GROUP = 2
    CONTACT = 3
    ROOM = 4
    EQUIPMENT = 5

    @property
    def is_account(self) -> bool:
        """Whether the object is of class user, and so can have a mailbox."""
        return self in (Kind.USER, Kind.ROOM, Kind.EQUIPMENT)


@dataclass(frozen=True, slots=True)
class Link:
    """A value of a linked attribute. The GUID stays right when the object it names is renamed or moved."""

    guid: bytes
    dn: str


@dataclass(frozen=True, slots=True)
class DirectoryObject:
    """One object of a forest with the attributes that were read.

    `guid` is objectGUID in the order Active Directory stores it. Names of attributes are compared without case.
    `changed` tells when an attribute was last written, in seconds since 1601 by the forest's own clock, for those
    attributes where somebody asked.
    """

    guid: bytes
    dn: str
    attributes: Mapping[str, Values] = field(default_factory=dict)
    links: Mapping[str, tuple[Link, ...]] = field(default_factory=dict)
    changed: Mapping[str, int] = field(default_factory=dict)
    deleted: bool = False

    @classmethod
    def of(cls, guid: bytes, dn: str, **attributes: str | bytes | Iterable[str | bytes]) -> Self:
        """An object from plain values, for tests and blank objects."""
        return cls(guid, dn, {name.lower(): as_values(value) for name, value in attributes.items()})

    def raw(self, name: str) -> Values:
        """The values of an attribute; empty when it has none."""
        return self.attributes.get(name.lower(), ())

    def texts(self, name: str) -> tuple[str, ...]:
        return tuple(value.decode("utf-8", "replace") for value in self.raw(name))

    def text(self, name: str) -> str:
        """The only, or first, value of an attribute; empty when it has none."""
        values = self.raw(name)
        return values[0].decode("utf-8", "replace") if values else ""

    def number(self, name: str) -> int:
        """The value of an integer attribute; 0 when it has none."""
        return int(self.text(name) or 0)

    def linked(self, name: str) -> tuple[Link, ...]:
        return self.links.get(name.lower(), ())

    @property
    def classes(self) -> frozenset[str]:
        return _classes(self.raw("objectClass"))

    @property
    def sid(self) -> str:
        """objectSid as text, S-1-5-21-…; empty when there is none."""
        value = self.raw("objectSid")
        return sid_text(value[0]) if value else ""

    @property
    def kind(self) -> Kind:
        held = self.attributes  # asked a dozen times in each decision
        return _kind(
            held.get("objectclass", ()),
            held.get("msexchrecipienttypedetails", ()),
            held.get("msexchrecipientdisplaytype", ()),
        )

    @property
    def has_mailbox(self) -> bool:
        """Whether Exchange holds a mailbox for this account: it has a database and a mailbox GUID."""
        return bool(self.linked("homeMDB")) and bool(self.raw("msExchMailboxGuid"))


# msExchRecipientTypeDetails and msExchRecipientDisplayType of resources: mailbox, mail user that stands for one.
_ROOM_DETAILS = {16, 8589934592}
_EQUIPMENT_DETAILS = {32, 17179869184}
_ROOM_DISPLAY = {7, -2147481850}
_EQUIPMENT_DISPLAY = {8, -2147481594}


@lru_cache(maxsize=256)
def _classes(names: Values) -> frozenset[str]:
    return frozenset(name.decode("utf-8", "replace").lower() for name in names)


@lru_cache(maxsize=1024)
def _kind(object_class: Values, details: Values, display: Values) -> Kind:
    classes = _classes(object_class)
    if "group" in classes:
        return Kind.GROUP
    if "contact" in classes:
        return Kind.CONTACT
    type_details, display_type = (int(values[0]) if values else 0 for values in (details, display))
    if type_details in _ROOM_DETAILS or display_type in _ROOM_DISPLAY:
        return Kind.ROOM
    if type_details in _EQUIPMENT_DETAILS or display_type in _EQUIPMENT_DISPLAY:
        return Kind.EQUIPMENT
    return Kind.USER


def as_values(value: str | bytes | Iterable[str | bytes]) -> Values:
    """Any of the forms in which people write attribute values, as LDAP carries them."""
    if isinstance(value, str | bytes):
        value = (value,)
    return tuple(item if isinstance(item, bytes) else item.encode() for item in value)


def sid_text(value: bytes) -> str:
    """A binary security identifier in its text form ([MS-DTYP] 2.4.2.1)."""
    revision, count = value[0], value[1]
    authority = int.from_bytes(value[2:8], "big")
    parts = struct.unpack(f"<{count}I", value[8 : 8 + 4 * count])
    return "-".join(["S", str(revision), str(authority), *map(str, parts)])


def alike(source: DirectoryObject, target: DirectoryObject) -> bool:
    """Whether these can stand for each other: accounts of whatever kind, else the same kind."""
    return source.kind == target.kind or (source.kind.is_account and target.kind.is_account)


def same_values(one: Values, other: Values) -> bool:
    """Whether two attributes hold the same values; LDAP gives values no order."""
    return one == other or (len(one) == len(other) > 1 and sorted(one) == sorted(other))
