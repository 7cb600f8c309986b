"""The portal's addresses: pages, live events, the JSON API. Read-only by construction: every route is a GET.

/                        every mailbox in a collection, with totals; ?q= status= collection= sort= dir= page= size=
/mailboxes/{id}          one mailbox, id in hexadecimal
/events, /mailboxes/{id}/events    Server-Sent Events: "fragment" with {"id", "html"} whenever a part has changed
/api/v1/summary          totals of everything and of each collection
/api/v1/mailboxes        the same query as /, as JSON
/api/v1/mailboxes/{id}   one mailbox with its passes, set-aside items and settings, switch steps and samples
"""

from __future__ import annotations

import asyncio
import json
import mimetypes
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from aiohttp import web

from .pages import STATIC, Fragments, Pages, Render
from .query import parse
from .record import Journal, Mailbox

if TYPE_CHECKING:
    from .board import Board

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_HEARTBEAT = 15.0
"""Seconds without news after which a comment is sent, so that proxies keep the connection."""


class Portal:
    def __init__(self, board: Board, stopping: asyncio.Event) -> None:
        self._board = board
        self._stopping = stopping
        self._pages = Pages(board)
        self._static = {
            part.name: (part.read_bytes(), mimetypes.guess_type(part.name)[0] or "application/octet-stream")
            for part in STATIC.iterdir()
        }

    def add_to(self, application: web.Application) -> None:
        application.add_routes(
            [
                web.get("/", self._overview),
                web.get("/events", self._overview_events, allow_head=False),
                web.get("/mailboxes/{id}", self._mailbox),
                web.get("/mailboxes/{id}/events", self._mailbox_events, allow_head=False),
                web.get("/static/{name}", self._file),
                web.get("/api/v1/summary", self._api_summary),
                web.get("/api/v1/mailboxes", self._api_mailboxes),
                web.get("/api/v1/mailboxes/{id}", self._api_mailbox),
            ]
        )
        application.on_response_prepare.append(_add_headers)
        application.middlewares.append(self._read)

    @web.middleware
    async def _read(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """A program that asks too early takes nobody for unknown."""
        if self._board.unread and request.path.startswith("/api/"):
            return _json({"error": f"{self._board.unread}; ask again in a moment"}, status=503)
        response: web.StreamResponse = await handler(request)
        return response

    async def _overview(self, request: web.Request) -> web.Response:
        return _html(self._pages.overview(parse(request.query)))

    async def _mailbox(self, request: web.Request) -> web.Response:
        page = self._pages.mailbox(request.match_info["id"])
        return _html(page) if page is not None else _html(self._pages.not_found(), status=404)

    async def _file(self, request: web.Request) -> web.Response:
        found = self._static.get(request.match_info["name"])
        if found is None:
            raise web.HTTPNotFound(text="There is no such file.")
        response = web.Response(body=found[0], content_type=found[1], charset="utf-8")
        # Pages name a file with a hash of its content, so it may be kept for ever under that name.
        response.headers["Cache-Control"] = (
            "public, max-age=31536000, immutable" if request.query.get("v") else "no-cache"
        )
        response.enable_compression()
        return response

    async def _overview_events(self, request: web.Request) -> web.StreamResponse:
        query = parse(request.query)
        return await self._send(request, lambda: self._pages.overview_fragments(query))

    async def _mailbox_events(self, request: web.Request) -> web.StreamResponse:
        identity = request.match_info["id"]
        return await self._send(request, lambda: self._pages.mailbox_fragments(identity))

    async def _send(self, request: web.Request, render: Render) -> web.StreamResponse:
        """Sends every part once and then whatever has changed, until the reader or the service goes."""
        seen, fragments = self._board.edition, render()
        if fragments is None:
            raise web.HTTPNotFound(text="There is no such mailbox.")
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        )
        await response.prepare(request)
        stopping = asyncio.create_task(self._stopping.wait())
        sent: Fragments = {}
        try:
            await response.write(b"retry: 2000\n\n")
            while fragments is not None and not stopping.done():
                for name, html in fragments.items():
                    if sent.get(name) != html:
                        data = json.dumps({"id": name, "html": html})
                        await response.write(f"event: fragment\ndata: {data}\n\n".encode())
                sent = fragments
                while not await self._news(seen, stopping):
                    await response.write(b": still here\n\n")
                seen, fragments = self._board.edition, render()
        except ConnectionResetError:
            pass  # the reader has gone, which is how every such page ends
        finally:
            stopping.cancel()
        return response

    async def _news(self, seen: int, stopping: asyncio.Task[bool]) -> bool:
        """False when nothing came for a heartbeat; True for news and when the service stops."""
        news = asyncio.create_task(self._board.news(seen))
        done, _ = await asyncio.wait({news, stopping}, timeout=_HEARTBEAT, return_when=asyncio.FIRST_COMPLETED)
        news.cancel()
        return bool(done)

    async def _api_summary(self, request: web.Request) -> web.Response:  # noqa: ARG002 - a handler's signature
        return _json(self._board.summary.to_json())

    async def _api_mailboxes(self, request: web.Request) -> web.Response:
        page = self._board.page(parse(request.query))
        return _json(
            {
                "total": page.total,
                "page": page.query.page,
                "pages": page.pages,
                "mailboxes": [_mailbox_json(mailbox) for mailbox in page.mailboxes],
            }
        )

    async def _api_mailbox(self, request: web.Request) -> web.Response:
        identity = request.match_info["id"]
        mailbox = self._board.mailboxes.get(identity)
        if mailbox is None or not (mailbox.shown or mailbox.left):
            return _json({"error": "There is no such mailbox."}, status=404)
        journal = self._board.journals.get(identity, Journal())
        return _json(_mailbox_json(mailbox) | journal.to_json())


def _mailbox_json(mailbox: Mailbox) -> dict[str, Any]:
    return {
        "id": mailbox.id,
        "name": mailbox.name,
        "source_address": mailbox.source_address,
        "target_address": mailbox.target_address,
        "collection": mailbox.collection,
        "kind": mailbox.kind,
        "active_side": mailbox.active_side,
        "status": mailbox.status,
        "state": mailbox.state,
        "percent": mailbox.percent,
        "pass": mailbox.number_of_pass,
        "folders": mailbox.folders,
        "items": {
            "total": mailbox.items_total,
            "done": mailbox.items_done,
            "set_aside": mailbox.items_set_aside,
            "left_out": mailbox.items_left_out,
        },
        "kept_aside": mailbox.kept_aside,
        "bytes_done": mailbox.bytes_done,
        "problem": mailbox.trouble,
        "at": mailbox.at,
        "switch": asdict(mailbox.switch) if mailbox.switch else None,
        "not_brought": [asdict(one) for one in mailbox.not_brought],
    }


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:  # noqa: ARG001 - aiohttp's signature
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)


def _html(text: str, status: int = 200) -> web.Response:
    response = web.Response(text=text, status=status, content_type="text/html", headers={"Cache-Control": "no-store"})
    response.enable_compression()
    return response


def _json(value: dict[str, Any], status: int = 200) -> web.Response:
    response = web.json_response(value, status=status, headers={"Cache-Control": "no-store"})
    response.enable_compression()
    return response
