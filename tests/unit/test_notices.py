"""Notifications of a server on which some mailboxes cannot be watched."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest
from aiohttp import web
from isthmus_exchange import client as exchange_client
from isthmus_exchange.streaming import UNKNOWN, News
from isthmus_mailbox.notices import Notices, Watch

from tests.unit.test_exchange_client import answer_of, server
from tests.waiting import eventually

_FAULT = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault>'
    "<faultcode>a:ErrorMailboxStoreUnavailable</faultcode><faultstring>its database is not mounted</faultstring>"
    "</s:Fault></s:Body></s:Envelope>"
)


@pytest.mark.parametrize("refusal", [answer_of("Subscribe", code="ErrorMailboxStoreUnavailable"), _FAULT, "<html>"])
async def test_one_mailbox_without_its_database_leaves_the_others_watched(
    refusal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange_client, "_LONGEST_WAIT", 0.0)
    over = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if b"<m:GetStreamingEvents>" in body:
            stream = web.StreamResponse()
            await stream.prepare(request)
            await stream.write(answer_of("GetStreamingEvents", "<m:ConnectionStatus>OK</m:ConnectionStatus>").encode())
            await over.wait()
            return stream
        if b"otto@" in body:
            return web.Response(text=refusal, status=500)
        return web.Response(text=answer_of("Subscribe", "<m:SubscriptionId>a</m:SubscriptionId>"))

    async with server(answer) as anna:
        notices = Notices(lambda _: None)
        names = {b"anna": anna.address, b"otto": "otto@alpha.example"}
        notices.want({name: Watch(anna.client, address) for name, address in names.items()})

        async def watched() -> bool:
            return notices.watched(b"anna")

        await eventually(watched)
        assert not notices.watched(b"otto"), "it is looked at in turn"
        await notices.close()
        over.set()


async def test_who_cannot_be_watched_is_due_once_as_somebody_may_have_watched_it_before() -> None:
    asked = 0
    told = list[Mapping[bytes, News]]()

    async def forbidden(_: web.Request) -> web.StreamResponse:
        nonlocal asked
        asked += 1
        return web.Response(status=403)

    async with server(forbidden) as anna:
        notices = Notices(told.append)
        notices.want({b"anna": Watch(anna.client, anna.address)})

        async def tried_again() -> bool:
            return asked > 1

        await eventually(tried_again)
        await notices.close()
    assert told == [{b"anna": UNKNOWN}]
