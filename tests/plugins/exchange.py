"""The fixture `exchanges`: an Exchange server for each of the two forests, and people with mailboxes for one test."""

from __future__ import annotations

import secrets
import ssl
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from isthmus_cli.runner.ports import free_ports
from isthmus_lab.exchange.program import program
from isthmus_lab.exchange.settings import AddressSpace, Settings
from isthmus_lab.exchange.settings import Forest as ForestSettings
from isthmus_lab.forests import Forest
from isthmus_lab.organisation import Organisation
from isthmus_lab.pki import Authority
from isthmus_lab.program import Program, running
from ldap3 import MODIFY_REPLACE
from pydantic import SecretStr

from tests.plugins.forests import Forests, Units

PASSWORD = "People-Secret-1"


@dataclass(frozen=True)
class Person:
    """A user with a mailbox."""

    name: str
    smtp: str
    principal: str
    account: str
    dn: str
    mailbox: uuid.UUID
    legacy_dn: str
    password: str = PASSWORD


@dataclass(frozen=True)
class Exchange:
    """A running server."""

    organisation: Organisation
    forest: Forest
    settings: Settings
    authority: Path
    program: Program
    service_account: tuple[str, str] = field(repr=False)
    """User principal name and password of the account that may impersonate everybody."""

    @property
    def ews(self) -> str:
        return f"https://{self.settings.listen}:{self.settings.https_port}/EWS/Exchange.asmx"

    @property
    def smtp(self) -> tuple[str, int]:
        return self.settings.listen, self.settings.smtp_port

    def tls(self) -> ssl.SSLContext:
        """Trusts the server's authority."""
        return ssl.create_default_context(cafile=self.authority)

    def hire(self, unit: str, nickname: str, **attributes: str | bytes | list[str] | None) -> Person:
        """A new person with a mailbox, in an organisational unit.

        Further attributes replace or complete the usual ones; None leaves one out.
        """
        alias = f"{nickname}.{secrets.token_hex(3)}"
        organisation = self.organisation
        name = f"{nickname.capitalize()} {alias[-6:]}"
        mailbox = uuid.uuid4()
        legacy_dn = organisation.legacy_exchange_dn(alias)
        smtp, principal = f"{alias}@{organisation.mail_domain}", f"{alias}@{organisation.realm}"
        values: dict[str, object] = {
            "sAMAccountName": alias,
            "userPrincipalName": principal,
            "displayName": name,
            "givenName": nickname.capitalize(),
            "sn": alias[-6:],
            "mail": smtp,
            "mailNickname": alias,
            "proxyAddresses": [f"SMTP:{smtp}", f"smtp:{alias}@{organisation.redirection_domain}"],
            "homeMDB": organisation.mailbox_database,
            "msExchMailboxGuid": mailbox.bytes_le,
            "legacyExchangeDN": legacy_dn,
            "unicodePwd": f'"{PASSWORD}"'.encode("utf-16-le"),
            "userAccountControl": "512",
        }
        dn = f"CN={name},{unit}"
        with self.forest.connect() as untyped:
            connection: Any = untyped  # ldap3's methods have no types
            connection.add(
                dn, ["user"], {key: value for key, value in (values | attributes).items() if value is not None}
            )
        return Person(name, smtp, principal, alias, dn, mailbox, legacy_dn)

    def group(self, unit: str, name: str, members: list[str]) -> str:
        """A new mail-enabled security group of these DNs; its address."""
        alias = f"{name}.{secrets.token_hex(3)}"
        smtp = f"{alias}@{self.organisation.mail_domain}"
        values: dict[str, object] = {
            "sAMAccountName": alias,
            "displayName": alias,
            "mail": smtp,
            "mailNickname": alias,
            "proxyAddresses": [f"SMTP:{smtp}"],
            "legacyExchangeDN": self.organisation.legacy_exchange_dn(alias),
            "groupType": "-2147483640",  # universal, security
            "member": members,
        }
        with self.forest.connect() as untyped:
            connection: Any = untyped  # ldap3's methods have no types
            connection.add(f"CN={alias},{unit}", ["group"], values)
        return smtp

    def contact(self, dn: str, address: str) -> None:
        """A new mail contact for somebody outside."""
        name = dn.partition(",")[0].removeprefix("CN=")
        values: dict[str, object] = {
            "displayName": name,
            "mail": address,
            "mailNickname": address.partition("@")[0],
            "proxyAddresses": [f"SMTP:{address}"],
            "targetAddress": f"SMTP:{address}",
        }
        with self.forest.connect() as untyped:
            connection: Any = untyped  # ldap3's methods have no types
            connection.add(dn, ["contact"], values)

    def change(self, dn: str, **attributes: list[str] | list[bytes]) -> None:
        """Replaces attributes of a directory object; an empty list clears one."""
        with self.forest.connect() as untyped:
            connection: Any = untyped  # ldap3's methods have no types
            connection.modify(dn, {name: [(MODIFY_REPLACE, values)] for name, values in attributes.items()})


@dataclass(frozen=True)
class Exchanges:
    """Both servers, connected by SMTP."""

    alpha: Exchange
    beta: Exchange


def build(forests: Forests, folder: Path, **more: Any) -> Exchanges:
    """Two servers that are not started yet, with stores of their own in the folder, and these settings."""
    ports = free_ports(4)
    sides = (forests.alpha, forests.beta)
    made = []
    for number, forest in enumerate(sides):
        own, other = forest.organisation, sides[1 - number].organisation
        authority = Authority.open(folder / own.name / "pki", f"{own.title} test authority")
        certificate = authority.issue(folder / own.name / "tls", [own.mail_host, "localhost"], ["127.0.0.1"])
        other_smtp = f"127.0.0.1:{ports[2 * (1 - number) + 1]}"
        settings = Settings(
            organisation=own.name,
            host_name=own.mail_host,
            netbios=own.netbios,
            forest=ForestSettings(
                url=forest.url,
                ca_file=forest.ca_file,
                user=own.exchange_account,
                password=SecretStr(forests.service_passwords.exchange),
                base=forest.base,
            ),
            https_port=ports[2 * number],
            smtp_port=ports[2 * number + 1],
            certificate=certificate.certificate,
            key=certificate.key,
            store=folder / own.name / "store",
            accepted_domains=(own.mail_domain, own.redirection_domain),
            connectors={other.mail_domain: other_smtp, other.redirection_domain: other_smtp},
            autodiscover_urls={
                other.redirection_domain: f"https://127.0.0.1:{ports[2 * (1 - number)]}/autodiscover/autodiscover"
            },
            availability={
                other.mail_domain: AddressSpace(
                    url=f"https://127.0.0.1:{ports[2 * (1 - number)]}/EWS/Exchange.asmx",
                    user=other.exchange_account,
                    password=SecretStr(forests.service_passwords.exchange),
                    ca_file=folder / other.name / "pki" / "ca.pem",
                )
            },
            impersonation_group=own.impersonation_group,
            discovery_group=own.discovery_group,
            retry_seconds=0.2,
            **more,
        )
        account = (own.isthmus_account, forests.service_passwords.isthmus)
        started = program(settings, folder / own.name, certificate.authority)
        made.append(Exchange(own, forest, settings, certificate.authority, started, account))
    return Exchanges(*made)


@pytest.fixture(scope="session")
def exchanges(forests: Forests, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchanges]:
    folder = tmp_path_factory.mktemp("exchange")
    both = build(forests, folder)
    with running(both.alpha.program, both.beta.program, log_folder=folder):
        yield both


@dataclass(frozen=True)
class Office:
    """A place in both organisations for one test, where people can be hired."""

    exchanges: Exchanges
    units: Units

    def alpha(self, nickname: str, **attributes: str | bytes | list[str] | None) -> Person:
        return self.exchanges.alpha.hire(self.units.alpha, nickname, **attributes)

    def beta(self, nickname: str, **attributes: str | bytes | list[str] | None) -> Person:
        return self.exchanges.beta.hire(self.units.beta, nickname, **attributes)

    def group(self, name: str, members: list[str]) -> str:
        """A group in alpha; its address."""
        return self.exchanges.alpha.group(self.units.alpha, name, members)


@pytest.fixture
def office(exchanges: Exchanges, units: Units) -> Office:
    return Office(exchanges, units)
