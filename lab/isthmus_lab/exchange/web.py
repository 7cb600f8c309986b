"""The HTTPS side of the server: EWS, Autodiscover and the health page.

Requests are answered in threads, where store and directory may block. Of these threads one computes at a time, and the
others wait for something or for their turn. So that a small request waits for one turn only, who asks, what for and the
answer are found out in one, unless something may befall it in between.

As a rule a small request has nothing to wait for: whoever asks is known, and so is whom they act for. So the event loop
tries it itself, as handing it to a thread and back takes as long as the work; what would wait goes to a thread.
"""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from functools import partial
from typing import Final, TypeVar
from weakref import WeakKeyDictionary

import structlog
from aiohttp import web

from isthmus_lab.processor import PROCESSOR, WouldWait

from . import autodiscover
from .conditions import control
from .conditions.line import Instead
from .conditions.model import CONTROL_PATH
from .conditions.pressure import Pressure
from .connection import Server, done, length, received
from .directory import DirectoryError, Recipient
from .ews.answering import Answering, Asked
from .ews.arriving import Arriving, Body
from .ews.call import READING, Services, Watch
from .ews.errors import EwsError
from .ews.versions import VERSIONS
from .logon.logon import Kept, Logon, Refused
from .notifications.streaming import events

_log = structlog.get_logger()
_T = TypeVar("_T")
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

_THREADS: Final = 16
_SMALL: Final = 2_048
"""Bytes below which compressing an answer does not pay."""
_PART: Final = 1 << 18
"""Bytes of an answer that are written at once: so that what TLS makes of them is still in the processor's cache."""
_READ_FIRST: Final = 1 << 16
"""Bytes of a request that is read before it is known who makes it, and that the event loop may answer."""
_WHO: Final[web.RequestKey[Callable[[], Recipient]]] = web.RequestKey("who")
_CALLER: Final[web.RequestKey[Recipient]] = web.RequestKey("caller")
_OPERATION: Final[web.RequestKey[str]] = web.RequestKey("operation")
_EWS: Final = "/ews/exchange.asmx"
_NEVER_COMPRESSED: Final = frozenset(("ExportItems", "GetAttachment"))
_WSDL: Final = (
    '<wsdl:definitions xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/" '
    'xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" '
    'targetNamespace="http://schemas.microsoft.com/exchange/services/2006/messages">'
    '<wsdl:service name="ExchangeServices"><wsdl:port name="ExchangePort" binding="ExchangeServiceBinding">'
    '<soap:address location="{url}"/></wsdl:port></wsdl:service></wsdl:definitions>'
)


class Web:
    """The pages of one server."""

    def __init__(self, services: Services, pressure: Pressure, public_url: Callable[[], str]) -> None:
        self._services = services
        self._pressure = pressure
        self._public_url = public_url
        self._answering = Answering(services)
        self._ways = Logon(services.settings, services.directory)
        self._kept: WeakKeyDictionary[asyncio.Transport, Kept] = WeakKeyDictionary()
        self._threads = ThreadPoolExecutor(_THREADS, "request")
        settings = services.settings
        self._max_bytes = settings.max_request_bytes or VERSIONS[settings.version].max_request_bytes
        self._pages: dict[str, dict[str, Handler]] = {
            "/healthz": {"GET": self._health},
            CONTROL_PATH: {"GET": self._conditions, "PUT": self._conditions},
            _EWS: {"GET": self._describe, "POST": self._ews},
            "/autodiscover/autodiscover.xml": {"GET": self._autodiscover_pox, "POST": self._autodiscover_pox},
            "/autodiscover/autodiscover.svc": {"POST": self._autodiscover_soap},
        }

    def server(self) -> Server:
        """What aiohttp serves: without its applications, whose routes and middlewares cost as much as a request."""
        return Server(self._answer, self._max_bytes)

    def close(self) -> None:
        """Waits for the requests that are being answered."""
        with PROCESSOR.waiting():
            self._threads.shutdown()

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        def computed() -> _T:
            with PROCESSOR.computing():
                return work()

        return await asyncio.get_running_loop().run_in_executor(self._threads, computed)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Nobody comes further without proving who they are; the health page is for the machine's own runner."""
        path = request.path.lower()
        if request.headers.get("Expect", "").lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0  # the answer has not begun
        if path == "/healthz":
            return await self._page(path, request)(request)
        kept = Kept() if request.transport is None else self._kept.setdefault(request.transport, Kept())
        who: Callable[[], Recipient] = partial(self._who, request.headers.get("Authorization"), kept)
        try:
            if request.method == "POST" and path == _EWS and _is_small(request):
                request[_WHO] = who  # asked where the request is answered
            else:
                request[_CALLER] = await self._in_thread(who)
            return self._challenge(await self._page(path, request)(request), Refused())
        except Refused as refused:
            return self._challenge(web.Response(status=401), refused)
        except web.HTTPRequestEntityTooLarge:  # IIS's request filtering says so: 404.13
            return web.Response(status=404, text="HTTP Error 404.13 - Not Found", content_type="text/html")
        finally:
            done(request)

    def _page(self, path: str, request: web.BaseRequest) -> Handler:
        """Paths are the same in upper and lower case, as on IIS."""
        ways = self._pages.get(path)
        if ways is None:
            raise web.HTTPNotFound
        way = ways.get("GET" if request.method == "HEAD" else request.method)
        if way is None:
            raise web.HTTPMethodNotAllowed(request.method, ways)
        return way

    def _who(self, header: str | None, kept: Kept) -> Recipient:
        try:
            return self._ways.who(header, kept)
        except DirectoryError as error:
            _log.error("the forest cannot be asked", reason=str(error))
            raise web.HTTPServiceUnavailable(text="The directory does not answer.") from None

    def _challenge(self, response: web.StreamResponse, refused: Refused) -> web.StreamResponse:
        """Who is not let in is told by what to prove themselves."""
        if response.status == 401:
            for each in self._ways.challenges if refused.challenge is None else [refused.challenge]:
                response.headers.add("WWW-Authenticate", each)
            if refused.diagnostics is not None:
                response.headers["x-ms-diagnostics"] = refused.diagnostics
        return response

    async def _health(self, _: web.BaseRequest) -> web.Response:
        waiting = await self._in_thread(self._services.transport.waiting)
        return web.json_response({"organisation": self._services.settings.organisation, "mail_waiting": waiting})

    async def _describe(self, request: web.BaseRequest) -> web.Response:
        if "wsdl" in request.query_string.lower():
            text = _WSDL.format(url=f"{self._public_url()}/EWS/Exchange.asmx")
            return web.Response(text=text, content_type="text/xml")
        return web.Response(text="<html><body>You have created a service.</body></html>", content_type="text/html")

    async def _autodiscover_pox(self, request: web.BaseRequest) -> web.Response:
        return await self._autodiscover(request, autodiscover.pox)

    async def _autodiscover_soap(self, request: web.BaseRequest) -> web.Response:
        return await self._autodiscover(request, autodiscover.soap)

    async def _autodiscover(self, request: web.BaseRequest, way: autodiscover.Way) -> web.Response:
        body, url = await _read(request), self._public_url()
        find = partial(way, self._services, self._answering.validation, url, body)
        try:
            answer = await self._pressure.discover(request, request[_CALLER].smtp or "", partial(self._in_thread, find))
        except Instead as instead:
            return instead.response
        except EwsError as error:  # a fault of EWS that a plan has for it: Autodiscover has no words for it
            return web.Response(status=503, text=error.message)
        return web.Response(body=answer, content_type="text/xml", charset="utf-8")

    async def _conditions(self, request: web.BaseRequest) -> web.Response:
        group = self._services.settings.impersonation_group
        if group is None or not await self._in_thread(
            partial(self._services.directory.is_member, request[_CALLER], group)
        ):
            return web.Response(status=403)
        return (
            control.show(self._pressure)
            if request.method == "GET"
            else control.put(self._pressure, await _read(request))
        )

    async def _ews(self, request: web.BaseRequest) -> web.StreamResponse:
        began = time.perf_counter()
        body, size_received = await _body(request)
        status = 200
        try:
            asked, pieces = await self._begun(request, body)
            if asked.request.operation == "GetStreamingEvents":
                return await self._stream(request, asked)
            if pieces is None:

                async def work(watch: Watch) -> list[bytes]:
                    return await self._in_thread(partial(self._answering.answer, asked, watch))

                pieces = await self._pressure.carry(request, asked, work)
        except Instead as instead:
            return instead.response
        except (Refused, web.HTTPException):
            raise
        except Exception as error:
            status, pieces = 500, self._answering.fault(error, request.get(_OPERATION, ""))
        name = request.get(_OPERATION, "")
        size = sum(map(len, pieces))
        headers = {}
        if (
            self._services.settings.compress
            and name not in _NEVER_COMPRESSED
            and size > _SMALL
            and "gzip" in request.headers.get("Accept-Encoding", "")
        ):
            compress = partial(gzip.compress, b"".join(pieces), 1)
            # One call without Python's lock, in a thread where it takes longer than going there.
            pieces = [await asyncio.to_thread(compress) if size > _PART else compress()]
            size = len(pieces[0])
            headers["Content-Encoding"] = "gzip"
        _log.info(
            "request",
            operation=name,
            caller=request[_CALLER].principal,
            status=status,
            received=size_received,
            sent=size,
            ms=round((time.perf_counter() - began) * 1000, 1),
        )
        headers["Content-Type"] = "text/xml; charset=utf-8"
        if size <= _PART:
            return web.Response(status=status, body=b"".join(pieces), headers=headers)
        response = web.StreamResponse(status=status, headers=headers)
        response.content_length = size
        with suppress(ConnectionError):  # the client need not wait for the end
            await response.prepare(request)
            for part in _parts(pieces):
                await response.write(part)
            await response.write_eof()
        return response

    async def _begun(self, request: web.BaseRequest, body: Body) -> tuple[Asked, list[bytes] | None]:
        """What is asked, and the answer where nothing can befall the request in between."""
        asked: Asked | None = None
        if _WHO in request:
            try:
                with PROCESSOR.trying():
                    asked = self._understood(request, body)
                    if asked.request.operation in READING:
                        return asked, self._undisturbed(asked)
            except WouldWait:
                pass

        def at_once() -> tuple[Asked, list[bytes] | None]:
            known = asked or self._understood(request, body)
            return known, self._undisturbed(known)

        return await self._in_thread(at_once)

    def _understood(self, request: web.BaseRequest, body: Body) -> Asked:
        if _CALLER not in request:
            request[_CALLER] = request[_WHO]()
        asked = self._answering.understand(request[_CALLER], body, request.headers.get("X-PublicFolderMailbox"))
        request[_OPERATION] = asked.request.operation
        return asked

    def _undisturbed(self, asked: Asked) -> list[bytes] | None:
        """The answer, where the conditions have nothing for it."""
        watch = self._pressure.undisturbed()
        if watch is None or asked.request.operation == "GetStreamingEvents":
            return None
        return self._answering.answer(asked, watch)

    async def _stream(self, request: web.BaseRequest, asked: Asked) -> web.StreamResponse:
        """An answer that goes on until its time is up, somebody ends the subscription or the connection is lost."""
        async with self._pressure.hanging(request, asked):
            response = web.StreamResponse(headers={"Content-Type": "text/xml; charset=utf-8"})
            response.enable_chunked_encoding()
            await response.prepare(request)
            parts = events(self._services.subscriptions, asked, self._pressure.closing)
            with suppress(ConnectionError):  # the client need not wait for the end
                async with aclosing(parts):
                    async for part in parts:
                        await response.write(self._answering.part(part))
                await response.write_eof()
        return response


def _parts(pieces: list[bytes]) -> Iterator[bytes]:
    """The same bytes in parts that are worth a call."""
    gathered, size = list[bytes](), 0
    for piece in pieces:
        gathered.append(piece)
        size += len(piece)
        if size >= _PART:
            yield b"".join(gathered)
            gathered, size = [], 0
    if size:
        yield b"".join(gathered)


def _is_small(request: web.BaseRequest) -> bool:
    size = length(request)
    return size is not None and size <= _READ_FIRST


async def _body(request: web.BaseRequest) -> tuple[Body, int]:
    """The request's body, and how many bytes it has."""
    arriving = Arriving()
    size = await received(request, arriving.feed)
    return arriving.end(), size


async def _read(request: web.BaseRequest) -> bytes:
    """The request's body as it is."""
    pieces: list[bytes] = []
    await received(request, pieces.append)
    return b"".join(pieces)
