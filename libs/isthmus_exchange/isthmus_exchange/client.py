"""An asyncio client of Exchange Web Services for the path that every item takes.

One Client is one account at one server; ``client.mailbox(address)`` acts for one mailbox by impersonation. Each
operation is a small file in ``operations/``. Requests that only read are repeated after transient failures; requests
that write are not: the caller learns whether the request was certainly not carried out (TransientError) or may have
been (InDoubtError).
"""

from __future__ import annotations

import asyncio
import ssl
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp
from isthmus_project import Organisation

from . import metrics, soap
from .budget import Budget
from .errors import TRANSIENT, AccessError, EwsError, InDoubtError, ServerBusyError, TransientError

_OLDEST = "Exchange2010_SP2"
_NEWER = "Exchange2013_SP1"
_ATTEMPTS = 6
_LONGEST_WAIT = 20.0


@dataclass
class Counters:
    """What this client has asked so far."""

    round_trips: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    operations: dict[str, int] = field(default_factory=dict)


class Client:
    """EWS at ``url``, as ``user``. Use as an async context manager; it holds a pool of kept-alive connections."""

    def __init__(
        self,
        url: str,
        user: str,
        password: str,
        *,
        name: str,
        tls: ssl.SSLContext | None = None,
        connections: int = 10,
        timeout: float = 120.0,
    ) -> None:
        self.url = url
        self.name = name
        self.timeout = timeout
        self.budget = Budget(connections)
        self.counters = Counters()
        self.version = _OLDEST
        self._session = aiohttp.ClientSession(
            auth=aiohttp.BasicAuth(user, password, encoding="utf-8"),
            connector=aiohttp.TCPConnector(limit=connections, ssl=tls or ssl.create_default_context()),
            timeout=aiohttp.ClientTimeout(total=timeout, connect=20),
            headers={"Content-Type": "text/xml; charset=utf-8", "User-Agent": "isthmus"},
            cookie_jar=aiohttp.CookieJar(unsafe=True),
        )
        self._user = user

    @classmethod
    def of(cls, organisation: Organisation, secrets_dir: Path) -> Self:
        """The client for one side of a project. Raises LookupError for a missing secret or CA file."""
        exchange = organisation.exchange
        return cls(
            exchange.ews,
            exchange.user,
            exchange.password.read(secrets_dir),
            name=organisation.name,
            tls=_tls(secrets_dir / exchange.ca_file if exchange.ca_file else None),
            connections=exchange.connections,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    def mailbox(self, address: str) -> Mailbox:
        """This client acting for the mailbox with this SMTP address."""
        return Mailbox(self, address)

    async def read(self, operation: str, body: bytes, impersonate: str) -> soap.Element:
        """Ask for something that changes nothing; repeated after transient failures.

        Raises EwsError for a fault, AccessError, or TransientError when it stays unreachable.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return await self._ask(operation, body, impersonate)
            except ServerBusyError:
                if attempt == _ATTEMPTS:
                    raise
            except (TransientError, InDoubtError) as error:
                if attempt == _ATTEMPTS:
                    raise TransientError(str(error)) from error
                await asyncio.sleep(min(0.25 * 2**attempt, _LONGEST_WAIT))
        raise AssertionError("unreachable")

    async def write(self, operation: str, body: bytes, impersonate: str) -> soap.Element:
        """Ask for something that changes the mailbox; made once.

        Raises TransientError when it was certainly not carried out, InDoubtError when it may have been, EwsError for
        a fault, AccessError.
        """
        return await self._ask(operation, body, impersonate)

    async def _ask(self, operation: str, body: bytes, impersonate: str) -> soap.Element:
        async with self.budget.turn():
            metrics.RUNNING.labels(self.name).set(self.budget.running)
            started = time.monotonic()
            outcome = "failed"
            try:
                root = await self._post(operation, soap.envelope(body, self.version, impersonate), impersonate)
                # The same for a throttled item within a batch, which looks like a success from outside.
                self.budget.went_well()
                outcome = "answered"
                return root
            except ServerBusyError as busy:
                outcome = "busy"
                self.rest(busy)
                raise
            finally:
                metrics.REQUESTS.labels(self.name, operation, outcome).inc()
                metrics.SECONDS.labels(self.name, operation).observe(time.monotonic() - started)
                metrics.LIMIT.labels(self.name).set(self.budget.limit)

    def rest(self, busy: ServerBusyError) -> None:
        """Pause this budget as the server asked."""
        self.budget.busy(busy.back_off)
        metrics.REST.labels(self.name).inc(busy.back_off)

    async def _post(self, operation: str, request: bytes, impersonate: str) -> soap.Element:
        self.counters.round_trips += 1
        self.counters.operations[operation] = self.counters.operations.get(operation, 0) + 1
        self.counters.bytes_sent += len(request)
        metrics.BYTES.labels(self.name, "sent").inc(len(request))
        try:
            async with self._session.post(self.url, data=request, headers={"X-AnchorMailbox": impersonate}) as response:
                answer = await response.read()
                status = response.status
        except aiohttp.ClientConnectorCertificateError as error:
            raise AccessError(
                f"{self.name}: the certificate of {self.url} is not trusted ({error.certificate_error}): "
                "set exchange.ca_file to the CA that signed it"
            ) from error
        except aiohttp.ClientConnectorError as error:
            raise TransientError(f"{self.name}: no connection to {self.url}: {error}") from error
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            raise InDoubtError(f"{self.name}: no answer to {operation}: {error!r}") from error
        self.counters.bytes_received += len(answer)
        metrics.BYTES.labels(self.name, "received").inc(len(answer))
        return self._understood(operation, status, answer)

    def _understood(self, operation: str, status: int, answer: bytes) -> soap.Element:
        if status == 401:
            raise AccessError(f"{self.name}: {self.url} refuses the account {self._user}: check its name and password")
        if status == 403:
            raise AccessError(
                f"{self.name}: {self.url} forbids EWS to {self._user}: check EwsEnabled and its allow list"
            )
        try:
            root = soap.parse(answer)
        except EwsError as error:
            if error.code in TRANSIENT:
                raise TransientError(f"{self.name}: {operation}: {error}") from error
            raise
        except ValueError as error:
            if status == 503:  # the third shape of throttling: the front end itself, in HTML or nothing
                raise ServerBusyError(5.0) from error
            raise InDoubtError(f"{self.name}: HTTP {status} to {operation}: {error}") from error
        if soap.major_version(root) >= 15:
            self.version = _NEWER
        return root


class Mailbox:
    """A client that acts for one mailbox. The operations are functions of it."""

    def __init__(self, client: Client, address: str) -> None:
        self.client = client
        self.address = address

    async def read(self, operation: str, body: str | bytes) -> soap.Element:
        """Client.read for this mailbox."""
        return await self.client.read(operation, _bytes(body), self.address)

    async def write(self, operation: str, body: str | bytes) -> soap.Element:
        """Client.write for this mailbox."""
        return await self.client.write(operation, _bytes(body), self.address)

    @property
    def newer(self) -> bool:
        """Whether the server is Exchange 2013 or newer, as far as it has answered yet."""
        return self.client.version != _OLDEST


def _bytes(body: str | bytes) -> bytes:
    return body.encode() if isinstance(body, str) else body


def _tls(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    except (OSError, ssl.SSLError) as error:
        raise LookupError(f"the CA file {ca_file} cannot be read: {error}; put the PEM file there") from error
