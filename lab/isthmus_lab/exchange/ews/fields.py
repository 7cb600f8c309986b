"""Fields: what a FieldURI names, where its value is in a property bag, and how it is written as an element.

A field is an entry in a table (items.py, people.py, calendar.py, contacts.py, tasks.py). One that is a single property
needs no more than the property's key and how its value is written; the others say how they are shown and stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Final

from isthmus_lab.mapi import tags
from isthmus_lab.mapi.bag import Attachment, Bag, Properties, Value
from isthmus_lab.mapi.tags import PropertyKey, PtypMultiple, property_type
from isthmus_lab.store import Mailbox, Row
from isthmus_lab.store.columns import COMPUTED
from isthmus_lab.store.columns import computed as computed_properties

from .errors import EwsError
from .kinds import Kind, kind_of
from .names import Element, clean, elements, t
from .rights import Access
from .values import Text

# What a row of the store's tables answers without reading the item: the property, and the row's name for it. The value
# of a row that is 0 or empty stands for a property that the item does not have, but for the counts and flags.
ROW: Final[dict[PropertyKey, str]] = {
    tags.PidTagMessageClass: "item_class",
    tags.PidTagSubject: "subject",
    tags.PidTagDisplayTo: "display_to",
    tags.PidTagDisplayCc: "display_cc",
    tags.PidTagMessageDeliveryTime: "received",
    tags.PidTagClientSubmitTime: "sent",
    tags.PidTagCreationTime: "created",
    tags.PidTagLastModificationTime: "modified",
    tags.PidTagMessageSize: "size",
    tags.PidTagMessageFlags: "message_flags",
    tags.PidTagImportance: "importance",
    tags.PidTagSensitivity: "sensitivity",
    tags.PidTagHasAttachments: "has_attachments",
    tags.PidTagSearchKey: "search_key",
    tags.PidTagInternetMessageId: "message_id",
    tags.PidTagInReplyToId: "in_reply_to",
    tags.PidTagConversationIndex: "conversation_index",
    tags.PidTagConversationTopic: "conversation_topic",
    tags.PidTagFlagStatus: "flag_status",
    tags.PidTagDeletedOn: "deleted",
    tags.PidTagAssociated: "associated",
    tags.PidTagSentRepresentingName: "sender",
    tags.PidTagSentRepresentingSmtpAddress: "sender_address",
    tags.PidTagEntryId: "id",
    tags.PidTagParentEntryId: "folder_id",
    tags.PidTagChangeKey: "change_key",
}
_ALWAYS_THERE: Final = frozenset(
    ("size", "message_flags", "importance", "sensitivity", "has_attachments", "associated", "subject")
)
# What every message has, [MS-OXCMSG] 3.2.5.2; a row says so of one that was uploaded without.
_DEFAULTS: Final[dict[PropertyKey, int]] = {tags.PidTagImportance: 1, tags.PidTagSensitivity: 0}
# These are facts about the stored item, not part of what is in it.
_ONLY_ROW: Final = COMPUTED | {tags.PidTagMessageFlags}


@cache
def stored(key: PropertyKey) -> Callable[[Row], Any]:
    """What gives the value of a property in ROW, None for a row that does not have it."""
    name = ROW[key]
    found = attrgetter(name)
    return found if name in _ALWAYS_THERE else lambda row: found(row) or None


class View:
    """An item as a request sees it: its row, and its bag once something needs it. ``row`` is None for an attached item.

    ``smtp_of`` finds the SMTP address of a legacyExchangeDN, ``body`` is the wanted BodyType (Best, HTML, Text);
    ``instead`` has what an occurrence has instead of its series; ``access`` is what the caller may do in the mailbox;
    ``calendar`` finds the mailbox with the calendar that a meeting message is about.
    """

    __slots__ = ("_bag", "_load", "access", "body", "calendar", "id", "instead", "row", "smtp_of")

    def __init__(
        self,
        row: Row | None,
        load: Callable[[], Bag],
        *,
        id: str = "",  # noqa: A002 - the EWS id
        body: str = "Best",
        smtp_of: Callable[[str], str | None] = lambda _: None,
        instead: Mapping[PropertyKey, Any] = MappingProxyType({}),
        access: Access | None = None,
        calendar: Callable[[Bag], Mailbox] | None = None,
    ) -> None:
        self.row = row
        self._load = load
        self._bag: Bag | None = None
        self.id = id
        self.body = body
        self.smtp_of = smtp_of
        self.instead = instead
        self.access = access
        self.calendar = calendar

    @property
    def bag(self) -> Bag:
        """The whole item."""
        if self._bag is None:
            self._bag = self._load()
        return self._bag

    @property
    def kind(self) -> Kind:
        """What element shows it."""
        return kind_of(self.value(tags.PidTagMessageClass) or "")

    def value(self, key: PropertyKey) -> Any:
        """The property's value, None when the item does not have it."""
        if key in self.instead:
            return self.instead[key]
        if self.row is not None and (self._bag is None or key in _ONLY_ROW):
            if key in ROW:
                return stored(key)(self.row)
            if key in COMPUTED:
                return computed_properties(self.row)[key]
        return self.bag.get(key, _DEFAULTS.get(key))


class Draft:
    """An item that is being made or changed: what is set goes to the bag and is noted for the store.

    ``floating`` has times that were given without an offset: a zone that is set later says when they are.
    """

    def __init__(self, bag: Bag, now: Callable[[], int], resolve: Callable[[str], Properties | None]) -> None:
        self.bag = bag
        self.now = now
        self.resolve = resolve
        self.changed: dict[PropertyKey, Value | None] = {}
        self.recipients_changed = False
        self.read: bool | None = None
        self.associated = False
        self.new_attachments: list[Attachment] = []
        self.new_items: list[Element] = []
        self.floating: dict[PropertyKey, datetime] = {}

    def set(self, key: PropertyKey, value: Value | None) -> None:
        """Sets a property, or takes it away with None."""
        self.bag.set({key: value})
        self.changed[key] = value


Build = Callable[[View], Element | str | None]
Store = Callable[[Draft, Element], None]


@dataclass(frozen=True)
class Field:
    """``uri`` is its FieldURI, with ``/index`` for an indexed one; ``element`` its name in an item.

    ``key`` is the property by which it is sorted and restricted. ``store`` None means read-only. ``heavy`` fields are
    given by GetItem only, not by FindItem or SyncFolderItems.
    """

    uri: str
    element: str
    build: Build
    store: Store | None = None
    clear: Callable[[Draft], None] | None = None
    key: PropertyKey | None = None
    text: Text | None = None
    heavy: bool = False

    def show(self, view: View) -> Element | None:
        """The element, or None when the item has no such value."""
        built = self.build(view)
        return t(self.element, built) if isinstance(built, str) else built


def parsed(text: Text, node: Element) -> Any:
    """The value of an element; EwsError ErrorInvalidPropertySet names the element otherwise."""
    try:
        return text.parse(node.text or "")
    except ValueError as error:
        raise EwsError("ErrorInvalidPropertySet", f"{node.tag}: {error}") from None


def simple(
    uri: str, key: PropertyKey, text: Text, *, default: Any = None, read_only: bool = False, element: str | None = None
) -> Field:
    """A field that is one property; ``default`` is shown for items without it."""

    def build(view: View) -> str | None:
        value = view.value(key)
        if value is None:
            value = default
        return None if value is None else text.show(value)

    return Field(
        uri,
        element or uri.partition(":")[2],
        build,
        None if read_only else lambda draft, node: draft.set(key, parsed(text, node)),
        None if read_only else lambda draft: draft.set(key, None),
        key,
        text,
    )


def strings(uri: str, key: PropertyKey) -> Field:
    """A field that is a list of strings: one ``String`` element each."""
    element = uri.partition(":")[2]

    def build(view: View) -> Element | None:
        values = view.value(key)
        return array(element, (t("String", clean(value)) for value in values)) if values else None

    return Field(
        uri,
        element,
        build,
        lambda draft, node: draft.set(key, [each.text or "" for each in elements(node)]),
        lambda draft: draft.set(key, None),
        key,
    )


def computed(
    uri: str, build: Build, *, key: PropertyKey | None = None, text: Text | None = None, heavy: bool = False
) -> Field:
    """A field that is read-only and not a property of its own."""
    return Field(uri, uri.partition(":")[2], build, key=key, text=text, heavy=heavy)


def flag_bit(uri: str, mask: int) -> Field:
    """A bit of PidTagMessageFlags, read-only."""
    return computed(uri, lambda view: "true" if (view.value(tags.PidTagMessageFlags) or 0) & mask else "false")


def array(name: str, children: Iterator[Element] | list[Element]) -> Element:
    """An element with these children."""
    node = t(name)
    node.extend(children)
    return node


def several(key: PropertyKey) -> bool:
    """Whether a property holds a list."""
    return bool(property_type(key) & PtypMultiple)
