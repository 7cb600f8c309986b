"""A new object in the target for one of the source: where it goes, and its names there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from isthmus_sync.directory import names
from isthmus_sync.directory.addresses import alias
from isthmus_sync.directory.objects import DirectoryObject, Kind, Link, Values, as_values
from isthmus_sync.directory.recipients import SECURITY_ENABLED

if TYPE_CHECKING:
    from isthmus_project import Create, Project

    from isthmus_sync.directory.index import Index

_CLASSES = {Kind.GROUP: "group", Kind.CONTACT: "contact"}
_FORBIDDEN_IN_SAM = str.maketrans(dict.fromkeys('"/\\[]:;|=,+*?<>@', "_"))
_LONGEST_SAM = 20
"""Of a user, [MS-SAMR] 2.2.1; groups may be longer, but tools cut them."""
_LONGEST_CN = 64
_UNIVERSAL = 8
_DISABLED = 0x2


@dataclass(frozen=True, slots=True)
class Creation:
    """An object to create. `attributes` are all of it but for linked ones; `links` those that it has from the start,
    because what they name is there; `enabled`: it is an account that its owner may log on with, so it needs a password,
    which only an encrypted connection takes."""

    dn: str
    object_class: str
    attributes: dict[str, Values]
    enabled: bool
    links: Mapping[str, tuple[Link, ...]] = field(default_factory=dict)


def naming(source: DirectoryObject, target: Index, project: Project) -> tuple[str, dict[str, Values]]:
    """The distinguished name of the new object and the attributes that only a creation sets.

    Names that must be unique are made so by a number, or the alias for cn; which one is certain only against the
    whole target.
    """
    assert project.target.create is not None  # the project's own check
    create, base, kind = project.target.create, project.target.directory.base, source.kind
    where = _ou(source, create)
    stems = dict(naming_stems(source))
    wanted = stems["cn"]
    short = wanted[: max(_LONGEST_CN - len(alias(source)) - 3, 8)]
    dn = _free(
        (f"CN={names.escape_rdn(cn)},{where}" for cn in _numbered(wanted, f"{short} ({alias(source)})")),
        lambda name: target.taken("dn", name) is None,
    )
    if kind is Kind.CONTACT:
        return dn, {}
    longest = 256 if kind is Kind.GROUP else _LONGEST_SAM
    sam = _free(
        _numbered_within(stems["sAMAccountName"], longest),
        lambda name: target.taken("sAMAccountName", name) is None,
    )
    attributes: dict[str, str] = {"sAMAccountName": sam}
    if kind is Kind.GROUP:
        # Universal whatever the source's scope is: Exchange asks for it, and only a universal group takes members of
        # every other kind. Active Directory stores the type as a signed number.
        attributes["groupType"] = str(_UNIVERSAL - (source.number("groupType") & SECURITY_ENABLED))
        return dn, {name: as_values(value) for name, value in attributes.items()}
    realm = names.realm(base)

    def free(name: str) -> bool:
        # Active Directory takes the part before the @ for a sAMAccountName too, and refuses another account's.
        another = name.casefold() != sam.casefold() and target.taken("sAMAccountName", name) is not None
        return not another and target.taken("userPrincipalName", f"{name}@{realm}") is None

    attributes["userPrincipalName"] = f"{_free(_numbered(stems['userPrincipalName']), free)}@{realm}"
    return dn, {name: as_values(value) for name, value in attributes.items()}


def naming_stems(source: DirectoryObject) -> Iterator[tuple[str, str]]:
    """What the new object's unique names begin with, by attribute."""
    yield "cn", (source.text("cn") or source.text("displayName") or alias(source))[:_LONGEST_CN]
    if source.kind is not Kind.CONTACT:
        account = source.text("sAMAccountName") or alias(source)
        yield "sAMAccountName", account.translate(_FORBIDDEN_IN_SAM).strip(". ")
    if source.kind.is_account:
        yield "userPrincipalName", source.text("userPrincipalName").partition("@")[0] or alias(source)


def free_alias(source: DirectoryObject, target: Index, own: frozenset[bytes]) -> str:
    """The alias for the target: the source's, with a number when somebody else has it there."""
    return _free(_numbered(alias(source)), lambda name: target.taken("mailNickname", name, own) is None)


def _ou(source: DirectoryObject, create: Create) -> str:
    """The OU for the new object: the mapping of the deepest OU above its original, else the one for its kind."""
    above = [mapped for mapped in create.ous if names.is_below(source.dn, mapped.source)]
    if above:
        return max(above, key=lambda mapped: len(names.split(mapped.source))).target
    return {Kind.GROUP: create.groups_ou, Kind.CONTACT: create.contacts_ou}.get(source.kind, create.users_ou)


def enabled(source: DirectoryObject, project: Project) -> bool:
    """Whether the new account is one to log on with.

    A mailbox of Exchange that is opened by its owner needs an enabled account; one of a room, or of somebody whose
    source account is disabled (a shared mailbox, a person on leave), does not, and a linked one is opened by another.
    """
    assert project.target.create is not None  # the project's own check
    owner = source.kind is Kind.USER and not source.number("userAccountControl") & _DISABLED
    return owner and project.target.create.accounts == "full"


def object_class(kind: Kind) -> str:
    return _CLASSES.get(kind, "user")


def _numbered(*stems: str) -> Iterator[str]:
    """The stems, then the last one with rising numbers."""
    yield from stems
    yield from (f"{stems[-1]}{number}" for number in range(2, 100_000))


def _numbered_within(stem: str, longest: int) -> Iterator[str]:
    yield stem[:longest]
    yield from (f"{stem[: longest - len(str(number))]}{number}" for number in range(2, 100_000))


def _free(candidates: Iterator[str], is_free: Callable[[str], bool]) -> str:
    return next(name for name in candidates if is_free(name))
