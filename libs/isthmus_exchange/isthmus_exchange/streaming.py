"""Streaming notifications: one request whose answer goes on for minutes ([MS-OXWSNTIF] 3.1.4.4).

The answer is one SOAP envelope after the other. Exchange writes the notifications in the namespace of messages though
the schema has them in that of types; both are understood.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import or_

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
class News:
    """What happened in a mailbox: ids of the folders in which items did something; and whether there was `more`, be it
    that folders themselves changed, or that something may have been missed."""

    folders: frozenset[str] = frozenset()
    more: bool = False

    def __or__(self, later: News) -> News:
        return News(self.folders | later.folders, self.more or later.more)


UNKNOWN = News(more=True)


@dataclass(frozen=True)
class Told:
    """What came, by subscription; nothing is a sign of life, the first one says that the connection stands."""

    news: Mapping[str, News] = field(default_factory=dict)


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
    news: dict[str, News] = {}
    for notification in message.iter("{*}Notification"):
        subscription = notification.findtext("{*}SubscriptionId") or ""
        events = [_happened(each) for each in notification if str(each.tag).endswith("Event")]
        news[subscription] = reduce(or_, events or [UNKNOWN], news.get(subscription, News()))
    return Told(news)


def _happened(event: Element) -> News:
    """[MS-OXWSNTIF] 2.2.4: an event is about an item or about a folder; one that tells a folder's UnreadCount is about
    the items in it.
    """
    if event.find("{*}ItemId") is not None:
        places = ["{*}ParentFolderId", "{*}OldParentFolderId"]
    elif event.find("{*}UnreadCount") is not None:
        places = ["{*}FolderId"]
    else:
        return UNKNOWN
    return News(frozenset(found.get("Id", "") for place in places if (found := event.find(place)) is not None))


def _named(message: Element, parent: str, name: str) -> Iterator[Element]:
    """Elements of a name inside those of another, in whichever namespace."""
    for above in message.iter(f"{{*}}{parent}"):
        yield from above.iterfind(f"{{*}}{name}")
