"""Conversations: the messages of a mailbox that have a topic in common ([MS-OXWSCONV], [MS-OXOCONV])."""

from __future__ import annotations

import binascii
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from isthmus_lab.mapi import tags
from isthmus_lab.store import Compare, Mailbox, Row

from .items import conversation_of
from .names import Element, clean, t
from .values import show_time

_IMPORTANCE = ("Low", "Normal", "High")
_FLAGS = {0: "NotFlagged", 1: "Complete", 2: "Flagged"}


@dataclass(frozen=True)
class Conversation:
    """Messages with one topic; ``rows`` are those of a folder, ``everywhere`` those of the mailbox, newest first."""

    id: bytes
    rows: list[Row]
    everywhere: list[Row]

    @property
    def latest(self) -> int:
        """When it last got a message in the folder."""
        return when(self.rows[0])


def when(row: Row) -> int:
    """The moment by which a message stands in its conversation; a draft by its last change."""
    return row.received or row.sent or row.modified


def conversations(mailbox: Mailbox, rows: Iterable[Row], *, everywhere: bool) -> list[Conversation]:
    """The conversations of a folder's rows, the one that last got a message first.

    Without ``everywhere`` the folder is all that is looked into, for who may not see the rest of the mailbox.
    """
    found: dict[bytes, list[Row]] = {}
    for row in sorted(rows, key=when, reverse=True):
        found.setdefault(conversation_of(row.conversation_topic), []).append(row)
    return [
        Conversation(key, own, _everywhere(mailbox, own[0].conversation_topic) if everywhere else own)
        for key, own in found.items()
    ]


def of_id(mailbox: Mailbox, wanted: bytes) -> list[Row]:
    """All messages of a conversation, newest first."""
    topics = [topic for topic in mailbox.items.topics() if conversation_of(topic) == wanted]
    return _everywhere(mailbox, topics[0]) if topics else []


def _everywhere(mailbox: Mailbox, topic: str) -> list[Row]:
    found = mailbox.items.search(Compare(tags.PidTagConversationTopic, "=", topic), limit=1000)
    return sorted(found, key=when, reverse=True)


def show(found: Conversation, ids: Iterable[Element], all_ids: Iterable[Element]) -> Element:
    """The Conversation element; ``ids`` are the ItemId elements of its rows."""
    node = t("Conversation", t("ConversationId", Id=binascii.b2a_base64(found.id, newline=False).decode()))
    node.append(t("ConversationTopic", clean(found.rows[0].conversation_topic)))
    both = (("", found.rows), ("Global", found.everywhere))
    for name, of in (("UniqueRecipients", _recipients), ("UniqueUnreadSenders", _unread), ("UniqueSenders", _senders)):
        for prefix, rows in both:
            _texts(node, f"{prefix}{name}", of(rows))
    for prefix, rows in both:
        node.append(t(f"{prefix}LastDeliveryTime", show_time(when(rows[0]))))
    for prefix, rows in both:
        _texts(node, f"{prefix}Categories", (each for row in rows for each in row.categories.split("\n") if each))
    for prefix, rows in both:
        node.append(t(f"{prefix}FlagStatus", _FLAGS.get(max(row.flag_status for row in rows), "NotFlagged")))
    for prefix, rows in both:
        node.append(t(f"{prefix}HasAttachments", "true" if any(row.has_attachments for row in rows) else "false"))
    for prefix, rows in both:
        node.append(t(f"{prefix}MessageCount", str(len(rows))))
    for prefix, rows in both:
        node.append(t(f"{prefix}UnreadCount", str(sum(not row.is_read for row in rows))))
    for prefix, rows in both:
        node.append(t(f"{prefix}Size", str(min(sum(row.size for row in rows), 2**31 - 1))))
    for prefix, rows in both:
        listed = t(f"{prefix}ItemClasses")
        listed.extend(t("ItemClass", each) for each in dict.fromkeys(row.item_class for row in rows))
        node.append(listed)
    for prefix, rows in both:
        node.append(t(f"{prefix}Importance", _IMPORTANCE[min(2, max(row.importance for row in rows))]))
    for name, elements in (("ItemIds", ids), ("GlobalItemIds", all_ids)):
        listed = t(name)
        listed.extend(elements)
        node.append(listed)
    node.append(t("LastModifiedTime", show_time(max(row.modified for row in found.rows))))
    return node


def _texts(node: Element, name: str, values: Iterator[str]) -> None:
    found = dict.fromkeys(each for each in values if each)
    if found:
        listed = t(name)
        listed.extend(t("String", clean(each)) for each in found)
        node.append(listed)


def _recipients(rows: list[Row]) -> Iterator[str]:
    return (each.strip() for row in rows for each in row.display_to.split(";"))


def _senders(rows: list[Row]) -> Iterator[str]:
    return (row.sender for row in rows)


def _unread(rows: list[Row]) -> Iterator[str]:
    return (row.sender for row in rows if not row.is_read)
