"""Contacts of the target that stand for somebody of the source, merged into the object that takes their place.

Before two organisations are joined, each often has the people of the other as mail contacts. When such a person gets an
object of their own, that object takes over what the contact was: its addresses, the name that old mail knows it by, its
memberships, and its place wherever else somebody names it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from isthmus_sync.directory.addresses import (
    ProxyAddress,
    in_domain,
    primary_smtp,
    proxies,
    smtp_addresses,
    x500_addresses,
)
from isthmus_sync.directory.attributes import BACK_LINKS, SINGLE_LINKS
from isthmus_sync.directory.difference import Modification, difference
from isthmus_sync.directory.objects import DirectoryObject, Kind, Link, Side, as_values

if TYPE_CHECKING:
    from isthmus_project import Project

    from isthmus_sync.directory.index import Index
    from isthmus_sync.directory.pairs import Pair, Twins

_ADDRESSED_BY = (
    "proxyAddresses", "mail", "targetAddress", "mailNickname", "legacyExchangeDN", "msExchRecipientTypeDetails",
    "msExchRecipientDisplayType", "msExchPoliciesExcluded", "msExchVersion",
)  # fmt: skip


def stands_for(contact: DirectoryObject, source: DirectoryObject) -> bool:
    """Whether this object is a contact whose mail goes to this object of the source, which is none itself."""
    if contact.kind is not Kind.CONTACT or source.kind is Kind.CONTACT:
        return False
    return goes_to(contact).casefold() in {address.casefold() for address in smtp_addresses(source)}


def goes_to(contact: DirectoryObject) -> str:
    """Where a contact's mail goes."""
    return ProxyAddress.parse(contact.text("targetAddress")).address or primary_smtp(contact)


def rivals(contact: DirectoryObject, pair: Pair, sources: Index, twins: Twins) -> list[DirectoryObject]:
    """Other objects of the source, with pairs of their own, for whom this contact stands as well."""
    holders = [obj for obj in sources.holders("address", goes_to(contact)) if stands_for(contact, obj)]
    owners = [(obj, twins.by_guid(Side.SOURCE, obj.guid)) for obj in holders]
    return [obj for obj, owner in owners if owner is not None and owner.id != pair.id]


def stand_ins(source: DirectoryObject, targets: Index, twins: Twins, project: Project) -> tuple[DirectoryObject, ...]:
    """The contacts of the target to be merged into this object's counterpart; none unless the project says so."""
    if project.directory.contacts == "report":
        return ()
    templates = (project.source.redirection, project.target.redirection)
    found: dict[bytes, DirectoryObject] = {}
    for address in smtp_addresses(source):
        if not any(in_domain(address, template) for template in templates):
            for obj in (*targets.holders("targetAddress", address), *targets.holders("address", address)):
                if stands_for(obj, source) and twins.by_guid(Side.TARGET, obj.guid) is None:
                    found[obj.guid] = obj
    return tuple(found[guid] for guid in sorted(found))


def succeeded(pair: Pair, sources: Index, targets: Index, project: Project) -> bool:
    """Whether the original of this pair, a contact, is gone, and its counterpart now stands for somebody who is there:
    the contact became a user."""
    if project.directory.contacts == "report" or sources.get(pair.source_guid) is not None:
        return False
    contact = targets.get(pair.target_guid)
    if contact is None or contact.kind is not Kind.CONTACT:
        return False
    holders = [obj for address in smtp_addresses(contact) for obj in sources.holders("address", address)]
    return any(stands_for(contact, obj) for obj in holders)


def with_addresses(target: DirectoryObject, contacts: tuple[DirectoryObject, ...]) -> DirectoryObject:
    """The object with the addresses of the contacts, and their legacyExchangeDN as X500 address, as its own."""
    if not contacts:
        return target
    gained: list[ProxyAddress] = []
    for contact in contacts:
        legacy = contact.text("legacyExchangeDN")
        gained += [ProxyAddress("SMTP", address) for address in smtp_addresses(contact)]
        gained += [
            ProxyAddress("X500", x, primary=True) for x in (*x500_addresses(contact), *([legacy] if legacy else []))
        ]
    have = {(p.type, p.key) for p in proxies(target)}
    new = {(p.type, p.key): str(p) for p in gained if (p.type, p.key) not in have}
    values = target.raw("proxyAddresses") + as_values(new.values())
    return replace(target, attributes={**target.attributes, "proxyaddresses": values})


def handed_over(contact: DirectoryObject, heir: Link) -> Iterator[tuple[Link, Modification]]:
    """For every object that names the contact, the change that makes it name its heir instead."""
    own = Link(contact.guid, contact.dn)
    for back, forward in BACK_LINKS.items():
        for holder in contact.linked(back):
            if holder.guid != heir.guid:
                yield holder, Modification(forward, (own,), (heir,), whole=forward in SINGLE_LINKS)
            else:
                yield holder, Modification(forward, (own,), (), whole=forward in SINGLE_LINKS)


def unaddressed(contact: DirectoryObject) -> tuple[Modification, ...]:
    """The changes after which a contact is in no address list and receives nothing."""
    return difference(contact, dict.fromkeys(_ADDRESSED_BY, ()))
