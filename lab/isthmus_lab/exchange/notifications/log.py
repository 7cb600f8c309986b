"""What happened in a mailbox since somebody first subscribed to it, in the order of the commits."""

from __future__ import annotations

import base64
import struct
import uuid
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, NamedTuple

from isthmus_lab.store import Event, EventKind, Mailbox

from ..ews.errors import EwsError

_KEPT: Final = 20_000
_WATERMARK: Final = struct.Struct("<16sQ")
_PROCESS: Final = uuid.uuid4().bytes
FREE_BUSY: Final = "FreeBusyChangedEvent"


class Told(NamedTuple):
    """An event as clients are told it: its number, its element's name, and what happened to what."""

    number: int
    name: str
    event: Event


class Log:
    """The events of one mailbox. Not for several threads at once."""

    def __init__(self, mailbox: Mailbox) -> None:
        role = mailbox.folders.role
        self._calendar = role("calendar").id
        dumpster = role("recoverableitemsroot").id
        self._dumpster = {dumpster, *(folder.id for folder in mailbox.folders.children(dumpster, deep=True))}
        self._events: deque[Told] = deque(maxlen=_KEPT)
        self.last = 0

    def add(self, events: Iterable[Event]) -> None:
        """Adds the events of a commit as clients see them."""
        for event in events:
            shown = self._shown(event)
            if shown is None:
                continue
            self._append(shown.kind.value, shown)
            if shown.item_id and self._calendar in (shown.parent_id, shown.old_parent_id):
                self._append(FREE_BUSY, shown)

    def since(self, number: int) -> Iterator[Told]:
        """What came after that number. EwsError ErrorMissedNotificationEvents when not all of it is kept."""
        behind = self.last - number
        if behind > len(self._events):
            raise EwsError("ErrorMissedNotificationEvents", "Events since then are no longer kept.")
        return islice(self._events, len(self._events) - behind, None)

    def _append(self, name: str, event: Event) -> None:
        self.last += 1
        self._events.append(Told(self.last, name, event))

    def _shown(self, event: Event) -> Event | None:
        """What goes into the recoverable items is deleted for everybody; what happens there is not told."""
        if event.folder_id not in self._dumpster and event.parent_id not in self._dumpster:
            return event
        if event.kind is not EventKind.MOVED or event.old_parent_id in self._dumpster or event.old_parent_id is None:
            return None
        before = event.old_parent_id
        return event._replace(
            kind=EventKind.DELETED,
            folder_id=event.folder_id if event.item_id is None else before,
            parent_id=before,
            item_id=event.old_item_id,
            old_item_id=None,
            old_parent_id=None,
        )


def watermark(number: int) -> str:
    """The place behind an event, for clients."""
    return base64.b64encode(_WATERMARK.pack(_PROCESS, number)).decode()


def read_watermark(written: str, last: int) -> int:
    """The number in a watermark of this process. Raises EwsError ErrorInvalidWatermark."""
    try:
        process, number = _WATERMARK.unpack(base64.b64decode(written, validate=True))
    except (ValueError, struct.error):
        raise EwsError("ErrorInvalidWatermark", "The watermark is invalid.") from None
    if process != _PROCESS or number > last:
        raise EwsError("ErrorInvalidWatermark", "The watermark is invalid.")
    return int(number)
