"""Mail addresses as properties: senders, recipients, one-off entry ids."""

from email.utils import formataddr, getaddresses
from typing import NamedTuple
from uuid import UUID

from isthmus_lab.mapi import tags
from isthmus_lab.mapi.bag import Properties
from isthmus_lab.mapi.tags import PropertyKey
from isthmus_lab.mapi.text import header_text

_ONE_OFF = UUID("a41f2b81-a3be-1910-9d6e-00dd010f5402").bytes_le
_ADDRESS_BOOK = UUID("c840a7dc-42c0-1a10-b4b9-08002b2fe182").bytes_le
_WRAPPED = UUID("d3ad91c0-9d51-11cf-a4a9-00aa0047faa4").bytes_le
_UNICODE_PLAIN = 0x9001  # flags: text is UTF-16, no rich text for this recipient


class Address(NamedTuple):
    name: str  # the address itself where there is no name
    address: str


def parse(values: list[str]) -> list[Address]:
    """The addresses in header values; what is no address is left out."""
    found = []
    for name, address in getaddresses([value.replace("\r", "").replace("\n", "") for value in values]):
        address = header_text(address).strip().strip("<>'\"")
        if address:
            found.append(Address(header_text(name).strip().strip("'\"") or address, address))
    return found


def one_off_entry_id(name: str, address: str, kind: str = "SMTP") -> bytes:
    """An address that is in no address book as an entry id, [MS-OXCDATA] 2.2.5.1."""
    texts = "".join(f"{text}\0" for text in (name, kind, address))
    head = b"\0\0\0\0" + _ONE_OFF + b"\0\0" + _UNICODE_PLAIN.to_bytes(2, "little")
    return head + texts.encode("utf-16-le", "replace")


def address_book_entry_id(legacy_dn: str, *, is_group: bool = False) -> bytes:
    """Somebody of the own organisation as an entry id, [MS-OXCDATA] 2.2.5.2."""
    kind = 1 if is_group else 0
    return b"\0\0\0\0" + _ADDRESS_BOOK + b"\1\0\0\0" + kind.to_bytes(4, "little") + legacy_dn.encode() + b"\0"


def legacy_dn_of(entry_id: bytes) -> str | None:
    """The legacyExchangeDN in an entry id of the address book; None for another kind of entry id."""
    if entry_id[4:20] != _ADDRESS_BOOK:
        return None
    return entry_id[28:].rstrip(b"\0").decode("utf-8", "replace")


def one_off_of(entry_id: bytes) -> tuple[str, str, str] | None:
    """Name, address type and address of a one-off entry id; None for another kind of entry id."""
    if entry_id[4:20] != _ONE_OFF or len(entry_id) < 24:
        return None
    is_unicode = int.from_bytes(entry_id[22:24], "little") & 0x8000
    written = entry_id[24:].decode("utf-16-le" if is_unicode else "cp1252", "replace")
    name, kind, address, *_ = [*written.split("\0"), "", "", ""]
    return name, kind, address


def wrapped_entry_id(item_id: bytes, *, is_list: bool) -> bytes:
    """A contact or a personal list of the same mailbox as a member of a personal list, [MS-OXOCNTC] 2.2.2.4.1.3."""
    return b"\0\0\0\0" + _WRAPPED + bytes([0xB4 if is_list else 0xC3]) + item_id


def wrapped_of(entry_id: bytes) -> bytes | None:
    """The item in a wrapped entry id; None for another kind of entry id."""
    return entry_id[21:] if entry_id[4:20] == _WRAPPED else None


def search_key(address: str, kind: str = "SMTP") -> bytes:
    """The key that finds the same address again, [MS-OXCPRPT] 2.2.1.9: `SMTP:SOMEBODY@EXAMPLE` with a zero."""
    return f"{kind}:{address}".upper().encode("utf-8", "replace") + b"\0"


def recipient(who: Address, kind: int) -> Properties:
    """The property list of a recipient; `kind` is PidTagRecipientType."""
    return {
        tags.PidTagRecipientType: kind,
        tags.PidTagObjectType: 6,
        tags.PidTagDisplayType: 0,
        tags.PidTagDisplayName: who.name,
        tags.PidTagTransmittableDisplayName: who.name,
        tags.PidTagRecipientDisplayName: who.name,
        tags.PidTagAddressType: "SMTP",
        tags.PidTagEmailAddress: who.address,
        tags.PidTagSmtpAddress: who.address,
        tags.PidTagEntryId: one_off_entry_id(who.name, who.address),
        tags.PidTagSearchKey: search_key(who.address),
        tags.PidTagResponsibility: False,
    }


def sender(who: Address) -> Properties:
    """Who handed the message over."""
    return {
        tags.PidTagSenderName: who.name,
        tags.PidTagSenderAddressType: "SMTP",
        tags.PidTagSenderEmailAddress: who.address,
        tags.PidTagSenderSmtpAddress: who.address,
        tags.PidTagSenderEntryId: one_off_entry_id(who.name, who.address),
        tags.PidTagSenderSearchKey: search_key(who.address),
    }


def represented_sender(who: Address) -> Properties:
    """In whose name the message is."""
    return {
        tags.PidTagSentRepresentingName: who.name,
        tags.PidTagSentRepresentingAddressType: "SMTP",
        tags.PidTagSentRepresentingEmailAddress: who.address,
        tags.PidTagSentRepresentingSmtpAddress: who.address,
        tags.PidTagSentRepresentingEntryId: one_off_entry_id(who.name, who.address),
        tags.PidTagSentRepresentingSearchKey: search_key(who.address),
    }


def reply_to(whos: list[Address]) -> Properties:
    """Where replies go: a FlatEntryList, [MS-OXCDATA] 2.3.3, and the names."""
    entries = b""
    for who in whos:
        entry = one_off_entry_id(who.name, who.address)
        entries += len(entry).to_bytes(4, "little") + entry + b"\0" * (-len(entry) % 4)
    return {
        tags.PidTagReplyRecipientNames: "; ".join(who.name for who in whos),
        tags.PidTagReplyRecipientEntries: (
            len(whos).to_bytes(4, "little") + len(entries).to_bytes(4, "little") + entries
        ),
    }


def reply_to_of(properties: Properties) -> list[Address]:
    """The one-off addresses of a reply list; others (of an address book) are left out."""
    raw, at, found = properties.get(tags.PidTagReplyRecipientEntries, b""), 8, []
    while at + 4 <= len(raw):
        length = int.from_bytes(raw[at : at + 4], "little")
        entry = raw[at + 4 : at + 4 + length]
        if entry[4:20] == _ONE_OFF and int.from_bytes(entry[22:24], "little") & 0x8000:
            texts = entry[24:].decode("utf-16-le", "replace").split("\0")
            if len(texts) > 2:
                found.append(Address(texts[0], texts[2]))
        at += 4 + length + -length % 4
    return found


def smtp_of(
    properties: Properties, smtp: PropertyKey, kind: PropertyKey, address: PropertyKey, name: PropertyKey
) -> Address | None:
    """The address that a group of properties holds; a legacy EX one only when there is no SMTP one."""
    found = properties.get(smtp) or properties.get(address)
    if not found:
        return None
    if properties.get(kind, "SMTP") not in ("SMTP", "") and not properties.get(smtp):
        return Address(str(properties.get(name) or found), encapsulated(str(properties.get(kind)), str(found)))
    return Address(str(properties.get(name) or found), str(found))


def encapsulated(kind: str, address: str) -> str:
    """An address that is not SMTP in one that is: IMCEAEX-_O=…@, as Exchange writes it."""
    text = "".join(
        letter
        if (letter.isascii() and letter.isalnum()) or letter in "-="
        else "_"
        if letter == "/"
        else f"+{ord(letter):02X}"
        for letter in address
    )
    return f"IMCEA{kind}-{text}@invalid"


def recipients_of(recipients: list[Properties], kind: int) -> list[Address]:
    """The recipients of one kind."""
    found = []
    for each in recipients:
        if each.get(tags.PidTagRecipientType, 1) & 0x0F == kind:
            who = smtp_of(
                each,
                tags.PidTagSmtpAddress,
                tags.PidTagAddressType,
                tags.PidTagEmailAddress,
                tags.PidTagDisplayName,
            )
            if who:
                found.append(who)
    return found


def sender_of(properties: Properties) -> Address | None:
    return smtp_of(
        properties,
        tags.PidTagSenderSmtpAddress,
        tags.PidTagSenderAddressType,
        tags.PidTagSenderEmailAddress,
        tags.PidTagSenderName,
    )


def represented_sender_of(properties: Properties) -> Address | None:
    return smtp_of(
        properties,
        tags.PidTagSentRepresentingSmtpAddress,
        tags.PidTagSentRepresentingAddressType,
        tags.PidTagSentRepresentingEmailAddress,
        tags.PidTagSentRepresentingName,
    )


def header(who: Address) -> str:
    """The address as a header has it, non-ASCII names as encoded words."""
    name = "" if who.name == who.address else who.name.replace("\r", " ").replace("\n", " ")
    try:
        return formataddr((name, who.address), "utf-8")
    except UnicodeEncodeError:  # an address with non-ASCII letters, which SMTPUTF8 alone allows
        return f"{formataddr((name, ''), 'utf-8')} <{who.address}>" if name else who.address
