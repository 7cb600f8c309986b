"""Notifications as elements.

The published schema has Notification and SubscriptionId of GetStreamingEvents in the namespace of types; Exchange
writes them in that of messages, and its clients look for them there. What goes out is :func:`as_exchange_writes`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from isthmus_lab.store import Event

from ..ews.ids import ObjectId
from ..ews.names import MESSAGES, TYPES, Element, m, t
from ..ews.values import show_time
from .log import Told, watermark
from .subscriptions import Notification


def pulled(notification: Notification) -> Element:
    """For GetEvents and push: with watermarks; without events there is a StatusEvent."""
    node = m("Notification", t("SubscriptionId", notification.subscription.id))
    node.append(t("PreviousWatermark", watermark(notification.previous)))
    node.append(t("MoreEvents", "true" if notification.more else "false"))
    # The last event has the place up to which everything is told: what lies between is not wanted.
    for told in notification.events[:-1]:
        node.append(_event(told, watermark(told.number)))
    for told in notification.events[-1:]:
        node.append(_event(told, watermark(notification.last)))
    if not notification.events:
        node.append(t("StatusEvent", t("Watermark", watermark(notification.last))))
    return node


def streamed(notifications: Iterable[Notification]) -> Iterator[Element]:
    """For GetStreamingEvents: events without watermarks."""
    node = m("Notifications")
    for each in notifications:
        node.append(t("Notification", t("SubscriptionId", each.subscription.id)))
        node[-1].extend(_event(told, None) for told in each.events)
    yield node


def streaming_message(content: Iterable[Element]) -> Element:
    """A part of the answer to GetStreamingEvents."""
    return _answer(content, m("ResponseCode", "NoError"), "Success")


def streaming_error(code: str, message: str, lost: list[str]) -> Element:
    """The part that says which subscriptions cannot be had."""
    node = _answer((), m("MessageText", message), "Error")
    node[0][0].extend((m("ResponseCode", code), m("DescriptiveLinkKey", "0"), m("ErrorSubscriptionIds")))
    node[0][0][-1].extend(t("SubscriptionId", each) for each in lost)
    return node


def as_exchange_writes(answer: Element) -> Element:
    """Moves the elements that Exchange has in another namespace than the schema."""
    for name in ("Notifications", "ErrorSubscriptionIds"):
        for parent in answer.iter(f"{{{MESSAGES}}}{name}"):
            for each in parent:
                each.tag = str(each.tag).replace(TYPES, MESSAGES)
    return answer


def _answer(content: Iterable[Element], first: Element, how: str) -> Element:
    message = m("GetStreamingEventsResponseMessage", first, ResponseClass=how)
    message.extend(content)
    return m("GetStreamingEventsResponse", m("ResponseMessages", message))


def _event(told: Told, place: str | None) -> Element:
    event = told.event
    node = t(told.name)
    if place is not None:
        node.append(t("Watermark", place))
    node.append(t("TimeStamp", show_time(event.time)))
    _ids(node, event, "", event.item_id, event.folder_id, event.parent_id)
    if event.old_parent_id is not None and told.name in ("MovedEvent", "CopiedEvent"):
        _ids(node, event, "Old", event.old_item_id, event.folder_id, event.old_parent_id)
    if event.unread is not None:
        node.append(t("UnreadCount", str(event.unread)))
    return node


def _ids(node: Element, event: Event, old: str, item: bytes | None, folder: bytes, parent: bytes) -> None:
    named, entry = ("FolderId", folder) if item is None else ("ItemId", item)
    node.append(t(f"{old}{named}", Id=str(ObjectId(event.mailbox, entry))))
    node.append(t(f"{old}ParentFolderId", Id=str(ObjectId(event.mailbox, parent))))
