"""Whom a message names: addresses as Exchange writes them into items.

Somebody of one's own organisation is an "EX" address, the legacyExchangeDN; everybody else is "SMTP". Old items keep
these for ever, which is why X500 addresses must go on working after a migration (D6).
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from isthmus_lab.mapi import tags
from isthmus_lab.mapi.bag import Properties
from isthmus_lab.organisation import Organisation
from isthmus_lab.population.people import Outsider, Person
from isthmus_lab.population.recipients import legacy_exchange_dn

# [MS-OXCDATA] 2.2.5.2: the provider of address book entry ids; 2.2.5.1: of one-off entry ids.
_ADDRESS_BOOK = UUID("c840a7dc-42c0-1a10-b4b9-08002b2fe182").bytes_le
_ONE_OFF = UUID("a41f2b81-a3be-1910-9d6e-00dd010f5402").bytes_le
_ONE_OFF_UNICODE_MIME = b"\x01\x90"  # flags: Unicode, and MAPI_SEND_NO_RICH_INFO


@dataclass(frozen=True)
class Party:
    """Sender or recipient of a message."""

    name: str
    address: str
    legacy_dn: str | None
    language: str = "en"

    @property
    def kind(self) -> str:
        return "EX" if self.legacy_dn else "SMTP"

    @property
    def email(self) -> str:
        """PidTagEmailAddress: the address of its kind."""
        return self.legacy_dn or self.address

    @property
    def entry_id(self) -> bytes:
        if self.legacy_dn:
            return bytes(4) + _ADDRESS_BOOK + (1).to_bytes(4, "little") + bytes(4) + self.legacy_dn.encode() + b"\0"
        return one_off_entry_id(self.name, self.address)

    @property
    def search_key(self) -> bytes:
        return f"{self.kind}:{self.email}".upper().encode() + b"\0"


def one_off_entry_id(name: str, address: str) -> bytes:
    """The entry id of an SMTP address that no address book holds ([MS-OXCDATA] 2.2.5.1)."""
    strings = "".join(f"{each}\0" for each in (name, "SMTP", address))
    return bytes(4) + _ONE_OFF + bytes(2) + _ONE_OFF_UNICODE_MIME + strings.encode("utf-16-le")


def insider(organisation: Organisation, person: Person) -> Party:
    """A person as a mailbox of the same organisation sees them."""
    return Party(person.display_name, person.address, legacy_exchange_dn(organisation, person.alias), person.language)


def outsider(somebody: Person | Outsider) -> Party:
    """Somebody as a mailbox of any other organisation sees them."""
    return Party(somebody.display_name, somebody.address, None, somebody.language)


def sender_properties(party: Party) -> Properties:
    """Sender and represented sender, which are the same person here."""
    return {
        tags.PidTagSenderName: party.name,
        tags.PidTagSenderAddressType: party.kind,
        tags.PidTagSenderEmailAddress: party.email,
        tags.PidTagSenderSmtpAddress: party.address,
        tags.PidTagSenderEntryId: party.entry_id,
        tags.PidTagSenderSearchKey: party.search_key,
        tags.PidTagSentRepresentingName: party.name,
        tags.PidTagSentRepresentingAddressType: party.kind,
        tags.PidTagSentRepresentingEmailAddress: party.email,
        tags.PidTagSentRepresentingSmtpAddress: party.address,
        tags.PidTagSentRepresentingEntryId: party.entry_id,
        tags.PidTagSentRepresentingSearchKey: party.search_key,
    }


def receiver_properties(party: Party) -> Properties:
    """Who received this copy."""
    return {
        tags.PidTagReceivedByName: party.name,
        tags.PidTagReceivedByAddressType: party.kind,
        tags.PidTagReceivedByEmailAddress: party.email,
        tags.PidTagReceivedBySmtpAddress: party.address,
        tags.PidTagReceivedByEntryId: party.entry_id,
    }


def recipient(party: Party, kind: int = tags.RECIPIENT_TO) -> Properties:
    """A row of the recipient table."""
    return {
        tags.PidTagRecipientType: kind,
        tags.PidTagDisplayName: party.name,
        tags.PidTagAddressType: party.kind,
        tags.PidTagEmailAddress: party.email,
        tags.PidTagSmtpAddress: party.address,
        tags.PidTagSearchKey: party.search_key,
        tags.PidTagEntryId: party.entry_id,
        tags.PidTagRecipientDisplayName: party.name,
        tags.PidTagDisplayType: 0,
        tags.PidTagObjectType: 6,  # MAPI_MAILUSER
    }
