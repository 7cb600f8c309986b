"""An asyncio client of Exchange Web Services for the path that every item takes.

One Client is one account at one server; ``client.mailbox(address)`` acts for one mailbox by impersonation. Each
operation is a small file in ``operations/``. Requests that only read are repeated after transient failures; requests
that write are not: the caller learns whether the request was certainly not carried out (TransientError) or may have
been (InDoubtError).
"""

from __future__ import annotations

import asyncio
import email.utils
import ssl
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import aiohttp
from isthmus.agent.v1.agent_pb2_grpc import AgentServiceStub
from isthmus_project import Organisation, Secret
from isthmus_service import Caller, ConfigurationError, Security

from . import metrics, soap, streaming
from .agent_line import AgentLine
from .bandwidth import Bandwidth
from .body import Body
from .budget import Budget
from .errors import AccessError, EwsError, InDoubtError, Kind, ServerBusyError, TransientError
from .line import Account, HttpsLine, Line
from .meter import Meter
from .operations import Operation

T = TypeVar("T")

Announce = Callable[[float], Awaitable[None]]
"""Awaited when a write has its turn, just before it is sent, with the time (seconds since 1970) after which no answer
is waited for. When it raises, nothing is sent."""

_OLDER = "Exchange2010_SP2"
_OLDEST = "Exchange2010"
"""For a server that does not know the former. It has neither streams, inbox rules nor notifications that stay open."""
_NEWER = "Exchange2013_SP1"
_BEFORE = {_NEWER: _OLDER, _OLDER: "Exchange2010_SP1", "Exchange2010_SP1": _OLDEST}
_ATTEMPTS = 6
_LONGEST_WAIT = 20.0
_NO_SECURITY = Security()

_LARGE_BYTES = 1024 * 1024
"""IIS says 404 of a request, too, that is larger than it takes (404.13), and takes this much in any case."""
_LOGIN_TIMEOUT = 440
"""What signs people in by a form says so to whom it takes for no browser, instead of sending them to it."""
_UNKNOWN_REST = 5.0
_REFUSALS = 3
_FIRST_REFUSED, _LONGEST_REFUSED = 60.0, 900.0
"""After so many refusals of the account in a row nobody asks for so long, and longer each time: of thousands of
mailboxes that are tried again every minute, directories lock an account out whose password has changed."""


@dataclass
class Counters:
    """What was asked so far; bytes as on the line before TLS, answers after decompression."""

    round_trips: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0


class Client:
    """EWS at ``url``, as ``user``. Use as an async context manager; it holds a pool of kept-alive connections.

    ``answer_seconds`` is how long an answer may take, the transfer included. ``anchor`` is the address of a mailbox on
    whose server all requests are to be answered: the only way to one connection for the notifications of many.
    ``line`` is another way to the server than straight by HTTPS; it brings the account along. ``shared`` is the
    bandwidth of a line that others use, too.
    """

    def __init__(
        self,
        url: str,
        user: str,
        password: str,
        *,
        name: str,
        tls: ssl.SSLContext | None = None,
        connections: int = 10,
        answer_seconds: float = 100.0,
        anchor: str = "",
        line: Line | None = None,
        shared: Bandwidth | None = None,
    ) -> None:
        self.url = url
        self.name = name
        self.answer_seconds = answer_seconds
        self.budget = Budget(connections)
        self.bandwidth = Bandwidth()
        self.shared = shared
        self.answering = Meter()
        if not anchor:
            metrics.RUNNING.labels(name).set_function(lambda: self.budget.running)
        self.counters = Counters()
        # What servers understand: the newest until one refuses it, for only there read receipts can be kept back; and
        # what those of single mailboxes understand, where they are older than others of the organisation.
        self.version = _NEWER
        self._older: dict[str, str] = {}
        self._heard = False
        """A server of 2013 or later has answered."""
        self._refusals = 0
        self._refused_until = 0.0
        self._clock_offset = 0.0
        self._user = user
        self._anchor = anchor
        self._line = line or HttpsLine(Account(url, user, password, name, tls))

    def anchored(self, anchor: str) -> Client:
        """Another client of the same account, within the same budget, whose requests all go to one server: that of the
        mailbox `anchor`."""
        beside = Client(
            self.url,
            self._user,
            "",  # the line knows it
            name=self.name,
            answer_seconds=self.answer_seconds,
            anchor=anchor,
            line=self._line.beside(),
            shared=self.shared,
        )
        beside.budget, beside.bandwidth, beside.answering = self.budget, self.bandwidth, self.answering
        beside.version, beside._older = self.version, self._older
        return beside

    @classmethod
    def of(
        cls,
        organisation: Organisation,
        secrets_dir: Path,
        *,
        answer_seconds: float = 100.0,
        security: Security = _NO_SECURITY,
        shared: Bandwidth | None = None,
    ) -> Self:
        """The client for one side of a project; by its agent when it has one, which `security` is for.

        Raises LookupError for a missing secret, certificate or CA file.
        """
        exchange = organisation.exchange
        if exchange.agent:
            try:
                agent = Caller(security, exchange.agent, AgentServiceStub)
            except ConfigurationError as error:
                raise LookupError(f"the agent of {organisation.name} cannot be asked: {error}") from error
            return cls(
                exchange.ews,
                exchange.user,
                "",  # the agent has it
                name=organisation.name,
                connections=exchange.connections,
                answer_seconds=answer_seconds,
                line=AgentLine(agent, organisation.name),
                shared=shared,
            )
        return cls(
            exchange.ews,
            exchange.user,
            exchange.password.read(secrets_dir),
            name=organisation.name,
            tls=tls(secrets_dir / exchange.ca_file if exchange.ca_file else None),
            connections=exchange.connections,
            answer_seconds=answer_seconds,
            shared=shared,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._line.close()

    def mailbox(self, address: str) -> Mailbox:
        """This client acting for the mailbox with this SMTP address."""
        return Mailbox(self, address)

    def now(self) -> float:
        """Seconds since 1970 by the server's clock, to the second."""
        return time.time() + self._clock_offset

    def version_for(self, mailbox: str) -> str:
        """The RequestServerVersion for requests about a mailbox."""
        return self._older.get(mailbox, self.version)

    def gives_way(self, mailbox: str, version: str, error: EwsError) -> bool:
        """Whether the mailbox's server does not know this version, and is to be asked in an older one from now on."""
        if version not in _BEFORE or not _of_version(error):
            return False
        self._older[mailbox] = _BEFORE[version]
        if self.version == version and not self._heard:
            self.version = _BEFORE[version]
        return True

    async def read(self, operation: str, body: Body, impersonate: str, *, content: bool = False) -> soap.Answered:
        """Ask for something that changes nothing; repeated after transient failures. `content`: see Operation.

        Raises EwsError for a fault, AccessError, or TransientError when it stays unreachable.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return await self._ask(operation, body, impersonate, content=content)
            except ServerBusyError:
                if attempt == _ATTEMPTS:
                    raise
            except (TransientError, InDoubtError) as error:
                if attempt == _ATTEMPTS:
                    raise TransientError(str(error)) from error
                await asyncio.sleep(min(0.25 * 2**attempt, _LONGEST_WAIT))
        raise AssertionError("unreachable")

    async def write(
        self,
        operation: str,
        body: Body,
        impersonate: str,
        announce: Announce | None = None,
        *,
        content: bool = False,
    ) -> soap.Answered:
        """Ask for something that changes the mailbox; made once. `content`: see Operation.

        Raises TransientError when it was certainly not carried out, InDoubtError when it may have been, EwsError for
        a fault, AccessError.
        """
        try:
            return await self._ask(operation, body, impersonate, announce, content=content)
        except EwsError as error:
            raise _doubted(error) from error

    async def stream(self, ids: Sequence[str]) -> AsyncGenerator[streaming.Told, None]:
        """What happens in the mailboxes of these streaming subscriptions, at most streaming.MOST, made by this client.

        The connection stands beside the budget. Ends when the server closes it as agreed. Raises
        streaming.SubscriptionsLost, EwsError, AccessError, ServerBusyError, TransientError.
        """
        body = bytes(soap.envelope(Body(streaming.request(ids)), self.version_for(self._anchor), self._anchor))
        try:
            async with self._line.listen("GetStreamingEvents", body, self._routing(self._anchor)) as answer:
                if answer.status != 200:
                    whole = b"".join([piece async for piece in answer.pieces])
                    self._understood("GetStreamingEvents", len(body), answer.status, whole)
                async for each in streaming.told(answer.pieces):
                    yield each
        except InDoubtError as error:
            raise TransientError(str(error)) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise TransientError(f"{self.name}: notifications broke off: {error!r}") from error

    def _routing(self, mailbox: str) -> dict[str, str]:
        """Headers by which Exchange finds the server that answers; the cookie that it sets does the rest."""
        if self._anchor:
            return {"X-AnchorMailbox": self._anchor, "X-PreferServerAffinity": "true"}
        return {"X-AnchorMailbox": mailbox}

    async def _ask(
        self, operation: str, body: Body, impersonate: str, announce: Announce | None = None, *, content: bool
    ) -> soap.Answered:
        if time.monotonic() < self._refused_until:
            raise self._refuses()
        lines = [self.bandwidth] if self.shared is None else [self.bandwidth, self.shared]
        for line in lines:
            await line.turn(len(body))
        async with self.budget.turn(content=content):
            await self._line.ready()
            give_up = time.monotonic() + self.answer_seconds
            if announce:
                await announce(time.time() + self.answer_seconds)
            started = time.monotonic()
            outcome = "failed"
            try:
                if started >= give_up:
                    raise TransientError(f"{self.name}: this process slept between deciding on {operation} and sending")
                with self.answering:
                    answered, crossed = await self._answered(operation, body, impersonate, give_up)
                for line in lines:
                    line.spend(crossed - len(body))
                self.budget.went_well(operation, time.monotonic() - started, content=content, size=crossed)
                outcome = "answered"
                return answered
            except ServerBusyError as busy:
                outcome = "busy"
                self._rest(busy.back_off, busy.code)
                raise
            finally:
                metrics.REQUESTS.labels(self.name, operation, outcome).inc()
                metrics.SECONDS.labels(self.name, operation).observe(time.monotonic() - started)
                metrics.LIMIT.labels(self.name).set(self.budget.room)

    def _rest(self, seconds: float, code: str) -> None:
        """Pause this budget as the server asked."""
        self.budget.busy(seconds, code)
        metrics.REST.labels(self.name).inc(seconds)

    async def _answered(
        self, operation: str, body: Body, impersonate: str, give_up: float
    ) -> tuple[soap.Answered, int]:
        """The answer, and the bytes that crossed the line."""
        request = soap.envelope(body, self.version_for(impersonate), impersonate)
        status, answer, crossed = await self._post(operation, request, impersonate, give_up - time.monotonic())
        return self._understood(operation, len(request), status, answer), crossed

    async def _post(
        self, operation: str, request: Body, impersonate: str, seconds: float
    ) -> tuple[int, bytes | bytearray, int]:
        """HTTP status, whole answer, and the bytes that crossed the line."""
        self.counters.round_trips += 1
        self.counters.bytes_sent += len(request)
        metrics.BYTES.labels(self.name, "sent").inc(len(request))
        status, date_text, answer, crossed = await self._line.post(
            operation, request, self._routing(impersonate), seconds
        )
        date = email.utils.parsedate_tz(date_text)
        if date:
            self._clock_offset = email.utils.mktime_tz(date) - time.time()
        self.counters.bytes_received += len(answer)
        metrics.BYTES.labels(self.name, "received").inc(len(answer))
        return status, answer, crossed

    def _understood(self, operation: str, sent: int, status: int, answer: bytes | bytearray) -> soap.Answered:
        if 300 <= status < 400 or status == _LOGIN_TIMEOUT:
            raise AccessError(
                f"{self.name}: {self.url} sends requests elsewhere (HTTP {status}): check exchange.ews, and whether "
                "something before it wants people to sign in on a page"
            )
        if status == 401:
            if time.monotonic() < self._refused_until:  # it was under way, and says what is known
                raise self._refuses()
            self._refusals += 1
            if (beyond := self._refusals - _REFUSALS) >= 0:
                pause = min(_FIRST_REFUSED * 2 ** min(beyond, 8), _LONGEST_REFUSED)
                self._refused_until = time.monotonic() + pause
            raise self._refuses()
        self._refusals = 0
        if status == 403:
            raise AccessError(
                f"{self.name}: {self.url} forbids EWS to {self._user}: check EwsEnabled and its allow list"
            )
        try:
            large = soap.Large()
            root = soap.parse(answer, large)
        except ValueError as error:
            raise self._not_of_ews(operation, sent, status, error) from error
        if soap.major_version(root) >= 15 and not self._heard:
            self.version, self._heard = _NEWER, True
        # A throttled item within a batch looks like a success from outside.
        for refusal in map(soap.check, soap.response_messages(root)):
            if refusal is not None and refusal.back_off is not None:
                self._rest(refusal.back_off, refusal.code)
        return soap.Answered(root, large)

    def _refuses(self) -> AccessError:
        return AccessError(f"{self.name}: {self.url} refuses the account {self._user}: check its name and password")

    def _not_of_ews(self, operation: str, sent: int, status: int, error: ValueError) -> Exception:
        """What is said of a request by what stands before EWS, in HTML or with nothing but a status."""
        if status in (429, 503):  # the third shape of throttling
            return ServerBusyError(_UNKNOWN_REST, f"HTTP {status}")
        if status == 404 and sent < _LARGE_BYTES:
            return AccessError(f"{self.name}: there is no EWS at {self.url} (HTTP 404): check exchange.ews")
        if status in (404, 413):
            return EwsError("ErrorMessageSizeExceeded", f"{self.name}: HTTP {status} to {operation}: {error}")
        if status == 408:
            return TransientError(f"{self.name}: HTTP 408: {operation} did not get through in time")
        if 400 <= status < 500:
            return EwsError(f"HTTP {status}", f"{self.name} to {operation}: {error}")
        return InDoubtError(f"{self.name}: HTTP {status} to {operation}: {error}")


class Mailbox:
    """A client that acts for one mailbox; ``round_trips`` counts the requests made for it by ``call``."""

    def __init__(self, client: Client, address: str) -> None:
        self.client = client
        self.address = address
        self.round_trips = 0

    def now(self) -> float:
        """Seconds since 1970 by the server's clock, to the second."""
        return self.client.now()

    async def call(self, operation: Operation[T], announce: Announce | None = None) -> T:
        """Carry out an operation. Raises as Client.read or, when it writes, as Client.write."""
        return await self._in_its_version(lambda: self._call(operation, Body(*operation.pieces(self.newer)), announce))

    async def _in_its_version(self, ask: Callable[[], Awaitable[T]]) -> T:
        """`ask()`, again where the mailbox's server does not know the version that was named: nothing was done."""
        while True:
            version = self.client.version_for(self.address)
            try:
                return await ask()
            except EwsError as error:
                if not self.client.gives_way(self.address, version, error):
                    raise

    async def _call(self, operation: Operation[T], body: Body, announce: Announce | None) -> T:
        self.round_trips += 1
        if not operation.writes:
            return await self._read(operation, body)
        answered = await self.client.write(operation.name, body, self.address, announce, content=operation.content)
        try:
            return operation.answer_with(list(soap.response_messages(answered.root)), answered.large)
        except EwsError as error:
            raise _doubted(error) from error
        except ValueError as error:
            raise InDoubtError(f"{self.client.name}: the answer to {operation.name} makes no sense: {error}") from error

    async def _read(self, operation: Operation[T], body: Body) -> T:
        attempt = 0
        while True:
            attempt += 1
            answered = await self.client.read(operation.name, body, self.address, content=operation.content)
            try:
                return operation.answer_with(list(soap.response_messages(answered.root)), answered.large)
            except EwsError as error:
                if error.kind not in (Kind.TRANSIENT, Kind.IN_DOUBT) or attempt == _ATTEMPTS:
                    raise
                await asyncio.sleep(min(0.25 * 2**attempt, _LONGEST_WAIT))
            except ValueError as error:
                words = f"{self.client.name}: the answer to {operation.name} makes no sense: {error}"
                raise TransientError(words) from error

    async def read(self, operation: str, body: str | bytes) -> soap.Element:
        """Client.read for this mailbox."""
        return (await self._in_its_version(lambda: self.client.read(operation, Body(body), self.address))).root

    async def write(self, operation: str, body: str | bytes) -> soap.Element:
        """Client.write for this mailbox."""
        return (await self._in_its_version(lambda: self.client.write(operation, Body(body), self.address))).root

    @property
    def newer(self) -> bool:
        """Whether the server is Exchange 2013 or newer, as far as it has answered yet."""
        return self.client.version_for(self.address) == _NEWER


def _of_version(error: EwsError) -> bool:
    """Whether a server does not know the RequestServerVersion: by a code of its own, or as its schema lacks it."""
    named = error.code == "ErrorSchemaValidation" and "'Version'" in error.message
    return named or error.code == "ErrorInvalidServerVersion"


def _doubted(error: EwsError) -> Exception:
    """What a write failed of: a server that ran out of time may have made it all the same."""
    return InDoubtError(str(error)) if error.kind is Kind.IN_DOUBT else error


def read_secrets(organisation: Organisation, secrets_dir: Path) -> tuple[str, bytes]:
    """The password and the CA that a client of this organisation would be made with now; an agent has its own.

    Raises LookupError.
    """
    exchange = organisation.exchange
    return ("", b"") if exchange.agent else secrets_of(exchange.password, exchange.ca_file, secrets_dir)


def secrets_of(password: Secret, ca_file: str | None, secrets_dir: Path) -> tuple[str, bytes]:
    """The password and the CA, the latter empty when it is the system's. Raises LookupError."""
    path = secrets_dir / ca_file if ca_file else None
    try:
        ca = path.read_bytes() if path else b""
    except OSError as error:
        raise LookupError(f"the CA file {path} cannot be read: {error.strerror}; put the PEM file there") from error
    return password.read(secrets_dir), ca


def tls(ca_file: Path | None) -> ssl.SSLContext:
    """Trusts this CA, or the system's. Raises LookupError."""
    try:
        return ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    except (OSError, ssl.SSLError) as error:
        raise LookupError(f"the CA file {ca_file} cannot be read: {error}; put the PEM file there") from error
