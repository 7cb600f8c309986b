"""Carries the conditions out around each request."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from ..ews.answering import Asked
from ..ews.errors import EwsError
from . import pages
from .budgets import Budgets, charged
from .busy import InEachMessage, busy
from .delay import call_seconds, item_seconds, items_of
from .faults import Faults
from .line import drop, refusal, reset
from .model import Conditions, Delay, Throttling
from .watch import Watch

_ON_THE_WAY: Final = ("reset", "drop-tls", "no-answer", "slow", "status", "error", "busy")
_SPOILED: Final = ("malformed", "truncated")


Work = Callable[[Watch], Awaitable[list[bytes]]]


class Pressure:
    """The conditions of one server; ``conditions`` may be replaced at any time."""

    def __init__(self, conditions: Conditions, build: tuple[int, int, int, int]) -> None:
        self._build = build
        self.closing = asyncio.Event()
        self.replace(conditions)

    def replace(self, conditions: Conditions) -> None:
        """From now on these apply; counts begin anew."""
        self.conditions = conditions
        self.faults = Faults(conditions.faults)
        self.budgets = Budgets(conditions.throttling)
        self._calm = (conditions.faults.rules, conditions.delay, conditions.throttling) == ((), Delay(), Throttling())

    def undisturbed(self) -> Watch | None:
        """For a request that nothing can befall but the end of a batch's time; None when the conditions hold more."""
        return Watch(self.faults, self.conditions.limits.batch_seconds) if self._calm else None

    async def carry(self, http: web.BaseRequest, asked: Asked, work: Work) -> list[bytes]:
        """The answer's pieces. Raises EwsError for a SOAP fault, Instead for what goes out in place of an answer."""
        operation, mailbox = asked.request.operation, asked.caller.smtp or ""
        conditions, faults, budgets = self.conditions, self.faults, self.budgets
        delay, who = conditions.delay, charged(asked.logged_on.guid, asked.caller.guid, self._build)
        pages.shorten(faults, asked.request, mailbox)
        call, item = call_seconds(delay, operation), item_seconds(delay, operation)
        watch = Watch(faults, conditions.limits.batch_seconds, item, call)
        await self.pause(delay.round_trip_ms / 2000)
        refused = budgets.refused(who)
        if isinstance(refused, InEachMessage):
            watch.fail_all(refused)
        elif refused is not None:
            raise refused
        try:
            await self._befall(faults, http, operation, mailbox, "before")
        except InEachMessage as error:
            watch.fail_all(error)
        began = time.monotonic()
        with budgets.charge(who, operation):
            pieces = await work(watch)
            await self.pause(call + item * items_of(operation, pieces, watch.items))
        held_back = budgets.slower(who, (time.monotonic() - began) * 1000)
        await self._befall(faults, http, operation, mailbox, "after")
        for rule in faults.of_kind(*_SPOILED):
            if faults.strikes(rule, operation, mailbox):
                pieces = [_spoiled(b"".join(pieces), rule.fault)]
        await self.pause(delay.round_trip_ms / 2000 + held_back / 1000)
        return pieces

    async def discover(self, http: web.BaseRequest, mailbox: str, work: Callable[[], Awaitable[bytes]]) -> bytes:
        """An answer of Autodiscover, which has the same line and no budget. Raises as carry does."""
        faults, half = self.faults, self.conditions.delay.round_trip_ms / 2000
        await self.pause(half)
        await self._befall(faults, http, "Autodiscover", mailbox, "before")
        content = await work()
        await self._befall(faults, http, "Autodiscover", mailbox, "after")
        for rule in faults.of_kind(*_SPOILED):
            if faults.strikes(rule, "Autodiscover", mailbox):
                content = _spoiled(content, rule.fault)
        await self.pause(half)
        return content

    @asynccontextmanager
    async def hanging(self, http: web.BaseRequest, asked: Asked) -> AsyncIterator[None]:
        """Around an answer that goes on for minutes: what befalls a request at its beginning, its budget."""
        who = charged(asked.logged_on.guid, asked.caller.guid, self._build)
        await self.pause(self.conditions.delay.round_trip_ms / 2000)
        refused = self.budgets.refused(who)
        if refused is not None:
            raise refused
        await self._befall(self.faults, http, asked.request.operation, asked.caller.smtp or "", "before")
        with self.budgets.charge(who, asked.request.operation):
            yield

    def twice(self, mailbox: str) -> bool:
        """Whether a message that was delivered to that address is delivered once more."""
        rules = self.faults.of_kind("duplicate-delivery")
        return any(self.faults.strikes(rule, "Delivery", mailbox) for rule in rules)

    async def pause(self, seconds: float) -> None:
        """Waits, but not longer than the server lives."""
        if not seconds:
            return
        try:
            async with asyncio.timeout(seconds):
                await self.closing.wait()
        except TimeoutError:
            pass

    async def _befall(self, faults: Faults, http: web.BaseRequest, operation: str, mailbox: str, when: str) -> None:
        for rule in faults.of_kind(*_ON_THE_WAY, when=when):
            if not faults.strikes(rule, operation, mailbox):
                continue
            match rule.fault:
                case "reset":
                    raise reset(http)
                case "drop-tls":
                    raise drop(http)
                case "no-answer":
                    await self.pause(rule.seconds)
                    raise reset(http)
                case "slow":
                    await self.pause(rule.seconds)
                case "status":
                    raise refusal(rule.status, rule.retry_after)
                case "error":
                    raise EwsError(rule.code)
                case "busy":
                    raise busy(rule.shape, rule.back_off_ms)


def _spoiled(content: bytes, how: str) -> bytes:
    middle = content.rfind(b"<", 0, max(len(content) // 2, 1))
    return content[:middle] if how == "truncated" else content[:middle] + b"<\x00&" + content[middle:]
