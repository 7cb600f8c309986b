"""Push: the server calls the client's URL with each notification ([MS-OXWNTIF] 2.2.4.9 SendNotification).

The first call comes at once, and one without events every StatusFrequency minutes. A client that does not answer is
called again, further and further apart until a StatusFrequency has passed; then its subscription ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import aiohttp
import structlog
from lxml import etree

from ..ews.errors import EwsError
from ..ews.names import MESSAGES, m
from ..ews.soap import envelope
from ..ews.versions import Version
from .subscriptions import Notification, Subscription, Subscriptions
from .writing import pulled

_log = structlog.get_logger()
_APART: Final = (1, 2, 4, 8, 15)
"""Thirtieths of a StatusFrequency between one call that nobody answered and the next."""
_PATIENCE = aiohttp.ClientTimeout(total=30)


class Pusher:
    """Serves the push subscriptions of one server until it is closed."""

    def __init__(
        self, subscriptions: Subscriptions, version: Version, check: Callable[[str, etree._Element], None]
    ) -> None:
        """``check`` holds what is sent to the schema."""
        self._subscriptions = subscriptions
        self._version = version
        self._check = check
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, subscription: Subscription) -> None:
        """Begins to serve it; from any thread."""
        self._loop.call_soon_threadsafe(self._start, subscription)

    async def close(self) -> None:
        """Stops at once."""
        for each in self._tasks:
            each.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self, subscription: Subscription) -> None:
        task = asyncio.create_task(self._serve(subscription))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, subscription: Subscription) -> None:
        changed, period = asyncio.Event(), subscription.minutes * self._subscriptions.minute()
        end = self._subscriptions.listen(
            frozenset([subscription.mailbox]), lambda: self._loop.call_soon_threadsafe(changed.set)
        )
        try:
            async with aiohttp.ClientSession(timeout=_PATIENCE) as session:
                status_due = self._loop.time()
                while self._subscriptions.is_there(subscription):
                    changed.clear()
                    notification = self._subscriptions.take(subscription)
                    left = status_due - self._loop.time()
                    if not notification.events and left > 0:
                        await _set(changed, left)
                        continue
                    if not await self._deliver(session, notification, period):
                        return
                    status_due = self._loop.time() + period
        except EwsError as error:  # more has happened than is kept
            _log.warning("push subscription ended", url=subscription.url, reason=str(error))
        finally:
            end()
            self._subscriptions.remove(subscription)

    async def _deliver(self, session: aiohttp.ClientSession, notification: Notification, period: float) -> bool:
        """Whether the client took it and wants more."""
        url = notification.subscription.url
        for pause in (*_APART, None):
            try:
                wanted = await self._call(session, notification)
                if not wanted:
                    _log.info("push subscription ended", url=url, reason="the client wants no more")
                return wanted
            except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                _log.warning("nobody takes the notification", url=url, reason=f"{type(error).__name__}: {error}")
            if pause is not None:
                await asyncio.sleep(period * pause / 30)
        return False

    async def _call(self, session: aiohttp.ClientSession, notification: Notification) -> bool:
        message = m("SendNotificationResponseMessage", m("ResponseCode", "NoError"), ResponseClass="Success")
        message.append(pulled(notification))
        content = m("SendNotification", m("ResponseMessages", message))
        self._check("SendNotification", content)
        headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{MESSAGES}/SendNotification"'}
        body = b"".join(envelope(self._version, content))
        # Whose certificate a listener has is nothing the lab could know.
        async with session.post(notification.subscription.url, data=body, headers=headers, ssl=False) as answer:
            answer.raise_for_status()
            said = await answer.read()
        try:
            parser = etree.XMLParser(resolve_entities=False, no_network=True)
            status = etree.fromstring(said, parser).find(f".//{{{MESSAGES}}}SubscriptionStatus")
        except etree.XMLSyntaxError as error:
            raise ValueError(f"the answer is no XML: {error}") from None
        if status is None or status.text not in ("OK", "Unsubscribe"):
            raise ValueError("the answer has no SubscriptionStatus")
        return status.text == "OK"


async def _set(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
