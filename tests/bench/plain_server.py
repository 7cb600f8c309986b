"""An HTTPS server that looks into nothing: what requests and answers of a size cost before a lab's server reads them.

``python -m tests.bench.plain_server CERTIFICATE KEY``: POST swallows a body, GET /N answers with N bytes. It writes its
port to the standard output, and ends with its standard input.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import sys

from aiohttp import web


async def swallow(request: web.Request) -> web.Response:
    return web.Response(text=str(len(await request.read())))


async def give(request: web.Request) -> web.Response:
    return web.Response(body=os.urandom(int(request.match_info["size"])))


async def main(certificate: str, key: str) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    app = web.Application(client_max_size=64 << 20)
    app.add_routes([web.post("/", swallow), web.get("/{size}", give)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
