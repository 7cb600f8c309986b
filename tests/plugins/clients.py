"""exchangelib as the tests use it: unmodified, verifying certificates."""

from __future__ import annotations

from typing import Any, ClassVar
from urllib.parse import urlsplit

import requests
from exchangelib import DELEGATE, IMPERSONATION, Account, Configuration, Credentials, FaultTolerance
from exchangelib.protocol import BaseProtocol
from requests.adapters import HTTPAdapter

from tests.plugins.exchange import Exchange, Person


class LabAuthorities(HTTPAdapter):
    """Verifies each server with the authority of its organisation (the way exchangelib documents)."""

    by_address: ClassVar[dict[str, str]] = {}

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Overrides the authority that requests would take."""
        super().cert_verify(conn, url, self.by_address.get(urlsplit(url).netloc, verify), cert)

    def get_connection_with_tls_context(
        self, request: requests.PreparedRequest, verify: Any, proxies: Any = None, cert: Any = None
    ) -> Any:
        """Overrides the authority in the connection's TLS context."""
        verify = self.by_address.get(urlsplit(request.url or "").netloc, verify)
        return super().get_connection_with_tls_context(request, verify, proxies, cert)


def configuration(exchange: Exchange, user: str, password: str, **more: Any) -> Configuration:
    """How exchangelib reaches a server as somebody."""
    if not issubclass(BaseProtocol.HTTP_ADAPTER_CLS, LabAuthorities):  # a benchmark's own counts besides
        BaseProtocol.HTTP_ADAPTER_CLS = LabAuthorities
    LabAuthorities.by_address[urlsplit(exchange.ews).netloc] = str(exchange.authority)
    return Configuration(
        service_endpoint=exchange.ews,
        credentials=Credentials(user, password),
        **{"retry_policy": FaultTolerance(max_wait=10)} | more,
    )


def account_of(exchange: Exchange, person: Person) -> Account:
    """A person's mailbox, opened by themselves."""
    return Account(
        person.smtp,
        config=configuration(exchange, person.principal, person.password),
        autodiscover=False,
        access_type=DELEGATE,
    )


def impersonated(exchange: Exchange, person: Person) -> Account:
    """A person's mailbox, opened by the service account."""
    return Account(
        person.smtp,
        config=configuration(exchange, *exchange.service_account),
        autodiscover=False,
        access_type=IMPERSONATION,
    )
