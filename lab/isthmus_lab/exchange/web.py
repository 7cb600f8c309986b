"""The HTTPS side of the server: EWS, Autodiscover and the health page.

Every request is answered in a thread, where store and directory may block; the event loop only moves bytes.
"""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, TypeVar

import structlog
from aiohttp import web

from . import autodiscover
from .access import authenticate, impersonate
from .directory import DirectoryError, Recipient
from .ews import operations
from .ews.call import OPERATIONS, Call, Services, as_ews_error
from .ews.errors import EwsError
from .ews.soap import Answer, Request, envelope, fault, parse
from .ews.versions import VERSIONS
from .validation import Validation

_log = structlog.get_logger()
_T = TypeVar("_T")

_THREADS: Final = 16
_SMALL: Final = 2_048
"""Bytes below which compressing an answer does not pay."""
_NEVER_COMPRESSED: Final = frozenset(("ExportItems", "GetAttachment"))
_WSDL: Final = (
    '<wsdl:definitions xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/" '
    'xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" '
    'targetNamespace="http://schemas.microsoft.com/exchange/services/2006/messages">'
    '<wsdl:service name="ExchangeServices"><wsdl:port name="ExchangePort" binding="ExchangeServiceBinding">'
    '<soap:address location="{url}"/></wsdl:port></wsdl:service></wsdl:definitions>'
)
assert operations  # importing it registered the operations


class Web:
    """The handlers of one server; ``app`` is what aiohttp serves."""

    def __init__(self, services: Services, public_url: Callable[[], str]) -> None:
        self._services = services
        self._public_url = public_url
        self._version = VERSIONS[services.settings.version]
        self._validation = Validation(services.settings.violations)
        self._threads = ThreadPoolExecutor(_THREADS, "request")
        self.app = web.Application(client_max_size=services.settings.max_request_bytes, middlewares=[self._logon])
        self.app.add_routes(
            [
                web.get("/healthz", self._health),
                web.get(r"/{_:(?i:ews/exchange\.asmx)}", self._describe),
                web.post(r"/{_:(?i:ews/exchange\.asmx)}", self._ews),
                web.post(r"/{_:(?i:autodiscover/autodiscover\.xml)}", self._autodiscover_pox),
                web.post(r"/{_:(?i:autodiscover/autodiscover\.svc)}", self._autodiscover_soap),
            ]
        )

    def close(self) -> None:
        """Waits for the requests that are being answered."""
        self._threads.shutdown()

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    @web.middleware
    async def _logon(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Nobody comes further without a name and password; the health page is for the machine's own runner."""
        if request.path == "/healthz":
            return await handler(request)
        header, settings = request.headers.get("Authorization"), self._services.settings
        try:
            caller = await self._in_thread(partial(authenticate, self._services.directory, settings.netbios, header))
        except DirectoryError as error:
            _log.error("the forest cannot be asked", reason=str(error))
            return web.Response(status=503, text="The directory does not answer.")
        if caller is None:
            return web.Response(status=401, headers={"WWW-Authenticate": f'Basic realm="{settings.host_name}"'})
        request["caller"] = caller
        return await handler(request)

    async def _health(self, _: web.Request) -> web.Response:
        waiting = await self._in_thread(self._services.transport.waiting)
        return web.json_response({"organisation": self._services.settings.organisation, "mail_waiting": waiting})

    async def _describe(self, request: web.Request) -> web.Response:
        if "wsdl" in request.query_string.lower():
            text = _WSDL.format(url=f"{self._public_url()}/EWS/Exchange.asmx")
            return web.Response(text=text, content_type="text/xml")
        return web.Response(text="<html><body>You have created a service.</body></html>", content_type="text/html")

    async def _autodiscover_pox(self, request: web.Request) -> web.Response:
        body, url = await request.read(), self._public_url()
        answer = await self._in_thread(partial(autodiscover.pox, self._services, url, request["caller"], body))
        return web.Response(body=answer, content_type="text/xml", charset="utf-8")

    async def _autodiscover_soap(self, request: web.Request) -> web.Response:
        body, url = await request.read(), self._public_url()
        answer = await self._in_thread(partial(autodiscover.soap, self._services, url, request["caller"], body))
        return web.Response(body=answer, content_type="text/xml", charset="utf-8")

    async def _ews(self, request: web.Request) -> web.Response:
        began = time.perf_counter()
        body = await request.read()
        status, name, pieces = await self._in_thread(partial(self.answer, request["caller"], body))
        content = b"".join(pieces)
        headers = {}
        if (
            self._services.settings.compress
            and name not in _NEVER_COMPRESSED
            and len(content) > _SMALL
            and "gzip" in request.headers.get("Accept-Encoding", "")
        ):
            content = await self._in_thread(partial(gzip.compress, content, 1))
            headers["Content-Encoding"] = "gzip"
        _log.info(
            "request",
            operation=name,
            caller=request["caller"].principal,
            status=status,
            received=len(body),
            sent=len(content),
            ms=round((time.perf_counter() - began) * 1000, 1),
        )
        return web.Response(status=status, body=content, content_type="text/xml", charset="utf-8", headers=headers)

    def answer(self, caller: Recipient, body: bytes) -> tuple[int, str, list[bytes]]:
        """The HTTP status, the operation's name and the envelope; in a thread."""
        name = ""
        try:
            try:
                request = parse(body)
            except EwsError as error:
                self._validation.refused("", [str(error)], body.decode("utf-8", "replace"))
                raise
            name = request.operation
            return 200, name, envelope(self._version, self._operate(caller, request))
        except Exception as error:
            problem = as_ews_error(error)
            _log.info("fault", operation=name, code=problem.code, reason=problem.message)
            return 500, name, envelope(self._version, fault(problem))

    def _operate(self, caller: Recipient, request: Request) -> Answer:
        settings = self._services.settings
        if not self._version.knows(request.schema):
            raise EwsError("ErrorInvalidServerVersion")
        operate = OPERATIONS.get(request.operation)
        if operate is None:
            raise EwsError("ErrorInvalidOperation", f"This server has no operation {request.operation}.")
        self._validation.request(request)
        if request.impersonate is not None:
            caller = impersonate(self._services.directory, settings.impersonation_group, caller, request.impersonate)
        answer = operate(Call(self._services, caller, request))
        self._validation.answer(request.operation, answer)
        return answer
