"""GetStreamingEvents: one answer that goes on for minutes, an envelope at a time ([MS-OXWNTIF] 2.2.4.5)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from typing import Final

from ..ews.answering import Asked
from ..ews.errors import EwsError
from ..ews.names import Element, child, elements, m, text
from .subscriptions import Subscription, Subscriptions
from .writing import streamed, streaming_error, streaming_message

_MOST: Final = 200
"""Subscriptions of one connection."""
_HEARTBEAT_MINUTES: Final = 0.75


async def events(subscriptions: Subscriptions, asked: Asked, closing: asyncio.Event) -> AsyncGenerator[Element, None]:
    """The parts of the answer, each as soon as there is one; the last says that the connection is closed."""
    request = asked.request.element
    ids = [each.text or "" for each in elements(child(request, "SubscriptionIds"))]
    if len(ids) > _MOST:
        yield streaming_error("ErrorInvalidSubscriptionRequest", f"At most {_MOST} ids may share a connection.", ids)
        return
    served, lost = _find(subscriptions, asked, ids)
    if lost:
        error = next(iter(lost.values()))
        yield streaming_error(error.code, error.message, list(lost))
        return
    connection = object()
    changed, loop = asyncio.Event(), asyncio.get_running_loop()
    end = subscriptions.listen(
        frozenset(each.mailbox for each in served), lambda: loop.call_soon_threadsafe(changed.set)
    )
    subscriptions.attach(served, connection)
    try:
        yield _status("OK")
        minute = subscriptions.minute()
        until = time.monotonic() + int(text(request, "ConnectionTimeout") or 1) * minute
        while not closing.is_set():
            changed.clear()
            gone = [each.id for each in served if not subscriptions.is_there(each)]
            if gone:
                yield streaming_error("ErrorSubscriptionNotFound", "The subscription was ended.", gone)
                return
            taken = [each.id for each in served if each.connection is not connection]
            if taken:
                yield streaming_error("ErrorNewEventStreamConnectionOpened", "Another connection serves it.", taken)
                return
            told = [each for each in map(subscriptions.take, served) if each.events]
            if told:
                yield streaming_message(streamed(told))
                continue
            left = until - time.monotonic()
            if left <= 0:
                yield _status("Closed")
                return
            happened = await _something(changed, closing, min(left, _HEARTBEAT_MINUTES * minute))
            if not happened and time.monotonic() < until:
                yield _status("OK")
    except EwsError as error:
        yield streaming_error(error.code, error.message, ids)
    finally:
        end()
        for each in served:
            if each.connection is connection:
                each.connection = None


def _find(subscriptions: Subscriptions, asked: Asked, ids: list[str]) -> tuple[list[Subscription], dict[str, EwsError]]:
    served: list[Subscription] = []
    lost: dict[str, EwsError] = {}
    for each in ids:
        try:
            found = subscriptions.get(each, asked.logged_on.guid)
            if found.kind != "streaming":
                raise EwsError("ErrorInvalidSubscription", "The subscription is not a streaming subscription.")
            served.append(found)
        except EwsError as error:
            lost[each] = error
    return served, lost


def _status(status: str) -> Element:
    return streaming_message([m("ConnectionStatus", status)])


async def _something(changed: asyncio.Event, closing: asyncio.Event, seconds: float) -> bool:
    """Whether something happened before the time was up."""
    waiting = [asyncio.create_task(each.wait()) for each in (changed, closing)]
    done, _ = await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for each in waiting:
        each.cancel()
    return bool(done)
