"""Streaming notifications: one request whose answer goes on for minutes ([MS-OXWSNTIF] 3.1.4.4).

The answer is one SOAP envelope after the other. Exchange writes the notifications in the namespace of messages though
the schema has them in that of types; both are understood.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass

import aiohttp

from . import soap
from .errors import TransientError
from .names import M
from .soap import Element

MOST = 200
"""Subscriptions that may share a connection."""
_MINUTES = 29
"""How long a connection may last; servers allow 30."""
_SILENCE_SECONDS = 150.0
"""Servers send a sign of life every 45 s or so; a connection without any is dead."""
_LARGEST = 16 * 1024 * 1024
_END = re.compile(rb"</(?:[A-Za-z_][\w.-]*:)?Envelope\s*>")


@dataclass(frozen=True)
class Told:
    """What came: the subscriptions whose mailboxes changed; none is a sign of life, the first one says that the
    connection stands."""

    changed: frozenset[str] = frozenset()


class SubscriptionsLost(Exception):  # noqa: N818 - it is an answer
    """The server does not know these subscriptions any more; changes may have been missed."""

    def __init__(self, ids: Sequence[str]) -> None:
        super().__init__(f"{len(ids)} subscriptions are lost")
        self.ids = frozenset(ids)


def request(ids: Sequence[str]) -> bytes:
    """The body that asks for the events of these subscriptions."""
    inside = "".join(f"<t:SubscriptionId>{soap.text(each)}</t:SubscriptionId>" for each in ids)
    return (
        f"<m:GetStreamingEvents><m:SubscriptionIds>{inside}</m:SubscriptionIds>"
        f"<m:ConnectionTimeout>{_MINUTES}</m:ConnectionTimeout></m:GetStreamingEvents>"
    ).encode()


async def told(pieces: AsyncIterator[bytes]) -> AsyncIterator[Told]:
    """What the server tells in an answer's pieces, until it closes the connection as agreed or because a newer one has
    its subscriptions.

    Raises SubscriptionsLost, EwsError, TransientError, ValueError for what is no EWS answer, and aiohttp's errors.
    """
    rest = b""
    async for piece in pieces:
        rest += piece
        while end := _END.search(rest):
            envelope, rest = rest[: end.end()], rest[end.end() :].lstrip()
            for message in soap.response_messages(soap.parse(envelope)):
                if message.findtext(f"{M}ConnectionStatus") == "Closed" or _taken_over(message):
                    return
                yield _understood(message)
        if len(rest) > _LARGEST:
            raise ValueError("the server's answer does not end")
    raise TransientError("the server closed the connection of notifications")


def timeout() -> aiohttp.ClientTimeout:
    """For a connection that is silent most of the time."""
    return aiohttp.ClientTimeout(total=None, sock_read=_SILENCE_SECONDS)


def _taken_over(message: Element) -> bool:
    error = soap.check(message)
    return error is not None and error.code == "ErrorNewEventStreamConnectionOpened"


def _understood(message: Element) -> Told:
    error = soap.check(message)
    if error is not None:
        lost = [each.text or "" for each in _named(message, "ErrorSubscriptionIds", "SubscriptionId")]
        if lost and error.code in ("ErrorSubscriptionNotFound", "ErrorInvalidSubscription", "ErrorExpiredSubscription"):
            raise SubscriptionsLost(lost)
        raise error
    return Told(frozenset(each.text or "" for each in _named(message, "Notification", "SubscriptionId")))


def _named(message: Element, parent: str, name: str) -> Iterator[Element]:
    """Elements of a name inside those of another, in whichever namespace."""
    for above in message.iter(f"{{*}}{parent}"):
        yield from above.iterfind(f"{{*}}{name}")
