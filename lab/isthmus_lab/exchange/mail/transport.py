"""Transport: takes deliveries out of the queue and carries each one out, until the queue is empty.

What cannot be done now (the forest or the next server does not answer) is tried again, longer and longer apart; what
can never be done is reported to the sender.
"""

from __future__ import annotations

import asyncio
import email.parser
import ssl
import time
import uuid
from collections.abc import Callable
from functools import partial
from typing import Final

import aiosmtplib
import structlog

from isthmus_lab.processor import PROCESSOR

from ..directory import Directory, DirectoryError, Recipient
from .queue import Delivery, Queue
from .reports import is_report, non_delivery
from .routing import Onward, Several, ToMailbox, Undeliverable, encapsulate, route, smtp

_log = structlog.get_logger()

_AT_ONCE: Final = 16
_LONGEST_WAIT: Final = 60.0
_GIVE_UP: Final = 2 * 86_400.0
_HOPS: Final = 30
"""Received headers after which a message is in a loop."""

Deliver = Callable[[Recipient, bytes, uuid.UUID, bool], None]
"""Puts a message into a mailbox: the owner, the MIME, the delivery's key, and whether to look for that key first."""


class Transport:
    """Carries the mail of one organisation."""

    def __init__(
        self,
        queue: Queue,
        directory: Directory,
        *,
        host_name: str,
        accepted_domains: tuple[str, ...],
        connectors: dict[str, str],
        retry_seconds: float,
        deliver: Deliver,
    ) -> None:
        self._queue = queue
        self._directory = directory
        self._host = host_name
        self._domains = tuple(each.lower() for each in accepted_domains)
        self._accepted = frozenset(self._domains)
        self._connectors = {space.lower(): where for space, where in connectors.items()}
        self._retry = retry_seconds
        self._deliver = deliver
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake = asyncio.Event()
        # Certificates of the next server are taken as they come: SMTP's TLS is opportunistic (RFC 7435).
        self._tls = ssl.create_default_context()
        self._tls.check_hostname = False
        self._tls.verify_mode = ssl.CERT_NONE

    @property
    def accepted(self) -> frozenset[str]:
        """The domains whose mail is this organisation's own."""
        return self._accepted

    def waiting(self) -> int:
        """How many deliveries are in the queue."""
        return self._queue.waiting()

    def submit(self, sender: str, addresses: list[str], content: bytes) -> uuid.UUID:
        """Accepts a message from any thread; when this returns, it will be delivered or reported.

        ``addresses`` are SMTP addresses or legacyExchangeDNs, which are encapsulated until they are routed: nobody is
        asked anything here, so that a message can be accepted while a mailbox is locked.
        """
        message = self._queue.put(sender, [self._as_smtp(address) for address in addresses], content)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._wake.set)
        return message

    async def run(self) -> None:
        """Works for ever; cancel it to stop. Interrupted deliveries are taken up again at the next start."""
        self._loop = asyncio.get_running_loop()
        busy: dict[int, asyncio.Task[None]] = {}
        while True:
            self._wake.clear()
            for delivery in await asyncio.to_thread(self._queue.due, _AT_ONCE * 2):
                if len(busy) < _AT_ONCE and delivery.id not in busy:
                    task = busy[delivery.id] = asyncio.create_task(self._carry_out(delivery))
                    task.add_done_callback(partial(self._finished, busy, delivery.id))
            due = await asyncio.to_thread(self._queue.next_due)
            pause = 3600.0 if due is None else max(due - time.time(), 0.0)
            if busy:  # whatever is due now is being worked on, or waits for a free hand
                pause = 3600.0
            try:
                async with asyncio.timeout(pause):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def _finished(self, busy: dict[int, asyncio.Task[None]], delivery: int, _: asyncio.Task[None]) -> None:
        del busy[delivery]
        self._wake.set()

    async def _carry_out(self, delivery: Delivery) -> None:
        try:
            await self._attempt(delivery)
        except (DirectoryError, OSError, aiosmtplib.SMTPException) as error:
            await self._failed(delivery, error)
        except Exception as error:  # a defect must not stop the mail of others
            _log.exception("delivery failed", address=delivery.address, message=str(delivery.message))
            await self._failed(delivery, error)

    async def _attempt(self, delivery: Delivery) -> None:
        content = await asyncio.to_thread(self._queue.content, delivery.message)
        if _hops(content) > _HOPS:
            await self._report(delivery, "5.4.14", "Hop count exceeded - possible mail loop", content)
            return
        decision = await asyncio.to_thread(route, self._directory, self._accepted, self._connectors, delivery.address)
        await asyncio.to_thread(self._queue.begin, delivery)
        match decision:
            case ToMailbox(recipient):
                await asyncio.to_thread(self._into_mailbox, delivery, recipient, content)
                _log.info("mail delivered", address=delivery.address, mailbox=str(recipient.mailbox))
            case Several(addresses):
                await asyncio.to_thread(self._queue.replace, delivery, addresses)
                _log.info("group expanded", address=delivery.address, members=len(addresses))
            case Onward(address, host, port):
                client = aiosmtplib.SMTP(
                    hostname=host, port=port, local_hostname=self._host, tls_context=self._tls, timeout=30
                )
                async with client:
                    await client.sendmail(delivery.sender, [address], content)
                await asyncio.to_thread(self._queue.done, delivery)
                _log.info("mail sent on", address=delivery.address, to=address, host=f"{host}:{port}")
            case Undeliverable(status, text):
                await self._report(delivery, status, text, content)

    def _into_mailbox(self, delivery: Delivery, recipient: Recipient, content: bytes) -> None:
        place = recipient.mailbox or recipient.guid  # a public folder has no mailbox of its own
        if not self._queue.has(delivery.message, place):
            # The same key at every attempt: one that took effect before a crash is recognised by it.
            key = uuid.uuid5(delivery.message, str(place))
            with PROCESSOR.computing():
                self._deliver(recipient, content, key, delivery.attempts > 0)
        self._queue.done(delivery, place)

    async def _failed(self, delivery: Delivery, error: Exception) -> None:
        reason = f"{type(error).__name__}: {error}"
        permanent = (
            next((each for each in error.recipients if each.code >= 500), None)
            if isinstance(error, aiosmtplib.SMTPRecipientsRefused)
            else error
            if isinstance(error, aiosmtplib.SMTPResponseException) and error.code >= 500
            else None
        )
        if permanent is not None or time.time() - delivery.accepted > _GIVE_UP:
            content = await asyncio.to_thread(self._queue.content, delivery.message)
            status, text = ("5.0.0", permanent.message) if permanent is not None else ("4.4.7", reason)
            await self._report(delivery, status, text, content)
            return
        wait = min(self._retry * 2**delivery.attempts, _LONGEST_WAIT)
        await asyncio.to_thread(self._queue.postpone, delivery, wait, reason)
        _log.warning("mail waits", address=delivery.address, seconds=wait, reason=reason)

    async def _report(self, delivery: Delivery, status: str, text: str, content: bytes) -> None:
        _log.warning("mail undeliverable", address=delivery.address, sender=delivery.sender, status=status, reason=text)
        if delivery.sender and not is_report(content):
            report = non_delivery(
                host=self._host,
                in_domain=self._domains[0],
                sender=delivery.sender,
                recipient=delivery.address,
                status=status,
                text=text,
                original=content,
            )
            await asyncio.to_thread(self.submit, "", [delivery.sender], report)
        await asyncio.to_thread(self._queue.done, delivery)

    def _as_smtp(self, address: str) -> str:
        return encapsulate(address, self._domains[0]) if address.startswith("/") else smtp(address)


def _hops(content: bytes) -> int:
    return len(email.parser.BytesHeaderParser().parsebytes(content[: 1 << 18]).get_all("Received", []))
