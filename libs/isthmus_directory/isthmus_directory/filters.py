"""LDAP filters, built from values (RFC 4515); nothing that came from outside is ever part of their syntax."""

from __future__ import annotations

from typing import NewType

Filter = NewType("Filter", str)


_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")


def _escaped(value: str | bytes) -> str:
    # White space, too: ldap3 strips it from the ends of a value.
    octets = value.encode() if isinstance(value, str) else value
    return "".join(chr(octet) if octet in _PLAIN else f"\\{octet:02x}" for octet in octets)


def equals(attribute: str, value: str | bytes) -> Filter:
    """The attribute has this value."""
    return Filter(f"({attribute}={_escaped(value)})")


def starts_with(attribute: str, value: str) -> Filter:
    """A value of the attribute begins like this."""
    return Filter(f"({attribute}={_escaped(value)}*)")


def present(attribute: str) -> Filter:
    return Filter(f"({attribute}=*)")


def at_least(attribute: str, value: int) -> Filter:
    return Filter(f"({attribute}>={value:d})")


def member_of(group_dn: str) -> Filter:
    """Members of a group, those of nested groups included (LDAP_MATCHING_RULE_IN_CHAIN)."""
    return Filter(f"(memberOf:1.2.840.113556.1.4.1941:={_escaped(group_dn)})")


def every(*filters: Filter) -> Filter:
    return Filter(f"(&{''.join(filters)})")


def any_of(*filters: Filter) -> Filter:
    return Filter(f"(|{''.join(filters)})")


# Users, groups and contacts. objectCategory keeps computers out, which are of class user; tombstones have lost it.
RECIPIENTS = any_of(
    every(equals("objectCategory", "person"), equals("objectClass", "user")),
    equals("objectClass", "group"),
    equals("objectClass", "contact"),
)
# What changes are asked for: those and their tombstones, and the containers above, which may be renamed.
WATCHED = any_of(
    equals("objectClass", "user"),
    equals("objectClass", "group"),
    equals("objectClass", "contact"),
    equals("objectClass", "organizationalUnit"),
)
