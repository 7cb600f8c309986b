"""Who works, and where each of them works today."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ldap3
from ldap3.utils.conv import escape_filter_chars

from isthmus_lab.ews import Client


@dataclass(frozen=True)
class Account:
    """A logon in one organisation."""

    user: str
    password: str


@dataclass(frozen=True)
class House:
    """One organisation as its people see it."""

    name: str
    ews: str
    ldap: str
    base: str
    ca_file: Path
    service: Account
    accounts: Mapping[str, Account]
    """Of everybody whose password here is known, by address."""

    @classmethod
    def of(cls, name: str, described: Mapping[str, Any]) -> House:
        """From what lab.json says of the organisation."""
        return cls(
            name=name,
            ews=described["ews"],
            ldap=described["ldap"],
            base=described["base"],
            ca_file=Path(described["ca_file"]),
            service=Account(**described["account"]),
            accounts={each["address"]: Account(each["user"], each["password"]) for each in described["people"]},
        )

    def client(self, address: str) -> Client:
        """The mailbox of this person here, with their own password where they have one.

        Somebody who was moved here has an account whose password nobody was told; then the account that may
        impersonate opens the mailbox.
        """
        own = self.accounts.get(address)
        if own is not None:
            return Client(self.ews, self.ca_file, own.user, own.password)
        return Client(self.ews, self.ca_file, self.service.user, self.service.password, impersonate=address)


@dataclass(frozen=True)
class Worker:
    """Somebody who works in the lab."""

    name: str
    address: str
    language: str


class Staff:
    """Everybody, in all houses."""

    def __init__(self, lab: Mapping[str, Any]) -> None:
        self.houses = [House.of(name, described) for name, described in lab["organisations"].items()]
        workers: dict[str, Worker] = {}
        for described in lab["organisations"].values():
            for each in described["people"]:
                workers.setdefault(each["address"], Worker(each["name"], each["address"], each["language"]))
        self.workers = list(workers.values())
        self._connections: dict[str, ldap3.Connection] = {}
        self._lock = asyncio.Lock()

    async def house_of(self, address: str) -> House | None:
        """Where the person's mailbox is in use: their object there has a mailbox and no targetAddress.

        None while that is not clear, which it is for a moment during a switch. May raise LDAPException.
        """
        async with self._lock:
            active = await asyncio.to_thread(lambda: [house for house in self.houses if self._works_in(house, address)])
        return active[0] if len(active) == 1 else None

    def _works_in(self, house: House, address: str) -> bool:
        try:
            connection = self._connections.get(house.name) or self._connect(house)
            condition = f"(&(proxyAddresses=smtp:{escape_filter_chars(address)})(homeMDB=*))"
            connection.search(house.base, condition, attributes=["targetAddress"])
            found = [each for each in connection.response or [] if each["type"] == "searchResEntry"]
        except Exception:
            self._connections.pop(house.name, None)
            raise
        return len(found) == 1 and not found[0]["raw_attributes"].get("targetAddress")

    def _connect(self, house: House) -> ldap3.Connection:
        tls = ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=str(house.ca_file))
        server = ldap3.Server(house.ldap, tls=tls, get_info=ldap3.NONE, connect_timeout=5)
        connection = ldap3.Connection(
            server,
            house.service.user,
            house.service.password,
            auto_bind=True,
            raise_exceptions=True,
            receive_timeout=10,
        )
        self._connections[house.name] = connection
        return connection
