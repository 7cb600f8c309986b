"""proxyAddresses: what a recipient may be addressed by. Each value is a type, a colon and an address; the type in
capitals marks the primary address of that type ([MS-OXOABK] 2.2.3.23)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from isthmus_sync.directory.objects import DirectoryObject, Values


@dataclass(frozen=True, slots=True)
class ProxyAddress:
    """One value of proxyAddresses. `type` is in capitals: SMTP, X500, SIP, EUM… X500 has no primary address, but
    Exchange writes it in capitals always."""

    type: str
    address: str
    primary: bool = False

    @classmethod
    def parse(cls, value: str) -> ProxyAddress:
        """A value as it is stored. One without a type counts as SMTP, as Exchange treats it."""
        prefix, colon, address = value.partition(":")
        if not colon or not prefix.isalnum():
            return cls("SMTP", value)
        return cls(prefix.upper(), address, prefix.isupper())

    def __str__(self) -> str:
        return f"{self.type if self.primary else self.type.lower()}:{self.address}"

    @property
    def key(self) -> str:
        """The address as it is compared."""
        return self.address.casefold()


def proxies(obj: DirectoryObject) -> tuple[ProxyAddress, ...]:
    """Every proxy address of an object, in the order it is stored."""
    return _parsed(obj.raw("proxyAddresses"))


@lru_cache(maxsize=4096)  # one decision asks a dozen times
def _parsed(values: Values) -> tuple[ProxyAddress, ...]:
    return tuple(ProxyAddress.parse(value.decode("utf-8", "replace")) for value in values)


def smtp_addresses(obj: DirectoryObject) -> tuple[str, ...]:
    """Every SMTP address of an object, the primary one first; mail counts when proxyAddresses does not have it."""
    return _smtp(obj.raw("proxyAddresses"), obj.text("mail"))


@lru_cache(maxsize=4096)  # as often as the others
def _smtp(values: Values, mail: str) -> tuple[str, ...]:
    found = [p for p in _parsed(values) if p.type == "SMTP"]
    addresses = [p.address for primary in (True, False) for p in found if p.primary is primary]
    return unique([*addresses, mail] if mail else addresses)


def x500_addresses(obj: DirectoryObject) -> tuple[str, ...]:
    """The X500 entries of proxyAddresses: names under which old mail knows this recipient."""
    return _x500(obj.raw("proxyAddresses"))


@lru_cache(maxsize=4096)
def _x500(values: Values) -> tuple[str, ...]:
    return unique([p.address for p in _parsed(values) if p.type == "X500"])


def primary_smtp(obj: DirectoryObject) -> str:
    """The address Exchange sends from: the primary proxy address, else mail; empty for neither."""
    primaries = [p.address for p in proxies(obj) if p.type == "SMTP" and p.primary]
    return primaries[0] if primaries else obj.text("mail")


def alias(obj: DirectoryObject) -> str:
    """The alias: mailNickname, else what stands before the @ of the primary address, else sAMAccountName."""
    return obj.text("mailNickname") or primary_smtp(obj).partition("@")[0] or obj.text("sAMAccountName")


def in_domain(address: str, template: str) -> bool:
    """Whether an address lies in the domain of a redirection template."""
    return address.rpartition("@")[2].casefold() == template.rpartition("@")[2].casefold()


def unique(texts: Iterable[str]) -> tuple[str, ...]:
    """The texts without those that differ from an earlier one only in case."""
    seen: dict[str, str] = {}
    for text in texts:
        seen.setdefault(text.casefold(), text)
    return tuple(seen.values())
