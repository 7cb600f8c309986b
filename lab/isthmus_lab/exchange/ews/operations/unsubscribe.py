"""Unsubscribe ([MS-OXWSSUBSCR])."""

from __future__ import annotations

from collections.abc import Iterator

from ..call import Call, operation
from ..names import Element, text
from ..soap import Answer


@operation
def unsubscribe(call: Call) -> Answer:
    """Ends a subscription of the caller's."""

    def handle() -> Iterator[Element]:
        subscriptions = call.services.subscriptions
        subscriptions.remove(subscriptions.get(text(call.element, "SubscriptionId") or "", call.logged_on.guid))
        return iter(())

    return call.answer(handle)
