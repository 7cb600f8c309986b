"""Where mail for an address goes: the decision that Exchange's categorizer makes, by asking the forest."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ..directory import Directory, Recipient


@dataclass(frozen=True)
class ToMailbox:
    """A mailbox of this organisation, or a mail-enabled public folder."""

    recipient: Recipient


@dataclass(frozen=True)
class Onward:
    """Another server takes it: ``address`` is the recipient as that server shall see it."""

    address: str
    host: str
    port: int


@dataclass(frozen=True)
class Several:
    """A group: its members' primary addresses."""

    addresses: tuple[str, ...]


@dataclass(frozen=True)
class Undeliverable:
    """Nobody takes it: an enhanced status code (RFC 3463) and the sentence for the report."""

    status: str
    text: str


Route = ToMailbox | Onward | Several | Undeliverable

NOT_FOUND: Final = "RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup"
_FORWARDS: Final = 5
"""How often a targetAddress may lead to another object of the same forest."""


def route(directory: Directory, accepted: frozenset[str], connectors: dict[str, str], address: str) -> Route:
    """Decides for one SMTP address. May raise DirectoryError."""
    for _ in range(_FORWARDS):
        recipient = find(directory, address)
        if recipient is None:
            if domain(address) in accepted:
                if address.upper().startswith("IMCEAEX-"):
                    return Undeliverable("5.1.1", f"RESOLVER.ADR.ExRecipNotFound; not found: {decapsulate(address)}")
                return Undeliverable("5.1.10", NOT_FOUND)
            return _onward(connectors, address)
        if recipient.target_address is None:
            if recipient.is_group:
                return Several(tuple(expand(directory, recipient)))
            if recipient.public_folder is not None or (
                recipient.mailbox is not None and not recipient.holds_public_folders
            ):
                return ToMailbox(recipient)
            return Undeliverable("5.1.1", f"RESOLVER.ADR.Invalid; {recipient.dn} has no mailbox and no targetAddress")
        address = smtp(recipient.target_address)
        if domain(address) not in accepted:
            return _onward(connectors, address)
    return Undeliverable("5.4.6", f"RESOLVER.FWD.Loop; targetAddress leads in a circle at {address}")


def find(directory: Directory, address: str) -> Recipient | None:
    """The recipient of an SMTP address, of an encapsulated legacyExchangeDN (IMCEAEX-…), or of a plain ``/o=…``."""
    if address.startswith("/"):
        return directory.by_address(f"x500:{address}")
    if address.upper().startswith("IMCEAEX-"):
        return directory.by_address(f"x500:{decapsulate(address)}")
    return directory.by_address(address)


def expand(directory: Directory, group: Recipient) -> list[str]:
    """The SMTP addresses of everybody in the group and in its groups, each once; circles end by themselves."""
    seen, addresses, waiting = {group.dn}, dict[str, None](), [group]
    while waiting:
        for member in directory.members(waiting.pop()):
            if member.dn in seen:
                continue
            seen.add(member.dn)
            if member.is_group:
                waiting.append(member)
            elif member.smtp:
                addresses[member.smtp] = None
    return list(addresses)


def domain(address: str) -> str:
    """The part after the last @, in lower case."""
    return address.rpartition("@")[2].lower()


def smtp(proxy: str) -> str:
    """A targetAddress or proxy address without its ``SMTP:``."""
    return proxy[5:] if proxy[:5].upper() == "SMTP:" else proxy


def encapsulate(legacy_dn: str, in_domain: str) -> str:
    """A legacyExchangeDN as an SMTP address: ``/`` becomes ``_``, all but letters, digits, ``=-.`` becomes ``+XX``."""
    written = re.sub(
        r"[^A-Za-z0-9=\-./]", lambda found: "".join(f"+{byte:02X}" for byte in found[0].encode()), legacy_dn
    )
    return f"IMCEAEX-{written.replace('/', '_')}@{in_domain}"


def decapsulate(address: str) -> str:
    """The legacyExchangeDN in an IMCEAEX address."""
    written = address.rpartition("@")[0][len("IMCEAEX-") :].replace("_", "/")
    raw = re.sub(rb"\+([0-9A-Fa-f]{2})", lambda found: bytes.fromhex(found[1].decode()), written.encode())
    return raw.decode("utf-8", "replace")


def _onward(connectors: dict[str, str], address: str) -> Route:
    where = domain(address)
    labels = where.split(".")
    spaces = [where, *(f"*.{'.'.join(labels[at:])}" for at in range(1, len(labels))), "*"]
    for space in spaces:
        if space in connectors:
            host, _, port = connectors[space].rpartition(":")
            return Onward(address, host, int(port))
    return Undeliverable("5.4.310", f"DNS domain {where} does not exist, and no connector has this address space")
