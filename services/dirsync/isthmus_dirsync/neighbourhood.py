"""The objects of a forest that matter for the decisions about a few others: found by name, not by reading all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from isthmus_directory import filters
from isthmus_sync.directory import DirectoryObject
from isthmus_sync.directory.addresses import alias, smtp_addresses
from isthmus_sync.directory.creation import naming_stems

if TYPE_CHECKING:
    from isthmus_project import Project


def address_holders(objects: Iterable[tuple[DirectoryObject, DirectoryObject | None]]) -> Iterator[filters.Filter]:
    """Who else holds the addresses that an object is about to get from its counterpart? Given (object, counterpart)."""
    for obj, other in objects:
        if other is not None:
            here = {address.casefold() for address in smtp_addresses(obj)}
            yield from (_address(a) for a in smtp_addresses(other) if a.casefold() not in here)


def counterparts(sources: Iterable[DirectoryObject], project: Project) -> Iterator[filters.Filter]:
    """What in the target could stand for these objects, or hold a name that a new object would take."""
    for source in sources:
        for address in smtp_addresses(source):
            yield _address(address)
        if legacy := source.text("legacyExchangeDN"):
            yield filters.equals("proxyAddresses", f"X500:{legacy}")
        for rule in project.directory.match:
            if rule != "proxyAddresses" and (value := source.text(rule)):
                yield filters.equals(rule, value)
        yield filters.starts_with("mailNickname", alias(source))
        for attribute, stem in naming_stems(source):
            # A long name is cut to make room for a number.
            yield filters.starts_with(attribute, stem[:16])


def _address(address: str) -> filters.Filter:
    # Active Directory compares proxyAddresses without case, so one form finds primary and secondary addresses.
    return filters.any_of(filters.equals("proxyAddresses", f"smtp:{address}"), filters.equals("mail", address))
