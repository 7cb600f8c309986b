"""The addresses of both sides of a pair: merged, so that whatever either is known by reaches the right mailbox."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from isthmus_sync.directory.addresses import ProxyAddress, in_domain, proxies, smtp_addresses, unique, x500_addresses
from isthmus_sync.directory.attributes import owner_of
from isthmus_sync.directory.joining import addresses_of, old_names_of
from isthmus_sync.directory.objects import DirectoryObject, Side, Values, as_values
from isthmus_sync.directory.settling import merge

if TYPE_CHECKING:
    from isthmus_project import Project

    from isthmus_sync.directory.index import Index

NAME = "proxyaddresses"
"""Key of the agreed addresses in Agreed.sets."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """proxyAddresses as each side shall have them, what they then have in common, and what could not be done."""

    wanted: Mapping[Side, Values]
    agreed: frozenset[str]
    problems: list[str] = field(default_factory=list)


def merge_addresses(
    objects: Mapping[Side, DirectoryObject],
    legacy: Mapping[Side, str],
    primary: Mapping[Side, str],
    redirection: Mapping[Side, str],
    agreed: frozenset[str],
    indexes: Mapping[Side, Index],
    own: frozenset[bytes],
    project: Project,
    merged: tuple[DirectoryObject, ...] = (),
) -> Addresses:
    """Both sides' proxyAddresses.

    SMTP addresses are merged as a set, so one that is removed on one side goes on the other too; an address that
    another object holds is left out and reported. X500 addresses are never removed: each side gets the other's, and
    the other's legacyExchangeDN (`legacy`), because old mail, nickname caches and calendars still use them. `primary`
    is the address each side sends from, `redirection` what it is reached at by redirected mail, where it is.
    Addresses of other types stay where they are. `own` are the GUIDs that belong to this pair. The target is reached by
    whatever objects of the source that are `merged` into the pair are reached by; they keep it themselves, so the
    pair's source does not get it.
    """
    templates = (project.source.redirection, project.target.redirection)

    def real(obj: DirectoryObject) -> dict[str, str]:
        found = [a for a in smtp_addresses(obj) if not any(in_domain(a, template) for template in templates)]
        return {address.casefold(): address for address in found}

    held = {side: real(objects[side]) for side in Side}
    theirs = {key: a for key, a in addresses_of(merged, project).items() if key not in held[Side.SOURCE]}
    of_target = held[Side.TARGET]
    held[Side.TARGET] = {key: address for key, address in of_target.items() if key not in theirs}
    if not held[Side.SOURCE] or not held[Side.TARGET]:
        # A side that lost every address is filled again; it never empties the other.
        agreed = frozenset()
    source, target = merge(
        owner_of("proxyAddresses", project, default="newest"),
        frozenset(held[Side.SOURCE]),
        frozenset(held[Side.TARGET]),
        agreed,
    )
    problems: list[str] = []
    after = {Side.SOURCE: set(source), Side.TARGET: {*target, *theirs}}
    for side in Side:
        for key in sorted(after[side] - set(held[side] if side is Side.SOURCE else of_target)):
            if holder := indexes[side].taken("address", key, own):
                after[side].discard(key)
                name = (project.source if side is Side.SOURCE else project.target).name
                problems.append(f"{key} cannot be added in {name}: {holder.dn} has it; remove it there or here")
    spelling = held[Side.SOURCE] | theirs | of_target
    old_names = old_names_of(merged)
    wanted = {
        side: _proxies(
            objects[side],
            [spelling[key] for key in sorted(after[side])] + ([redirection[side]] if side in redirection else []),
            primary[side],
            _x500(objects[side], objects[side.other], legacy[side], legacy[side.other], old_names, side),
            templates,
        )
        for side in Side
    }
    return Addresses(wanted, frozenset(after[Side.SOURCE] & after[Side.TARGET]), problems)


def _x500(
    obj: DirectoryObject,
    other: DirectoryObject,
    own_legacy: str,
    other_legacy: str,
    merged: tuple[str, ...],
    side: Side,
) -> tuple[str, ...]:
    """The X500 addresses an object shall have: its own, then the other's names but for what it is called itself. Names
    of `merged` objects go to the target alone."""
    new = [name for name in (other_legacy, *x500_addresses(other)) if name]
    if side is Side.TARGET:
        new += merged
    else:
        theirs = {name.casefold() for name in merged}
        new = [name for name in new if name.casefold() not in theirs]
    return unique((*x500_addresses(obj), *(n for n in new if n.casefold() != own_legacy.casefold())))


def _proxies(
    obj: DirectoryObject, smtp: list[str], primary: str, x500: tuple[str, ...], templates: tuple[str, str]
) -> Values:
    """The values of proxyAddresses, those that are there already in their place and as they are spelled.

    Redirection addresses stay even when they are no longer wanted: mail to them may still be on its way.
    """
    keys = {address.casefold() for address in smtp}
    if primary.casefold() not in keys:
        primary = next((p.address for p in proxies(obj) if p.primary and p.type == "SMTP" and p.key in keys), "")
    if not primary and smtp:
        primary = smtp[0]
    kept = [
        p
        for p in proxies(obj)
        if p.type != "SMTP" or p.key in keys or any(in_domain(p.address, template) for template in templates)
    ]
    have = {(p.type, p.key) for p in kept}
    kept += [ProxyAddress("SMTP", a) for a in smtp if ("SMTP", a.casefold()) not in have]
    kept += [ProxyAddress("X500", a, primary=True) for a in x500 if ("X500", a.casefold()) not in have]
    result = [ProxyAddress(p.type, p.address, p.key == primary.casefold()) if p.type == "SMTP" else p for p in kept]
    return as_values(dict.fromkeys(str(p) for p in result))
