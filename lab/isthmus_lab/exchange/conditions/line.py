"""What can happen to a connection: it is reset, it ends without TLS's goodbye, nothing comes."""

from __future__ import annotations

import socket
import struct

from aiohttp import web

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Instead(Exception):  # noqa: N818 - it is what goes out, not what is wrong
    """Goes out in the place of an answer."""

    def __init__(self, response: web.Response) -> None:
        super().__init__(f"HTTP {response.status}")
        self.response = response


def reset(request: web.BaseRequest) -> Instead:
    """Ends the connection with a TCP reset."""
    if request.transport is not None:
        connection = request.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    return drop(request)


def drop(request: web.BaseRequest) -> Instead:
    """Ends the connection at once: a client reads the end of TCP without TLS's close_notify before it."""
    if request.transport is not None:
        request.transport.abort()
    return Instead(web.Response())  # reaches nobody


def refusal(status: int, retry_after: int | None) -> Instead:
    """An answer of HTTP alone, as IIS gives it before Exchange has seen the request."""
    response = web.Response(status=status, text=f"HTTP Error {status}.", content_type="text/html")
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return Instead(response)
