"""The SMTP door of an organisation: takes mail for its own domains and says so once it is safe on disk."""

from __future__ import annotations

import asyncio
import email.utils
import ssl
from collections.abc import Callable
from datetime import UTC, datetime

import structlog
from aiosmtpd.smtp import SMTP, Envelope, Session

from .routing import domain

_log = structlog.get_logger()
_LARGEST = 37_748_736  # bytes; a receive connector's default of 36 MB


class Door:
    """aiosmtpd's handler: decides about recipients, hands the message over."""

    def __init__(self, host: str, accepted: frozenset[str], put: Callable[[str, list[str], bytes], object]) -> None:
        self._host = host
        self._accepted = accepted
        self._put = put

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Takes addresses of the accepted domains; an unknown person in them gets the sender a report later."""
        if domain(address) not in self._accepted:
            return "550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Recipient OK"

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Stamps the message and puts it into the queue; 250 is said only after that."""
        content = envelope.original_content or b""
        greeted = session.host_name or "unknown"
        peer = session.peer[0] if isinstance(session.peer, tuple) else str(session.peer)
        how = "ESMTPS" if session.ssl else "ESMTP"
        stamp = (
            f"Received: from {greeted} ({peer}) by {self._host} with {how};\r\n"
            f" {email.utils.format_datetime(datetime.now(UTC))}\r\n"
        )
        message = await asyncio.to_thread(
            self._put, envelope.mail_from or "", list(envelope.rcpt_tos), stamp.encode("ascii", "replace") + content
        )
        _log.info("mail accepted", sender=envelope.mail_from, recipients=envelope.rcpt_tos, message=str(message))
        return f"250 2.6.0 <{message}> Queued mail for delivery"


async def listen(
    door: Door, host_name: str, address: str, port: int, tls: ssl.SSLContext
) -> asyncio.base_events.Server:
    """Opens the door; the server's sockets say which port it is."""

    def connection() -> SMTP:
        return SMTP(
            door,
            hostname=host_name,
            ident="Microsoft ESMTP MAIL Service ready",
            data_size_limit=_LARGEST,
            enable_SMTPUTF8=True,
            tls_context=tls,
            loop=asyncio.get_running_loop(),
        )

    return await asyncio.get_running_loop().create_server(connection, address, port)
