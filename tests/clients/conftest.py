"""What clients that others wrote are given: a running server with certificates to verify, and people."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
from cryptography.x509 import load_pem_x509_certificate

from tests.plugins.exchange import Exchange, Exchanges, Office, Person
from tests.plugins.forests import Forests, new_units


@dataclass(frozen=True)
class Staff:
    """Three people of alpha, whose mailboxes hold only what clients put there."""

    exchange: Exchange
    people: dict[str, Person]
    hire: Callable[[str], Person]
    """Somebody more."""

    def described(self) -> dict[str, str]:
        """All that a client must be told, as flat names and values."""
        url = self.exchange.ews
        values = {"lab.ews": url, "lab.autodiscover": url.replace("EWS/Exchange.asmx", "autodiscover/autodiscover.svc")}
        for nickname, person in self.people.items():
            values |= {
                f"{nickname}.name": person.name,
                f"{nickname}.smtp": person.smtp,
                f"{nickname}.user": person.principal,
                f"{nickname}.password": person.password,
            }
        return values


@pytest.fixture(scope="module")
def staff(exchanges: Exchanges, forests: Forests) -> Staff:
    office = Office(exchanges, new_units(forests))
    return Staff(exchanges.alpha, {each: office.alpha(each) for each in ("ada", "ben", "cleo")}, office.alpha)


@pytest.fixture(scope="session")
def java_trust(exchanges: Exchanges, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Options that let a JVM trust the authority of alpha's server, and no other."""
    secret = "not-a-secret"
    authority = load_pem_x509_certificate(exchanges.alpha.authority.read_bytes())
    store = tmp_path_factory.mktemp("java") / "trust.p12"
    certificates = [pkcs12.PKCS12Certificate(authority, b"lab")]
    store.write_bytes(pkcs12.serialize_java_truststore(certificates, BestAvailableEncryption(secret.encode())))
    return (f"-Djavax.net.ssl.trustStore={store}", f"-Djavax.net.ssl.trustStorePassword={secret}")
