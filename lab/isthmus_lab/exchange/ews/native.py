"""MimeContent: an item in its native form, iCalendar for a calendar item and MIME for all others ([MS-OXWSCORE])."""

from __future__ import annotations

from isthmus_lab.mapi.bag import Bag
from isthmus_lab.mapi.calendaring import appointment, calendar_of
from isthmus_lab.mapi.mime import bag_from_mime, mime_from_bag

from .kinds import CALENDAR, Kind


def written(kind: Kind, bag: Bag) -> bytes:
    """The item's content."""
    calendar = calendar_of(bag) if kind is CALENDAR else None
    return mime_from_bag(bag) if calendar is None else calendar[1].encode()


def read(kind: Kind, content: bytes) -> Bag:
    """The item of a content. ValueError for what is none."""
    return appointment(content) if kind is CALENDAR else bag_from_mime(content)
