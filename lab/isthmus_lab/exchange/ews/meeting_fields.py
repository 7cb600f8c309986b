"""Fields of meeting messages: what they ask, what came of them ([MS-OXWSMTGS] 2.2.4)."""

from __future__ import annotations

from typing import Final

from isthmus_lab.mapi import tags
from isthmus_lab.store import Mailbox

from ..scheduling import calendar as calendars
from ..scheduling.calendar import Entry
from ..scheduling.states import MeetingType, Response, is_request, is_response
from .calendar import RESPONSE
from .fields import View, computed, simple
from .ids import ObjectId, item_change_key
from .names import Element, t
from .values import BOOLEAN, TIME

_TYPES: Final[dict[int, str]] = {
    MeetingType.NEW: "NewMeetingRequest",
    MeetingType.FULL_UPDATE: "FullUpdate",
    MeetingType.INFORMATIONAL: "InformationalUpdate",
    MeetingType.OUTDATED: "Outdated",
    MeetingType.PRINCIPAL_COPY: "PrincipalWantsCopy",
}
_ANSWERS: Final = {"pos": Response.ACCEPTED, "tent": Response.TENTATIVE, "neg": Response.DECLINED}


def _entry(view: View) -> tuple[Mailbox, Entry] | None:
    mailbox = None if view.calendar is None else view.calendar(view.bag)
    entry = None if mailbox is None else calendars.find(mailbox, view.bag)
    return None if mailbox is None or entry is None else (mailbox, entry)


def _associated(view: View) -> Element | None:
    """The calendar item that the message is about: the owner's, or of whom they represent."""
    found = _entry(view)
    if found is None:
        return None
    mailbox, entry = found
    own = ObjectId(mailbox.guid, entry.row.id, occurrence=entry.occurrence)
    return t("AssociatedCalendarItemId", Id=str(own), ChangeKey=item_change_key(entry.row))


def _out_of_date(view: View) -> str:
    found = _entry(view) if is_request(view.bag) else None
    return BOOLEAN.show(found is not None and calendars.is_older(view.bag, found[1].shown))


def _response_type(view: View) -> str:
    """Of an answer what it answers; of a request what the calendar says was answered; of a cancellation nothing."""
    if is_response(view.bag):
        kind = str(view.value(tags.PidTagMessageClass)).lower().rpartition(".")[2]
        return RESPONSE.show(_ANSWERS.get(kind, Response.NONE))
    found = _entry(view) if is_request(view.bag) else None
    return RESPONSE.show(Response.NONE if found is None else found[1].shown.get(tags.PidLidResponseStatus, 0))


def _request_type(view: View) -> str:
    return _TYPES.get(view.value(tags.PidLidMeetingType) or 0, "None")


def _proposed(key: tags.PropertyKey, view: View) -> str | None:
    value = view.value(key)
    return TIME.show(value) if value else None


FIELDS: Final = (
    computed("meeting:AssociatedCalendarItemId", _associated, heavy=True),
    simple("meeting:IsDelegated", tags.PidTagDelegatedByRule, BOOLEAN, default=False, read_only=True),
    computed("meeting:IsOutOfDate", _out_of_date, heavy=True),
    simple("meeting:HasBeenProcessed", tags.PidTagProcessed, BOOLEAN, default=False, read_only=True),
    computed("meeting:ResponseType", _response_type, heavy=True),
    computed("meeting:IsOrganizer", lambda view: BOOLEAN.show(is_response(view.bag)), heavy=True),
    computed("meeting:ProposedStart", lambda view: _proposed(tags.PidLidAppointmentProposedStartWhole, view)),
    computed("meeting:ProposedEnd", lambda view: _proposed(tags.PidLidAppointmentProposedEndWhole, view)),
    computed("meetingRequest:MeetingRequestType", _request_type),
)
