"""GetEvents: what a pull subscription is told ([MS-OXWNTIF])."""

from __future__ import annotations

from collections.abc import Iterator

from ...notifications.writing import pulled
from ..call import Call, operation
from ..errors import EwsError
from ..names import Element, text
from ..soap import Answer


@operation
def get_events(call: Call) -> Answer:
    """The events behind a watermark; asking keeps the subscription alive."""

    def handle() -> Iterator[Element]:
        subscriptions = call.services.subscriptions
        subscription = subscriptions.get(text(call.element, "SubscriptionId") or "", call.logged_on.guid)
        if subscription.kind != "pull":
            raise EwsError("ErrorInvalidPullSubscriptionId", "The subscription is not a pull subscription.")
        yield pulled(subscriptions.take(subscription, text(call.element, "Watermark")))

    return call.answer(handle)
