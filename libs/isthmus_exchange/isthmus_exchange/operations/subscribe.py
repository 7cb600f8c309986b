"""Subscribe to streaming notifications ([MS-OXWSNTIF] 3.1.4.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..names import M
from ..soap import Element
from .operation import Operation, only

_EVENTS = ("NewMailEvent", "CreatedEvent", "DeletedEvent", "ModifiedEvent", "MovedEvent", "CopiedEvent")


@dataclass(frozen=True)
class SubscribeToAll(Operation[str]):
    """Be told of every change in any folder of the mailbox. Answers the id of the subscription.

    It changes nothing in the mailbox; one whose answer was lost ends by itself after half an hour.
    """

    name = "Subscribe"

    def body(self, _newer: bool, /) -> str:
        events = "".join(f"<t:EventType>{event}</t:EventType>" for event in _EVENTS)
        return (
            '<m:Subscribe><m:StreamingSubscriptionRequest SubscribeToAllFolders="true">'
            f"<t:EventTypes>{events}</t:EventTypes></m:StreamingSubscriptionRequest></m:Subscribe>"
        )

    def answer(self, messages: Sequence[Element], /) -> str:
        found = only(messages).findtext(f"{M}SubscriptionId")
        if not found:
            raise ValueError("the server's answer lacks a SubscriptionId")
        return found
