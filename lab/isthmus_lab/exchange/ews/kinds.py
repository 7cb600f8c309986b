"""The kinds of item that EWS knows: which element shows an item of a class, and which fields that element has."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import Final

from isthmus_lab import schema


@dataclass(frozen=True)
class Kind:
    """``element`` and ``type`` are names of the schema, ``prefixes`` those of its field URIs, most special first.

    ``number`` is the object type at the beginning of a ChangeKey; ``creates`` the class of an item made from it.
    """

    element: str
    type: str
    prefixes: tuple[str, ...]
    number: int
    creates: str

    @cached_property
    def order(self) -> tuple[str, ...]:
        """The element names of the type, as the schema orders them."""
        return schema.order(self.type)


_MEETING: Final = ("meeting", "calendar", "message", "item")

MESSAGE: Final = Kind("Message", "MessageType", ("message", "item"), 9, "IPM.Note")
ITEM: Final = Kind("Item", "ItemType", ("item",), 9, "IPM.Note")
CALENDAR: Final = Kind("CalendarItem", "CalendarItemType", ("calendar", "item"), 15, "IPM.Appointment")
CONTACT: Final = Kind("Contact", "ContactItemType", ("contacts", "item"), 17, "IPM.Contact")
DISTRIBUTION_LIST: Final = Kind(
    "DistributionList", "DistributionListType", ("distributionlist", "contacts", "item"), 18, "IPM.DistList"
)
TASK: Final = Kind("Task", "TaskType", ("task", "item"), 19, "IPM.Task")
POST: Final = Kind("PostItem", "PostItemType", ("postitem", "message", "item"), 21, "IPM.Post")
REQUEST: Final = Kind(
    "MeetingRequest",
    "MeetingRequestMessageType",
    ("meetingRequest", *_MEETING),
    11,
    "IPM.Schedule.Meeting.Request",
)
RESPONSE: Final = Kind("MeetingResponse", "MeetingResponseMessageType", _MEETING, 12, "IPM.Schedule.Meeting.Resp.Pos")
CANCELLATION: Final = Kind(
    "MeetingCancellation", "MeetingCancellationMessageType", _MEETING, 13, "IPM.Schedule.Meeting.Canceled"
)

# The longest class prefix decides; everything else is shown as a message, as Exchange 2010 and later do.
_BY_CLASS: Final = {
    "ipm.appointment": CALENDAR,
    "ipm.contact": CONTACT,
    "ipm.distlist": DISTRIBUTION_LIST,
    "ipm.task": TASK,
    "ipm.post": POST,
    "ipm.schedule.meeting.request": REQUEST,
    "ipm.schedule.meeting.resp": RESPONSE,
    "ipm.schedule.meeting.canceled": CANCELLATION,
}
BY_ELEMENT: Final = {kind.element: kind for kind in (*_BY_CLASS.values(), MESSAGE, ITEM)}


@cache
def kind_of(item_class: str) -> Kind:
    """The kind of an item of this message class."""
    name = item_class.lower()
    while name:
        if name in _BY_CLASS:
            return _BY_CLASS[name]
        name = name.rpartition(".")[0]
    return MESSAGE
