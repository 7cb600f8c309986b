"""An HTTP connection whose requests' bodies go straight to whoever reads them.

aiohttp would copy each piece of a body twice and wake a coroutine for it, as long as TLS takes. Here it is given the
head of each request alone, which says that there is no body; the body is handed over as TLS gives it. That is for
bodies whose length the head says. With the first request of a connection that has another kind (chunked, or broken),
all of the connection is aiohttp's.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web

_HEAD_END: Final = b"\r\n\r\n"
_LONGEST: Final = 1 << 16
"""Bytes of a head whose end has not come, after which aiohttp says what is wrong with it."""
_OURS: Final = re.compile(rb"(?:GET|HEAD|POST|PUT) ")
_NOT_OURS: Final = re.compile(rb"\n(?:(?:transfer-encoding|upgrade)[ \t]*:|[ \t])|[^\r]\n", re.IGNORECASE)
_LENGTH: Final = re.compile(rb"\ncontent-length:[ \t]*(\d{1,18})[ \t]*\r", re.IGNORECASE)
_LENGTHS: Final = re.compile(rb"\ncontent-length", re.IGNORECASE)


class Coming:
    """A body of so many bytes, while it comes."""

    def __init__(self, length: int, pause: Callable[[], None], resume: Callable[[], None]) -> None:
        """``pause`` and ``resume`` stop what comes until somebody reads it."""
        self.length = length
        self._missing = length
        self._pause, self._resume = pause, resume
        self._kept: list[bytes] = []
        self._into: Callable[[bytes], object] | None = None
        self._end: asyncio.Future[None] | None = None
        self._lost: ConnectionError | None = None

    @property
    def missing(self) -> int:
        """Bytes that have not come yet."""
        return self._missing

    def feed(self, piece: bytes) -> None:
        """The next piece."""
        self._missing -= len(piece)
        if self._into is not None:
            self._into(piece)
        else:
            self._kept.append(piece)
            if self._missing:
                self._pause()
        if not self._missing and self._end is not None and not self._end.done():
            self._end.set_result(None)

    def lose(self) -> None:
        """The connection ended."""
        if self._missing:
            self._lost = ConnectionResetError("the client ended the connection inside a request")
            if self._end is not None and not self._end.done():
                self._end.set_exception(self._lost)

    async def into(self, take: Callable[[bytes], object]) -> None:
        """Gives ``take`` all pieces, as they come. Raises ConnectionError."""
        kept, self._kept, self._into = self._kept, [], take
        for piece in kept:
            take(piece)
        if self._lost is not None:
            raise self._lost
        if self._missing:
            self._end = asyncio.get_running_loop().create_future()
            self._resume()
            await self._end

    def pass_over(self) -> None:
        """Nobody reads it; what is still to come is not kept."""
        if self._into is None or self._missing:
            self._kept, self._into = [], len
            if self._missing:
                self._resume()


_BODY: Final[web.RequestKey[Coming]] = web.RequestKey("body")


class Connection(web.RequestHandler):
    """`next_body` is to be called once for each request, in their order; None where aiohttp has the body."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._head = b""
        self._body: Coming | None = None  # that still comes
        self._bodies: deque[Coming] = deque()  # of requests that nobody has begun with
        self._is_plain = False

    def next_body(self) -> Coming | None:
        """The body of the request that is begun."""
        return self._bodies.popleft() if self._bodies else None

    def data_received(self, data: bytes) -> None:
        """What TLS gives; b"" is aiohttp's, which goes on with what it has."""
        if self._is_plain or not data:
            super().data_received(data)
            return
        while data:
            body = self._body
            if body is not None:
                missing = body.missing
                if len(data) < missing:
                    body.feed(data)
                    return
                self._body = None
                body.feed(data[:missing])
                data = data[missing:]
                continue
            data = (self._head + data).lstrip(b"\r\n")
            end = data.find(_HEAD_END) + len(_HEAD_END)
            if end < len(_HEAD_END) and len(data) < _LONGEST and b"\n\n" not in data:
                self._head = data
                return
            self._head = b""
            taken = None if end < len(_HEAD_END) else _without_length(data[:end])
            if taken is None:
                self._is_plain = True
                super().data_received(data)
                return
            head, length = taken
            coming = Coming(length, self._stop, self._go_on)
            self._bodies.append(coming)
            if length:
                self._body = coming
            super().data_received(head)
            data = data[end:]

    def connection_lost(self, exc: BaseException | None) -> None:
        """Whoever reads the body hears of it."""
        if self._body is not None:
            self._body.lose()
        super().connection_lost(exc)

    def _stop(self) -> None:
        if self.transport is not None:
            self.transport.pause_reading()

    def _go_on(self) -> None:
        if self.transport is not None:
            self.transport.resume_reading()


def _without_length(head: bytes) -> tuple[bytes, int] | None:
    """The head of a request without a body, and how long the body is; None for one that is aiohttp's."""
    if _OURS.match(head) is None or _NOT_OURS.search(head) is not None:
        return None
    named = len(_LENGTHS.findall(head))
    if named == 0:
        return head, 0
    found = _LENGTH.search(head)
    if found is None or named > 1:
        return None
    return head[: found.start(1)] + b"0" + head[found.end(1) :], int(found[1])


class Server(web.Server):
    """What aiohttp serves: these connections, and requests whose body `received` and `length` know."""

    def __init__(self, handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]], max_bytes: int) -> None:
        """Bodies of more bytes are refused with HTTPRequestEntityTooLarge."""
        super().__init__(handler, request_factory=self._request)
        self._max_bytes = max_bytes

    def __call__(self) -> Connection:
        return Connection(self, loop=asyncio.get_running_loop(), access_log=None)

    def _request(self, message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
        loop = asyncio.get_running_loop()
        made = web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=self._max_bytes)
        body = protocol.next_body()
        if body is not None:
            made[_BODY] = body
        return made


def length(request: web.BaseRequest) -> int | None:
    """Bytes of the request's body, None where it does not say."""
    body = _coming(request)
    return None if body is None else body.length


async def received(request: web.BaseRequest, take: Callable[[bytes], object]) -> int:
    """Gives ``take`` the request's body piece by piece; how many bytes it has."""
    most, coming = request.client_max_size, _coming(request)
    if coming is not None:
        if coming.length > most:
            raise web.HTTPRequestEntityTooLarge(max_size=most, actual_size=coming.length)
        await coming.into(take)
        return coming.length
    size = 0
    async for piece in request.content.iter_any():
        size += len(piece)
        if size > most:
            raise web.HTTPRequestEntityTooLarge(max_size=most, actual_size=size)
        take(piece)
    return size


def done(request: web.BaseRequest) -> None:
    """The request is answered: what nobody has read of its body is passed over."""
    coming = _coming(request)
    if coming is not None:
        coming.pass_over()


def _coming(request: web.BaseRequest) -> Coming | None:
    return request.get(_BODY)
