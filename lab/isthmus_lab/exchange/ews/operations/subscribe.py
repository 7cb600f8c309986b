"""Subscribe: pull, push, streaming ([MS-OXWNTIF], [MS-OXWSSUBSCR])."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from isthmus_lab.store import Rights

from ...notifications.subscriptions import Subscription
from ..call import Call, not_public, operation
from ..errors import EwsError
from ..names import Element, child, elements, flag, m, text
from ..soap import Answer

_KINDS: Final = {
    "PullSubscriptionRequest": ("pull", "Timeout"),
    "PushSubscriptionRequest": ("push", "StatusFrequency"),
    "StreamingSubscriptionRequest": ("streaming", None),
}
_STREAMING_MINUTES: Final = 30
"""For which a streaming subscription lives without a connection."""


@operation
def subscribe(call: Call) -> Answer:
    """A subscription to folders of one mailbox or to all of them."""

    def handle() -> Iterator[Element]:
        for name, (kind, minutes) in _KINDS.items():
            request = child(call.element, name)
            if request is not None:
                lives = int(text(request, minutes) or 0) if minutes else _STREAMING_MINUTES
                yield from _subscribe(call, request, kind, lives)

    return call.answer(handle)


def _subscribe(call: Call, request: Element, kind: str, minutes: int) -> Iterator[Element]:
    named = elements(child(request, "FolderIds"))
    everywhere = flag(request.get("SubscribeToAllFolders"))
    if everywhere == bool(named):
        raise EwsError("ErrorInvalidSubscriptionRequest", "Either FolderIds or SubscribeToAllFolders is needed.")
    found = [call.folder(each, Rights.READ_ANY) for each in named]
    mailbox = found[0][0] if found else call.mailbox()
    if any(each is not mailbox for each, _ in found):
        raise EwsError("ErrorInvalidSubscriptionRequest", "The folders are in different mailboxes.")
    not_public(mailbox)
    url = text(request, "URL") or ""
    if kind == "push" and urlsplit(url).scheme not in ("http", "https"):
        raise EwsError("ErrorInvalidPushSubscriptionUrl", "The URL of the push subscription is invalid.")
    subscription = Subscription(
        kind,
        call.logged_on.guid,
        mailbox.guid,
        None if everywhere else frozenset(folder.id for _, folder in found),
        frozenset(each.text or "" for each in elements(child(request, "EventTypes"))),
        minutes,
        url,
    )
    place = call.services.subscriptions.add(subscription, mailbox, text(request, "Watermark"))
    if kind == "push":
        call.services.push(subscription)
    yield m("SubscriptionId", subscription.id)
    if kind != "streaming":
        yield m("Watermark", place)
