"""GetUserAvailability: who is busy when, and when a meeting would suit ([MS-OXWSAVAIL] 3.1.4.1)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta

from isthmus_lab.mapi.bag import from_filetime

from ...directory import Recipient
from ...scheduling import freebusy
from ...scheduling.freebusy import Attendee, Suggestion, WorkingHours
from .. import elsewhere, simple_zones
from ..availability import Asked, members, shown_of, view_of, window
from ..calendar import FREE_BUSY
from ..call import Call, as_ews_error, operation
from ..errors import EwsError
from ..fields import array
from ..names import Element, child, flag, m, t, text
from ..soap import Answer

_MOST_MAILBOXES = 100


@operation
def get_user_availability_request(call: Call) -> Answer:
    """A view for each mailbox, suggestions for all of them together."""
    people = call.children("MailboxDataArray")
    if not people:
        raise EwsError("ErrorMailboxDataArrayEmpty", "MailboxDataArray is empty.")
    if len(people) > _MOST_MAILBOXES:
        raise EwsError("ErrorMailboxDataArrayTooBig", f"More than {_MOST_MAILBOXES} mailboxes.")
    views, suggested = child(call.element, "FreeBusyViewOptions"), child(call.element, "SuggestionsViewOptions")
    if views is None and suggested is None:
        raise EwsError("ErrorInvalidRequest", "Neither free and busy times nor suggestions are asked for.")
    answer = m("GetUserAvailabilityResponse")
    if views is not None:
        asked = Asked.parse(views, child(call.element, "TimeZone"))
        answer.append(m("FreeBusyResponseArray"))
        answer[0].extend(_view(call, each, asked) for each in people)
    if suggested is not None:
        answer.append(_suggestions(call, people, suggested))
    return answer


def _view(call: Call, node: Element, asked: Asked) -> Element:
    response = m("FreeBusyResponse")
    try:
        address = _address(node)
        found = call.services.directory.by_address(address)
        space = elsewhere.space_of(call, found, address)
        if space is not None:
            response.extend(elsewhere.ask(call, *space))
            return response
        view = view_of(call, _person(call, node), asked)
    except Exception as error:
        response.append(_failed(as_ews_error(error)))
        response.append(m("FreeBusyView", t("FreeBusyViewType", "None")))
        return response
    response.append(m("ResponseMessage", m("ResponseCode", "NoError"), ResponseClass="Success"))
    response.append(view)
    return response


def _failed(error: EwsError) -> Element:
    node = m("ResponseMessage", m("MessageText", error.message), ResponseClass="Error")
    node.append(m("ResponseCode", error.code))
    node.append(m("DescriptiveLinkKey", "0"))
    return node


def _person(call: Call, node: Element) -> Recipient:
    """Raises EwsError for whom this organisation cannot answer."""
    address = _address(node)
    found = call.services.directory.by_address(address)
    if found is None:
        raise EwsError("ErrorMailRecipientNotFound", f"Unable to resolve e-mail address {address} to a recipient.")
    if not found.is_group and found.mailbox is None:
        raise EwsError(
            "ErrorAvailabilityConfigNotFound",
            f"Configuration information for the organization of {found.target_address or address} could not be found.",
        )
    return found


def _address(node: Element) -> str:
    email = child(node, "Email")
    return "" if email is None else text(email, "Address") or ""


# --- suggestions ----------------------------------------------------------------------------------------------------


def _suggestions(call: Call, people: list[Element], options: Element) -> Element:
    answer = m("SuggestionsResponse")
    try:
        days = m("SuggestionDayResultArray")
        days.extend(_days(call, people, options))
    except Exception as error:
        answer.append(_failed(as_ews_error(error)))
        return answer
    answer.append(m("ResponseMessage", m("ResponseCode", "NoError"), ResponseClass="Success"))
    answer.append(days)
    return answer


def _days(call: Call, people: list[Element], options: Element) -> Iterator[Element]:
    zone = simple_zones.read(child(call.element, "TimeZone"))
    begin, end = window(child(options, "DetailedSuggestionsWindow"), zone)
    wish = freebusy.Wish(
        minutes=int(text(options, "MeetingDurationInMinutes") or 60),
        good_threshold=int(text(options, "GoodThreshold") or 25),
        most_by_day=int(text(options, "MaximumResultsByDay") or 10),
        most_outside=int(text(options, "MaximumNonWorkHourResultsByDay") or 0),
        worst=text(options, "MinimumSuggestionQuality") or "Fair",
    )
    attendees = [_attendee(call, each, begin, end) for each in people]
    midnight = datetime.combine(from_filetime(begin).astimezone(zone).date(), time(), zone)
    last = from_filetime(end)
    while midnight < last:
        found = freebusy.suggestions(attendees, midnight, wish, WorkingHours())
        best = min((freebusy.QUALITIES.index(each.quality) for each in found), default=len(freebusy.QUALITIES) - 1)
        node = t("SuggestionDayResult", t("Date", simple_zones.local(midnight, zone)))
        node.append(t("DayQuality", freebusy.QUALITIES[best]))
        node.append(array("SuggestionArray", [_suggestion(each) for each in found]))
        yield node
        midnight = datetime.combine((midnight + timedelta(days=1)).date(), time(), zone)


def _attendee(call: Call, node: Element, begin: int, end: int) -> Attendee:
    must = flag(text(node, "ExcludeConflicts"))
    try:
        person = _person(call, node)
        busy = []
        for each in members(call, person) if person.is_group else [person]:
            mailbox = call.services.mailbox(each)
            shown_of(call, mailbox)
            busy += freebusy.events(mailbox, begin, end)
    except EwsError:
        return Attendee(None, must)
    return Attendee(busy, must)


def _suggestion(found: Suggestion) -> Element:
    node = t("Suggestion", t("MeetingTime", found.when.strftime("%Y-%m-%dT%H:%M:%S")))
    node.append(t("IsWorkTime", "true" if found.in_hours else "false"))
    node.append(t("SuggestionQuality", found.quality))
    conflicts = [
        t("IndividualAttendeeConflictData", t("BusyType", FREE_BUSY.show(status)))
        if status != freebusy.NO_DATA
        else t("UnknownAttendeeConflictData")
        for status in found.statuses
    ]
    node.append(array("AttendeeConflictDataArray", conflicts))
    return node
