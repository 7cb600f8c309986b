"""Which objects take part, and which collection a mailbox belongs to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from isthmus_project import ldap_filter

from isthmus_sync.directory import names
from isthmus_sync.directory.addresses import smtp_addresses

if TYPE_CHECKING:
    from isthmus_project import DirectorySync, Project

    from isthmus_sync.directory.objects import DirectoryObject

# msExchRecipientTypeDetails of mailboxes that belong to Exchange itself: system, discovery, arbitration, monitoring,
# public folder, audit log.
_EXCHANGE_OWN = {0x4000, 0x20000000, 0x800000, 0x8000000000, 0x1000000000, 0x40000000000}


def left_out(obj: DirectoryObject, directory: DirectorySync) -> str | None:
    """Why an object of the source takes no part; None when it does.

    Only recipients take part: what has no mail address is in no address list and receives nothing.
    """
    if obj.deleted:
        return "it is deleted"
    if directory.scope and not any(names.is_below(obj.dn, base) for base in directory.scope):
        return "it is outside the scope"
    for text in directory.exclude:
        if ldap_filter.applies(ldap_filter.parse(text), obj.raw):
            return f"it is excluded by {text}"
    if obj.text("isCriticalSystemObject").upper() == "TRUE":
        return "it belongs to the domain itself"
    if obj.number("msExchRecipientTypeDetails") in _EXCHANGE_OWN:
        return "it is a mailbox of Exchange itself"
    if not smtp_addresses(obj):
        return "it has no mail address"
    return None


def collection_of(project: Project, source: DirectoryObject, members: Mapping[str, frozenset[bytes]]) -> str:
    """The name of the first collection that names this mailbox; empty for none, and for what is not a mailbox.

    `members`: for each group named by a collection, the GUIDs of all its members, those of nested groups included.
    """
    if not source.kind.is_account or not source.has_mailbox:
        return ""
    addresses = {address.lower() for address in smtp_addresses(source)}
    for collection in project.collections:
        if collection.ou and names.is_below(source.dn, collection.ou):
            return collection.name
        if collection.group and source.guid in members.get(collection.group, frozenset()):
            return collection.name
        if addresses.intersection(collection.mailboxes):
            return collection.name
    return ""


def strangers(project: Project, sources: Iterable[DirectoryObject]) -> list[str]:
    """What collections name that no mailbox of the source answers to: addresses, and OUs below which there is none.

    A slip of the pen in either leaves people out, and nothing else would tell of it.
    """
    mailboxes = [each for each in sources if not each.deleted and each.kind.is_account and each.has_mailbox]
    known = {address.lower() for each in mailboxes for address in smtp_addresses(each)}
    found: list[str] = []
    for collection in project.collections:
        where = f"collection {collection.name}: no mailbox of {project.source.name}"
        if collection.ou and not any(names.is_below(each.dn, collection.ou) for each in mailboxes):
            found.append(f"{where} is below {collection.ou}; correct the ou, or remove it")
        found += [
            f"{where} has the address {address}; correct it, or remove it from its mailboxes"
            for address in collection.mailboxes
            if address.lower() not in known
        ]
    return found
