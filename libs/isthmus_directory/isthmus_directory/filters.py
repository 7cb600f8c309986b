"""LDAP filters, built from values (RFC 4515); nothing that came from outside is ever part of their syntax."""

from __future__ import annotations

from typing import NewType

from ldap3.utils.conv import escape_filter_chars

Filter = NewType("Filter", str)


def _escaped(value: str | bytes) -> str:
    return str(escape_filter_chars(value if isinstance(value, str) else bytes(value)))


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
