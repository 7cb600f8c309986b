"""The HTTP connection of the lab's Exchange: bodies that go past aiohttp, cut and put together in any way."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence

from aiohttp import web
from hypothesis import example, given, settings
from hypothesis import strategies as st
from isthmus_lab.exchange.connection import Server, done, received

LIMIT = 300_000


async def digest(request: web.BaseRequest) -> web.Response:
    """Says what came; a path ``/blind`` does not read it, ``/late`` reads it when all of it waits to be read."""
    try:
        if request.path == "/blind":
            return web.Response(text="unread")
        if request.path == "/late":
            await asyncio.sleep(0.01)
        sum_of_all = hashlib.sha256()
        size = await received(request, sum_of_all.update)
        return web.Response(text=f"{size} {sum_of_all.hexdigest()}")
    except web.HTTPRequestEntityTooLarge:
        return web.Response(status=404)
    finally:
        done(request)


def request(path: str, body: bytes, *, chunked: bool = False) -> bytes:
    if chunked:
        half = len(body) // 2
        parts = b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in (body[:half], body[half:]) if each)
        return b"POST %b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%b0\r\n\r\n" % (path.encode(), parts)
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\ncontent-Length:  {len(body)} \r\n\r\n"
    return head.encode() + body


def expected(path: str, body: bytes, *, chunked: bool) -> tuple[int, str]:
    if path == "/blind":
        return 200, "unread"
    if len(body) > LIMIT and not chunked:
        return 404, ""
    return 200, f"{len(body)} {hashlib.sha256(body).hexdigest()}"


async def answers(stream: Sequence[bytes], count: int) -> list[tuple[int, str]]:
    """What a server says to so many requests whose bytes come in these pieces."""
    runner = web.ServerRunner(Server(digest, LIMIT))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        reader, writer = await asyncio.open_connection(*runner.addresses[0][:2])

        async def send() -> None:
            for piece in stream:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)

        sending = asyncio.create_task(send())
        said = []
        for _ in range(count):
            head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)).decode().lower()
            size = int(head.partition("content-length: ")[2].partition("\r\n")[0])
            said.append((int(head.split()[1]), (await reader.readexactly(size)).decode()))
        await sending
        writer.close()
        return said
    finally:
        await runner.cleanup()


REQUESTS = st.lists(
    st.tuples(
        st.sampled_from(("/", "/blind", "/late")),
        st.one_of(st.binary(max_size=40), st.integers(1, 400_000).map(lambda size: b"\r\n\r\n" * (size // 4))),
        st.booleans(),
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=25, deadline=None)
@example([("/", b"", True), ("/", b"", False), ("/", b"", False)], [100_000])  # aiohttp shares its empty body
@given(REQUESTS, st.lists(st.integers(1, 100_000), min_size=1, max_size=6))
def test_every_body_comes_whole_to_its_own_request(sent: list[tuple[str, bytes, bool]], sizes: list[int]) -> None:
    sent = [(path, body[:LIMIT] if chunked else body, chunked) for path, body, chunked in sent]
    whole = b"".join(request(path, body, chunked=chunked) for path, body, chunked in sent)
    pieces, at, turn = list[bytes](), 0, 0
    while at < len(whole):
        size = sizes[turn % len(sizes)]
        if size < 500 and turn > 200:  # small pieces of a large body would only take long
            size = len(whole)
        pieces.append(whole[at : at + size])
        at, turn = at + size, turn + 1
    said = asyncio.run(answers(pieces, len(sent)))
    assert said == [expected(path, body, chunked=chunked) for path, body, chunked in sent]


def test_what_is_no_request_is_refused() -> None:
    for wrong in (
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -2\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"POST / HTTP/1.1\nHost: x\n\n",
        b"POST / HTTP/1.1\r\nHost: " + b"x" * 100_000,
    ):
        [(status, _)] = asyncio.run(answers([wrong], 1))
        assert status == 400
