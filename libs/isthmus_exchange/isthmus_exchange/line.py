"""How a request gets to an Exchange server and its answer back: straight by HTTPS; agent_line.py has the other way."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import NamedTuple, Protocol, Self

import aiohttp

from . import streaming
from .body import SLICE, Body
from .errors import AccessError, InDoubtError, TransientError

_CONNECT_SECONDS = 20.0
_RESERVED_BYTES = 64 << 20
"""As much is kept free for an answer that says how long it is. One that grows is copied again and again."""
_KEEP_ALIVE_SECONDS = 20.0
"""Shorter than any server's own limit, so that no request goes into a connection that is just being closed."""


class Answer(NamedTuple):
    """HTTP status, the header Date (may be empty), the whole body, decompressed, and the bytes that crossed the line,
    request and answer, compressed where they were."""

    status: int
    date: str
    body: bytes | bytearray
    crossed: int


class GoingOn(NamedTuple):
    """The beginning of an answer that goes on: its status, and the body as it comes."""

    status: int
    pieces: AsyncIterator[bytes]


class Line(Protocol):
    """A way to one account at one server."""

    async def ready(self) -> None:
        """Return when a request would get through, as far as anybody knows. Raises TransientError when not."""

    async def post(self, operation: str, request: Body, headers: Mapping[str, str], seconds: float) -> Answer:
        """Send a request, and have its whole answer within so many seconds.

        Raises TransientError when it was certainly not sent, InDoubtError when it may have been, AccessError.
        """

    def listen(
        self, operation: str, request: bytes, headers: Mapping[str, str]
    ) -> AbstractAsyncContextManager[GoingOn]:
        """Send a request whose answer goes on for minutes. Raises TransientError, also while the answer comes."""

    def beside(self) -> Self:
        """Another line of the same account, with connections and cookies of its own."""

    async def close(self) -> None:
        """Close all connections."""


@dataclass(frozen=True)
class Account:
    """Who asks which server. `name` is for people: the organisation."""

    url: str
    user: str
    password: str
    name: str
    tls: ssl.SSLContext | None = None


class HttpsLine:
    """Straight to the server, with a pool of kept-alive connections."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._url, self._name = account.url, account.name
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0, ssl=account.tls or ssl.create_default_context(), keepalive_timeout=_KEEP_ALIVE_SECONDS
            ),
            timeout=aiohttp.ClientTimeout(total=None, connect=_CONNECT_SECONDS),
            headers={
                "Authorization": aiohttp.encode_basic_auth(account.user, account.password, encoding="utf-8"),
                "Content-Type": "text/xml; charset=utf-8",
                "Accept-Encoding": "gzip",
                "User-Agent": "isthmus",
            },
            # Servers and load balancers do not know their own cookies again in quotes, as base64 would get them.
            cookie_jar=aiohttp.CookieJar(unsafe=True, quote_cookie=False),
            read_bufsize=2**18,
        )

    async def ready(self) -> None:
        """Connecting is a part of each request, and told apart from what comes after."""

    async def post(self, operation: str, request: Body, headers: Mapping[str, str], seconds: float) -> Answer:
        if len(request) <= SLICE:
            data: bytes | AsyncIterator[bytes | memoryview] = bytes(request)
        else:
            # IIS takes a length rather than chunks.
            data, headers = request.slices(), {**headers, "Content-Length": str(len(request))}
        try:
            async with (
                asyncio.timeout(seconds),
                self._session.post(self._url, data=data, headers=headers, allow_redirects=False) as response,
            ):
                body = await _whole(response)
                # Compressed answers come in chunks as a rule, without a length: then they count as what they became.
                crossed = len(request) + (response.content_length or len(body))
                return Answer(response.status, response.headers.get("Date", ""), body, crossed)
        except aiohttp.ClientConnectorCertificateError as error:
            raise AccessError(
                f"{self._name}: the certificate of {self._url} is not trusted ({error.certificate_error}): "
                "set exchange.ca_file to the CA that signed it"
            ) from error
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise TransientError(f"{self._name}: no connection to {self._url}: {error}") from error
        except TimeoutError as error:
            raise InDoubtError(f"{self._name}: no answer to {operation} within {seconds:.0f} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise InDoubtError(f"{self._name}: no answer to {operation}: {error!r}") from error

    @asynccontextmanager
    async def listen(self, operation: str, request: bytes, headers: Mapping[str, str]) -> AsyncIterator[GoingOn]:
        patience = streaming.timeout()
        try:
            async with self._session.post(
                self._url, data=request, headers=headers, timeout=patience, allow_redirects=False
            ) as response:
                yield GoingOn(response.status, response.content.iter_any())
        except (aiohttp.ClientError, OSError) as error:
            raise TransientError(f"{self._name}: {operation} broke off: {error!r}") from error

    def beside(self) -> Self:
        return type(self)(self._account)

    async def close(self) -> None:
        await self._session.close()


async def _whole(response: aiohttp.ClientResponse) -> bytearray:
    """The body, decompressed."""
    chunks, length = response.content.iter_any(), response.content_length
    if length is None or length > _RESERVED_BYTES or "Content-Encoding" in response.headers:
        body = bytearray()
        async for chunk in chunks:
            body += chunk
        return body
    body, at = bytearray(length), 0
    with memoryview(body) as place:
        async for chunk in chunks:  # it is as long as was said, or ends with an error
            place[at : at + len(chunk)] = chunk
            at += len(chunk)
    return body
