"""What a service says about itself over HTTP: /healthz, /readyz, /metrics."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest


def add_routes(app: web.Application, not_ready: Callable[[], Awaitable[dict[str, str]]]) -> None:
    """Add the three pages; `not_ready` is asked at each /readyz and returns {what: why not}.

    /healthz is 200 as long as the process's loop turns. /readyz is 200 or 503, with {"ready": …, "waiting": {…}}.
    /metrics is in Prometheus' text format.
    """

    async def healthz(_request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_request: web.Request) -> web.Response:
        waiting = await not_ready()
        return web.json_response({"ready": not waiting, "waiting": waiting}, status=503 if waiting else 200)

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", metrics)])
