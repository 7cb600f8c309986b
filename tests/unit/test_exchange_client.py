"""The EWS client on a line where anything may happen: what it repeats, what it leaves in doubt, how it gives way."""

from __future__ import annotations

import asyncio
import base64
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from isthmus_exchange.client import Client, Mailbox
from isthmus_exchange.errors import AccessError, EwsError, InDoubtError, ServerBusyError, TransientError
from isthmus_exchange.operations import DeleteItems, ExportItems, GetMime, UploadItems
from isthmus_exchange.values import Exported, Upload
from isthmus_sync.mailbox import ways

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_NAMES = (
    'xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"'
    ' xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages"'
    ' xmlns:e="http://schemas.microsoft.com/exchange/services/2006/errors"'
)
_BUSY = (
    f"<s:Envelope {_NAMES}><s:Body><s:Fault><faultcode>a:ErrorServerBusy</faultcode><faultstring>busy</faultstring>"
    "<detail><e:ResponseCode>ErrorServerBusy</e:ResponseCode>"
    '<t:MessageXml><t:Value Name="BackOffMilliseconds">200</t:Value></t:MessageXml></detail></s:Fault>'
    "</s:Body></s:Envelope>"
)


def answer_of(operation: str, content: str = "", *, code: str = "NoError") -> str:
    """The answer of an operation with one response message."""
    response = "Success" if code == "NoError" else "Error"
    return (
        f"<s:Envelope {_NAMES}><s:Body><m:{operation}Response><m:ResponseMessages>"
        f'<m:{operation}ResponseMessage ResponseClass="{response}"><m:ResponseCode>{code}</m:ResponseCode>{content}'
        f"</m:{operation}ResponseMessage></m:ResponseMessages></m:{operation}Response></s:Body></s:Envelope>"
    )


_DELETED = answer_of("DeleteItem")
_EXPORTED = _DELETED.replace("DeleteItem", "ExportItems").replace(
    "NoError</m:ResponseCode>", 'NoError</m:ResponseCode><m:ItemId Id="a"/><m:Data>QUJD</m:Data>'
)
_DELETE = DeleteItems(("a",))
_EXPORT = ExportItems(("a",))


@asynccontextmanager
async def server(*answers: Handler, answer_seconds: float = 20.0) -> AsyncIterator[Mailbox]:
    """A mailbox at a server that gives these answers, the last one for ever."""
    waiting = list(answers)

    async def handle(request: web.Request) -> web.StreamResponse:
        await request.read()
        return await (waiting.pop(0) if len(waiting) > 1 else waiting[0])(request)

    app = web.Application(client_max_size=2**24)
    app.router.add_post("/EWS/Exchange.asmx", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    url = f"http://127.0.0.1:{port}/EWS/Exchange.asmx"
    async with Client(url, "svc", "secret", name="alpha", answer_seconds=answer_seconds) as client:
        yield client.mailbox("anna@alpha.example")
    await runner.cleanup()


def says(text: str, status: int = 200) -> Handler:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(text=text, status=status, content_type="text/xml")

    return answer


async def hangs_up(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def never(_: web.Request) -> web.StreamResponse:
    await asyncio.sleep(60)
    return web.Response()


async def test_a_write_without_an_answer_is_in_doubt_and_made_once() -> None:
    asked = 0

    async def counted(request: web.Request) -> web.StreamResponse:
        nonlocal asked
        asked += 1
        return await hangs_up(request)

    async with server(counted) as mailbox:
        with pytest.raises(InDoubtError, match="DeleteItem"):
            await mailbox.call(_DELETE)
    assert asked == 1


async def test_a_write_is_announced_with_the_time_it_is_given_up() -> None:
    announced: list[float] = []

    async def announce(until: float) -> None:
        announced.append(until)

    async with server(never, answer_seconds=0.5) as mailbox:
        with pytest.raises(InDoubtError, match="no answer"):
            await mailbox.call(_DELETE, announce)
    assert announced[0] <= time.time(), "nobody waits beyond it"


async def test_what_cannot_be_announced_is_not_sent() -> None:
    async def announce(_: float) -> None:
        raise RuntimeError("not ours any more")

    async with server(says(_DELETED)) as mailbox:
        with pytest.raises(RuntimeError, match="not ours"):
            await mailbox.call(_DELETE, announce)
        assert mailbox.client.counters.round_trips == 0


async def test_nothing_happened_where_there_is_no_server() -> None:
    async with Client("http://127.0.0.1:9/EWS/Exchange.asmx", "svc", "secret", name="alpha") as client:
        with pytest.raises(TransientError, match="no connection"):
            await client.mailbox("anna@alpha.example").call(_DELETE)


async def test_a_read_goes_on_after_what_passes() -> None:
    async with server(hangs_up, says(_BUSY, 500), says("<html>", 502), says(_EXPORTED)) as mailbox:
        (exported,) = await mailbox.call(_EXPORT)
        assert not isinstance(exported, EwsError)
        assert exported.data == "QUJD"


async def test_a_busy_server_is_left_alone_and_asked_less() -> None:
    async with server(says(_BUSY, 500), says(_DELETED)) as mailbox:
        budget = mailbox.client.budget
        before = budget.limit
        with pytest.raises(ServerBusyError) as raised:
            await mailbox.call(_DELETE)
        assert raised.value.back_off == 0.2
        assert budget.limit == before / 2
        assert await mailbox.call(_DELETE) == [None]
        assert time.monotonic() >= budget.resting_until > 0
        assert budget.limit > before / 2


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_account_needs_somebody(status: int) -> None:
    async with server(says("", status)) as mailbox:
        with pytest.raises(AccessError, match="svc"):
            await mailbox.call(_EXPORT)


async def test_an_account_that_is_refused_is_not_tried_until_it_is_locked_out() -> None:
    asked = 0

    async def refuses(request: web.Request) -> web.StreamResponse:
        nonlocal asked
        asked += 1
        return await says("", 401)(request)

    async with server(refuses) as mailbox:
        for _ in range(9):
            with pytest.raises(AccessError, match="check its name and password"):
                await mailbox.call(_EXPORT)
        assert asked == 3
        mailbox.client._refused_until = time.monotonic()
        for _ in range(2):
            with pytest.raises(AccessError):
                await mailbox.call(_DELETE)
        assert asked == 4
        assert mailbox.client._refused_until > time.monotonic() + 100


async def test_requests_that_are_refused_together_are_one_refusal() -> None:
    """A directory that is away for a moment refuses all that is under way."""
    all_there, asked = asyncio.Event(), 0

    async def refuses(request: web.Request) -> web.StreamResponse:
        nonlocal asked
        asked += 1
        if asked == 10:
            all_there.set()
        await all_there.wait()
        return await says("", 401)(request)

    async with server(refuses) as mailbox:
        mailbox.client.budget.limit = 10
        answers = await asyncio.gather(*(mailbox.call(_DELETE) for _ in range(10)), return_exceptions=True)
        assert {type(each) for each in answers} == {AccessError}
        assert mailbox.client._refused_until < time.monotonic() + 61


@pytest.mark.parametrize("status", [404, 413])
async def test_a_request_that_is_too_large_for_the_web_server(status: int) -> None:
    async with server(says("too large", status)) as mailbox:
        with pytest.raises(EwsError, match="ErrorMessageSizeExceeded"):
            await mailbox.call(UploadItems((Upload("folder", "QUJD" * 2**19, False),)))


async def test_an_address_where_no_ews_is() -> None:
    async with server(says("<html>not found", 404)) as mailbox:
        with pytest.raises(AccessError, match=r"no EWS at .*check exchange\.ews"):
            await mailbox.call(_EXPORT)


async def test_a_page_for_signing_in_before_the_server() -> None:
    async def elsewhere(_: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": "/EWS/Exchange.asmx"})

    for answer in (elsewhere, says("<html>Login Timeout", 440)):
        async with server(answer) as mailbox:
            with pytest.raises(AccessError, match="sends requests elsewhere"):
                await mailbox.call(_DELETE)
            assert mailbox.client.counters.round_trips == 1


@pytest.mark.parametrize("status", [400, 405, 407, 417])
async def test_what_stands_before_the_server_says_nothing_of_its_operations(status: int) -> None:
    async with server(says("<html>", status)) as mailbox:
        with pytest.raises(EwsError, match=f"HTTP {status}: alpha to ExportItems") as raised:
            await mailbox.call(_EXPORT)
    assert not ways.has_no_operation(raised.value), "its items would go by their properties"


@pytest.mark.parametrize("status", [408, 429, 503])
async def test_what_stands_before_the_server_may_be_busy(status: int) -> None:
    async with server(says("<html>", status), says(_EXPORTED)) as mailbox:
        (exported,) = await mailbox.call(_EXPORT)
        assert isinstance(exported, Exported)


async def test_who_asks_and_for_whom() -> None:
    seen: list[web.Request] = []

    async def look(request: web.Request) -> web.StreamResponse:
        seen.append(request)
        return await says(_EXPORTED)(request)

    async with server(look) as mailbox:
        await mailbox.call(_EXPORT)
        assert mailbox.round_trips == 1
    (request,) = seen
    assert request.headers["X-AnchorMailbox"] == "anna@alpha.example"
    assert request.headers["Authorization"].startswith("Basic ")
    assert request.headers["Accept-Encoding"] == "gzip"


async def test_cookies_go_back_as_they_came() -> None:
    """By them load balancers and Exchange find the server of before; few of either know quotes."""
    cookies = {"AWSALB=AQ+b/c==", "X-BackEndCookie=S-1-5-21-1=u56Lnp2ejJqB"}
    seen: list[set[str]] = []

    async def sets(request: web.Request) -> web.StreamResponse:
        seen.append(set(filter(None, request.headers.get("Cookie", "").split("; "))))
        answer = web.Response(text=_EXPORTED, content_type="text/xml")
        for each in cookies:
            answer.headers.add("Set-Cookie", f"{each}; Path=/; HttpOnly")
        return answer

    async with server(sets) as mailbox:
        await mailbox.call(_EXPORT)
        await mailbox.call(_EXPORT)
    assert seen == [set(), cookies]


async def test_a_large_mail_is_read_whole() -> None:
    content = random.Random(2).randbytes(700_000)
    mail = (
        f"<m:Items><t:Message><t:MimeContent>{base64.b64encode(content).decode()}</t:MimeContent></t:Message></m:Items>"
    )
    answer = _DELETED.replace("DeleteItem", "GetItem").replace("</m:ResponseCode>", f"</m:ResponseCode>{mail}")
    async with server(says(answer)) as mailbox:
        assert await mailbox.call(GetMime("a")) == content


async def test_content_with_references_is_left_to_the_parser() -> None:
    answer = _EXPORTED.replace("QUJD", f"{'QUJD' * 100}&#61;")
    async with server(says(answer)) as mailbox:
        (exported,) = await mailbox.call(_EXPORT)
        assert isinstance(exported, Exported)
        assert exported.data == "QUJD" * 100 + "="


async def test_what_is_large_is_held_once_and_sent_as_it_came() -> None:
    stream = base64.b64encode(random.Random(1).randbytes(700_000)).decode()
    received: list[tuple[str | None, bytes]] = []

    async def takes(request: web.Request) -> web.StreamResponse:
        received.append((request.headers.get("Content-Length"), await request.read()))
        return web.Response(text=_DELETED.replace("DeleteItem", "UploadItems"), content_type="text/xml")

    two = _EXPORTED.replace("QUJD", stream)
    async with server(says(two), takes) as mailbox:
        mailbox.client.budget.limit = 1
        (exported,) = await mailbox.call(_EXPORT)
        assert isinstance(exported, Exported)
        assert isinstance(exported.data, memoryview), "where it was received"
        assert bytes(exported.data) == stream.encode()
        with pytest.raises(InDoubtError, match="makes no sense"):
            await mailbox.call(UploadItems((Upload("folder", exported.data, False), Upload("f", "QUJD", True))))
    [(length, body)] = received
    assert length == str(len(body)), "no chunks"
    assert body.count(f"<t:Data>{stream}</t:Data>".encode()) == body.count(b"<t:Data>QUJD</t:Data>") == 1


@pytest.mark.parametrize(
    "refusal",
    [
        _BUSY.replace("ErrorServerBusy", "ErrorInvalidServerVersion").replace("BackOffMilliseconds", "Other"),
        _BUSY.replace("ErrorServerBusy", "ErrorSchemaValidation")
        .replace(">busy<", ">The 'Version' attribute is invalid<")
        .replace("BackOffMilliseconds", "Other"),
    ],
)
@pytest.mark.parametrize("known", ["Exchange2010_SP1", "Exchange2010"])
async def test_a_server_that_is_older_is_asked_in_its_own_version(refusal: str, known: str) -> None:
    versions: list[bytes] = []

    async def old(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        versions.append(body.partition(b'RequestServerVersion Version="')[2].partition(b'"')[0])
        return await (says(_DELETED) if versions[-1] == known.encode() else says(refusal, 500))(request)

    async with server(old) as mailbox:
        assert await mailbox.call(_DELETE) == [None]
        assert await mailbox.call(_DELETE) == [None]
        assert not mailbox.newer
    tried = [b"Exchange2013_SP1", b"Exchange2010_SP2", b"Exchange2010_SP1", b"Exchange2010"]
    assert versions == [*tried[: tried.index(known.encode()) + 1], known.encode()]


async def test_each_server_of_an_organisation_is_asked_in_its_own_version() -> None:
    """One address for all; the mailboxes of the older server are passed on to it."""
    asked: list[bytes] = []
    older = _BUSY.replace("ErrorServerBusy", "ErrorInvalidServerVersion").replace("BackOffMilliseconds", "Other")
    newer = _DELETED.replace("<s:Body>", '<s:Header><t:ServerVersionInfo MajorVersion="15"/></s:Header><s:Body>')

    async def both(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        version = body.partition(b'RequestServerVersion Version="')[2].partition(b'"')[0]
        asked.append(version + (b", receipts" if b"SuppressReadReceipts" not in body else b""))
        if b"otto@" not in body:
            return await says(newer)(request)
        return await (says(_DELETED) if version == b"Exchange2010_SP2" else says(older, 500))(request)

    async with server(both) as anna:
        otto = anna.client.mailbox("otto@alpha.example")
        for mailbox in (anna, anna, otto, otto, anna):
            assert await mailbox.call(_DELETE) == [None]
        assert (anna.newer, otto.newer) == (True, False)
    assert asked == [
        b"Exchange2013_SP1",  # before anybody knows what the server is: else a receipt could go out
        b"Exchange2013_SP1",
        b"Exchange2013_SP1",
        b"Exchange2010_SP2, receipts",
        b"Exchange2010_SP2, receipts",
        b"Exchange2013_SP1",
    ]
