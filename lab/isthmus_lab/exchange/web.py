"""The HTTPS side of the server: EWS, Autodiscover and the health page.

Every request is answered in a thread, where store and directory may block; the event loop only moves bytes. Of these
threads one computes at a time, and the others wait for something or for their turn. So that a small request waits for
one turn only, who asks, what for and the answer are found out in one, unless something may befall it in between.
"""

from __future__ import annotations

import asyncio
import gzip
import math
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from functools import partial
from typing import Final, TypeVar
from weakref import WeakKeyDictionary

import structlog
from aiohttp import web

from isthmus_lab.processor import PROCESSOR

from . import autodiscover
from .conditions import control
from .conditions.line import Instead
from .conditions.model import CONTROL_PATH
from .conditions.pressure import Pressure
from .directory import DirectoryError, Recipient
from .ews.answering import Answering, Asked
from .ews.arriving import Arriving, Body
from .ews.call import Services, Watch
from .ews.errors import EwsError
from .ews.versions import VERSIONS
from .logon.logon import Kept, Logon, Refused
from .notifications.streaming import events

_log = structlog.get_logger()
_T = TypeVar("_T")

_THREADS: Final = 16
_SMALL: Final = 2_048
"""Bytes below which compressing an answer does not pay."""
_PART: Final = 1 << 18
"""Bytes of an answer that are written at once: so that what TLS makes of them is still in the processor's cache."""
_READ_FIRST: Final = 1 << 16
"""Bytes of a request that is read before it is known who makes it."""
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
    """The handlers of one server; ``app`` is what aiohttp serves."""

    def __init__(self, services: Services, pressure: Pressure, public_url: Callable[[], str]) -> None:
        self._services = services
        self._pressure = pressure
        self._public_url = public_url
        self._answering = Answering(services)
        self._ways = Logon(services.settings, services.directory)
        self._kept: WeakKeyDictionary[asyncio.Transport, Kept] = WeakKeyDictionary()
        self._threads = ThreadPoolExecutor(_THREADS, "request")
        limit = services.settings.max_request_bytes or VERSIONS[services.settings.version].max_request_bytes
        self.app = web.Application(client_max_size=limit, middlewares=[self._logon])
        self.app.add_routes(
            [
                web.get("/healthz", self._health),
                web.get(CONTROL_PATH, self._conditions),
                web.put(CONTROL_PATH, self._conditions),
                web.get(r"/{_:(?i:ews/exchange\.asmx)}", self._describe),
                web.post(r"/{_:(?i:ews/exchange\.asmx)}", self._ews),
                web.get(r"/{_:(?i:autodiscover/autodiscover\.xml)}", self._autodiscover_pox),
                web.post(r"/{_:(?i:autodiscover/autodiscover\.xml)}", self._autodiscover_pox),
                web.post(r"/{_:(?i:autodiscover/autodiscover\.svc)}", self._autodiscover_soap),
            ]
        )
        self.app.on_shutdown.append(self._closing)

    async def _closing(self, _: web.Application) -> None:
        """Ends what waits, so that the server can."""
        self._pressure.closing.set()

    def close(self) -> None:
        """Waits for the requests that are being answered."""
        with PROCESSOR.waiting():
            self._threads.shutdown()

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        def computed() -> _T:
            with PROCESSOR.computing():
                return work()

        return await asyncio.get_running_loop().run_in_executor(self._threads, computed)

    @web.middleware
    async def _logon(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Nobody comes further without proving who they are; the health page is for the machine's own runner."""
        if request.path == "/healthz":
            return await handler(request)
        kept = Kept() if request.transport is None else self._kept.setdefault(request.transport, Kept())
        who = partial(self._who, request.headers.get("Authorization"), kept)
        try:
            if request.method == "POST" and _is_ews(request) and _length(request) <= _READ_FIRST:
                request["who"] = who  # asked where the request is answered: one turn in a thread instead of two
            else:
                request["caller"] = await self._in_thread(who)
            return self._challenge(await handler(request), Refused())
        except Refused as refused:
            return self._challenge(web.Response(status=401), refused)
        except web.HTTPRequestEntityTooLarge:  # IIS's request filtering says so: 404.13
            return web.Response(status=404, text="HTTP Error 404.13 - Not Found", content_type="text/html")

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

    async def _health(self, _: web.Request) -> web.Response:
        waiting = await self._in_thread(self._services.transport.waiting)
        return web.json_response({"organisation": self._services.settings.organisation, "mail_waiting": waiting})

    async def _describe(self, request: web.Request) -> web.Response:
        if "wsdl" in request.query_string.lower():
            text = _WSDL.format(url=f"{self._public_url()}/EWS/Exchange.asmx")
            return web.Response(text=text, content_type="text/xml")
        return web.Response(text="<html><body>You have created a service.</body></html>", content_type="text/html")

    async def _autodiscover_pox(self, request: web.Request) -> web.Response:
        return await self._autodiscover(request, autodiscover.pox)

    async def _autodiscover_soap(self, request: web.Request) -> web.Response:
        return await self._autodiscover(request, autodiscover.soap)

    async def _autodiscover(self, request: web.Request, way: autodiscover.Way) -> web.Response:
        body, url = await request.read(), self._public_url()
        find = partial(way, self._services, self._answering.validation, url, body)
        try:
            answer = await self._pressure.discover(
                request, request["caller"].smtp or "", partial(self._in_thread, find)
            )
        except Instead as instead:
            return instead.response
        except EwsError as error:  # a fault of EWS that a plan has for it: Autodiscover has no words for it
            return web.Response(status=503, text=error.message)
        return web.Response(body=answer, content_type="text/xml", charset="utf-8")

    async def _conditions(self, request: web.Request) -> web.Response:
        group = self._services.settings.impersonation_group
        if group is None or not await self._in_thread(
            partial(self._services.directory.is_member, request["caller"], group)
        ):
            return web.Response(status=403)
        return (
            control.show(self._pressure)
            if request.method == "GET"
            else control.put(self._pressure, await request.read())
        )

    async def _ews(self, request: web.Request) -> web.StreamResponse:
        began = time.perf_counter()
        body, received = await _body(request)
        status = 200
        try:
            asked, pieces = await self._in_thread(partial(self._at_once, request, body))
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
            status, pieces = 500, self._answering.fault(error, request.get("operation", ""))
        name = request.get("operation", "")
        size = sum(map(len, pieces))
        headers = {}
        if (
            self._services.settings.compress
            and name not in _NEVER_COMPRESSED
            and size > _SMALL
            and "gzip" in request.headers.get("Accept-Encoding", "")
        ):
            # One call, without Python's lock.
            pieces = [await asyncio.to_thread(gzip.compress, b"".join(pieces), 1)]
            size = len(pieces[0])
            headers["Content-Encoding"] = "gzip"
        _log.info(
            "request",
            operation=name,
            caller=request["caller"].principal,
            status=status,
            received=received,
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

    def _at_once(self, request: web.Request, body: Body) -> tuple[Asked, list[bytes] | None]:
        """What is asked, and the answer, where nothing can befall the request in between."""
        if "caller" not in request:
            request["caller"] = request["who"]()
        routing = request.headers.get("X-PublicFolderMailbox")
        asked = self._answering.understand(request["caller"], body, routing)
        request["operation"] = asked.request.operation
        watch = self._pressure.undisturbed()
        if watch is None or asked.request.operation == "GetStreamingEvents":
            return asked, None
        return asked, self._answering.answer(asked, watch)

    async def _stream(self, request: web.Request, asked: Asked) -> web.StreamResponse:
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


def _is_ews(request: web.Request) -> bool:
    return request.path.lower() == _EWS


def _length(request: web.Request) -> float:
    return math.inf if request.content_length is None else request.content_length


async def _body(request: web.Request) -> tuple[Body, int]:
    """The request's body, and how many bytes it has."""
    arriving, received = Arriving(), 0
    async for piece, _ in request.content.iter_chunks():
        received += len(piece)
        if received > request.client_max_size:
            raise web.HTTPRequestEntityTooLarge(max_size=request.client_max_size, actual_size=received)
        arriving.feed(piece)
    return arriving.end(), received
