"""The objects of a forest that matter for the decisions about a few others: found by name, not by reading all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING
from uuid import UUID

from isthmus_directory import filters
from isthmus_sync.directory import DirectoryObject, Index, Kind, Side
from isthmus_sync.directory.addresses import alias, smtp_addresses
from isthmus_sync.directory.attributes import attributes_of
from isthmus_sync.directory.creation import naming_stems
from isthmus_sync.directory.merging import goes_to
from isthmus_sync.directory.naming import kind_of, named

if TYPE_CHECKING:
    from isthmus_project import Project


def said(fresh: Iterable[DirectoryObject], project: Project) -> dict[Side, list[filters.Filter]]:
    """On both sides, whatever has a name by which the project's own pairs name these objects or their counterparts."""
    index = Index(fresh if project.directory.pairs else ())
    wanted: dict[Side, list[filters.Filter]] = {Side.SOURCE: [], Side.TARGET: []}
    meant = [pair for pair in project.directory.pairs if named(index, pair.source)]
    targets = {pair.target.casefold() for pair in meant if pair.target}
    for pair in project.directory.pairs:
        if pair in meant or (pair.target or "").casefold() in targets:
            wanted[Side.SOURCE].append(_name(pair.source))
            if pair.target:
                wanted[Side.TARGET].append(_name(pair.target))
    return wanted


def _name(name: str) -> filters.Filter:
    kind, value = kind_of(name)
    if kind == "objectGUID":
        return filters.equals(kind, UUID(value).bytes_le)
    if kind == "address":
        return address_filter(value)
    return filters.equals("distinguishedName" if kind == "dn" else kind, value)


def address_holders(objects: Iterable[tuple[DirectoryObject, DirectoryObject | None]]) -> Iterator[filters.Filter]:
    """Who else holds the addresses that an object is about to get from its counterpart? Given (object, counterpart)."""
    for obj, other in objects:
        if other is not None:
            here = {address.casefold() for address in smtp_addresses(obj)}
            yield from (address_filter(a) for a in smtp_addresses(other) if a.casefold() not in here)


def stand_ins(sources: Iterable[DirectoryObject], project: Project) -> Iterator[filters.Filter]:
    """Contacts of the target that may stand for these objects, when the project wants them merged."""
    if project.directory.contacts == "report":
        return
    for source in sources:
        for address in smtp_addresses(source):
            there = filters.any_of(address_filter(address), filters.equals("targetAddress", f"smtp:{address}"))
            yield filters.every(filters.equals("objectClass", "contact"), there)


def rivals(contacts: Iterable[DirectoryObject], project: Project) -> Iterator[filters.Filter]:
    """For whom of the source do these objects of the target stand, if they are contacts that may be merged?"""
    if project.directory.contacts != "report":
        yield from (address_filter(goes_to(obj)) for obj in contacts if obj.kind is Kind.CONTACT and goes_to(obj))


def counterparts(sources: Iterable[DirectoryObject], project: Project) -> Iterator[filters.Filter]:
    """What in the target could stand for these objects, or hold a name that a new object would take."""
    for source in sources:
        for address in smtp_addresses(source):
            yield address_filter(address)
        if legacy := source.text("legacyExchangeDN"):
            yield filters.equals("proxyAddresses", f"X500:{legacy}")
        for rule in project.directory.match:
            here, there = attributes_of(rule)
            if rule != "proxyAddresses":
                yield from (filters.equals(there, value) for value in source.raw(here))
        yield filters.starts_with("mailNickname", alias(source))
        for attribute, stem in naming_stems(source):
            # A long name is cut to make room for a number.
            yield filters.starts_with(attribute, stem[:16])


def address_filter(address: str) -> filters.Filter:
    """Whoever holds an SMTP address."""
    # Active Directory compares proxyAddresses without case, so one form finds primary and secondary addresses.
    return filters.any_of(filters.equals("proxyAddresses", f"smtp:{address}"), filters.equals("mail", address))
