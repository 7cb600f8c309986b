"""Fields of calendar items and meeting messages ([MS-OXWSMTGS], [MS-OXOCAL])."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from isthmus_lab.mapi import globalid, occurrences, tags, zones
from isthmus_lab.mapi.bag import from_filetime

from . import recurrence
from .errors import EwsError
from .fields import Build, Draft, Field, View, computed, parsed, simple
from .mailboxes import FROM, attendees, person
from .names import Element, t
from .values import BOOLEAN, INTEGER, REQUEST_ZONE, TEXT, TIME, choice, floats

FREE_BUSY: Final = choice({0: "Free", 1: "Tentative", 2: "Busy", 3: "OOF", 4: "WorkingElsewhere"}, 2)
RESPONSE: Final = choice(
    {0: "Unknown", 1: "Organizer", 2: "Tentative", 3: "Accept", 4: "Decline", 5: "NoResponseReceived"}
)
_REMINDER: Final = 15
"""Minutes before the start, where nobody says how many."""
_MEETING, _RECEIVED, _CANCELLED = 1, 2, 4  # PidLidAppointmentStateFlags


def _uid(view: View) -> str | None:
    raw = view.value(tags.PidLidGlobalObjectId) or view.value(tags.PidLidCleanGlobalObjectId)
    return globalid.uid_of(raw) if raw else None


def _set_uid(draft: Draft, node: Element) -> None:
    if node.text:
        draft.set(tags.PidLidGlobalObjectId, globalid.of_uid(node.text))
        draft.set(tags.PidLidCleanGlobalObjectId, globalid.of_uid(node.text))


def _recurrence_id(view: View) -> str | None:
    original = view.value(tags.PidLidExceptionReplaceTime)
    return TIME.show(original) if original else None


# --- state --------------------------------------------------------------------------------------------------------


def _state(mask: int) -> Build:
    return lambda view: "true" if (view.value(tags.PidLidAppointmentStateFlags) or 0) & mask else "false"


def _type(view: View) -> str:
    if view.value(tags.PidLidIsException):
        return "Exception"
    if view.instead:
        return "Occurrence"
    return "RecurringMaster" if view.value(tags.PidLidRecurring) else "Single"


def _duration(view: View) -> str | None:
    start, end = view.value(tags.PidLidAppointmentStartWhole), view.value(tags.PidLidAppointmentEndWhole)
    return None if start is None or end is None else iso_duration(from_filetime(end) - from_filetime(start))


def iso_duration(length: timedelta) -> str:
    """An xs:duration as Exchange writes it: ``PT1H30M``, ``P1D``."""
    minutes = max(0, int(length.total_seconds() // 60))
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    clock = (f"{hours}H" if hours else "") + (f"{minutes}M" if minutes else "")
    if not days and not clock:
        return "PT0S"
    return "P" + (f"{days}D" if days else "") + (f"T{clock}" if clock else "")


def _organizer_or_me(view: View) -> str:
    status = view.value(tags.PidLidResponseStatus)
    state = view.value(tags.PidLidAppointmentStateFlags) or 0
    if status is None:
        status = 1 if not state & _RECEIVED else 5
    return RESPONSE.show(status)


def _my_response(view: View) -> str:
    state = view.value(tags.PidLidAppointmentStateFlags) or 0
    return _organizer_or_me(view) if state & _MEETING else "Organizer" if view.row is not None else "Unknown"


# --- time ---------------------------------------------------------------------------------------------------------


def _set_time(draft: Draft, key: tags.NamedProperty, also: tags.PropertyKey, node: Element) -> None:
    value = parsed(TIME, node)
    draft.set(key, value)
    draft.set(also, value)
    if floats(node.text or ""):
        draft.floating[key] = from_filetime(value).astimezone(REQUEST_ZONE.get()).replace(tzinfo=None)


def _zone(uri: str, key: tags.NamedProperty, time: tags.NamedProperty, also: tags.NamedProperty) -> Field:
    element = uri.partition(":")[2]

    def build(view: View) -> Element | None:
        raw = view.value(key) or view.value(tags.PidLidAppointmentTimeZoneDefinitionRecur)
        name = zones.key_name(raw) if raw else None
        return t(element, Id=name, Name=_display_name(name)) if name else None

    def store(draft: Draft, node: Element) -> None:
        try:
            name = zones.windows_name(node.get("Id", ""))
            blob = zones.definition(name)
        except LookupError as error:
            raise EwsError("ErrorTimeZone", str(error)) from None
        draft.set(key, blob)
        if draft.bag.get(tags.PidLidRecurring):
            draft.set(tags.PidLidAppointmentTimeZoneDefinitionRecur, blob)
        if time in draft.floating:
            for each in (time, also):
                draft.set(each, occurrences.ticks(draft.floating[time], zones.zone(name)))

    return Field(uri, element, build, store, lambda draft: draft.set(key, None))


def _display_name(name: str) -> str:
    try:
        return zones.display_name(name)
    except LookupError:  # a zone that only its writer knows
        return name


def _zone_name(view: View) -> str | None:
    raw = view.value(tags.PidLidAppointmentTimeZoneDefinitionStartDisplay)
    name = zones.key_name(raw) if raw else None
    return _display_name(name) if name else view.value(tags.PidLidTimeZoneDescription)


def complete(draft: Draft) -> None:
    """What a calendar item has besides what it was given: ids, duration, the clip of a series ([MS-OXOCAL] 2.2.1)."""
    bag, now = draft.bag, draft.now()
    start = bag.get(tags.PidLidAppointmentStartWhole)
    end = bag.get(tags.PidLidAppointmentEndWhole)
    if start is None:
        start = now - now % (30 * 60 * 10_000_000)
        draft.set(tags.PidLidAppointmentStartWhole, start)
    if end is None:
        end = start + 30 * 60 * 10_000_000
        draft.set(tags.PidLidAppointmentEndWhole, end)
    refuse_span(start, end)
    draft.set(tags.PidLidCommonStart, start)
    draft.set(tags.PidLidCommonEnd, end)
    draft.set(tags.PidTagStartDate, start)
    draft.set(tags.PidTagEndDate, end)
    draft.set(tags.PidLidAppointmentDuration, (end - start) // 600_000_000)
    if bag.get(tags.PidLidReminderSet):
        minutes = bag.get(tags.PidLidReminderDelta, _REMINDER)
        draft.set(tags.PidLidReminderDelta, minutes)
        draft.set(tags.PidLidReminderTime, start)
        draft.set(tags.PidLidReminderSignalTime, start - minutes * 600_000_000)
    if tags.PidLidGlobalObjectId not in bag:
        unique = globalid.new(now)
        draft.set(tags.PidLidGlobalObjectId, unique)
        draft.set(tags.PidLidCleanGlobalObjectId, unique)
    people = [each for each in bag.recipients if not each.get(tags.PidTagRecipientFlags, 0) & 2]
    state = bag.get(tags.PidLidAppointmentStateFlags, 0)
    draft.set(tags.PidLidAppointmentStateFlags, state | _MEETING if people else state & ~_MEETING)
    for key, value in (
        (tags.PidLidBusyStatus, 2),
        (tags.PidLidResponseStatus, 1 if people else 0),
        (tags.PidLidAppointmentSubType, False),
        (tags.PidLidRecurring, False),
        (tags.PidLidAppointmentSequence, 0),
        (tags.PidLidSideEffects, 0x171),
    ):
        if key not in bag:
            draft.set(key, value)
    recurrence.complete(draft)


_LONGEST: Final = 5 * 366 * 864_000_000_000


def refuse_span(start: int, end: int) -> None:
    """Raises EwsError for an appointment that would end before it starts, or last more than five years."""
    if end < start:
        raise EwsError("ErrorCalendarEndDateIsEarlierThanStartDate", "End is earlier than Start.")
    if end - start > _LONGEST:
        raise EwsError("ErrorCalendarDurationIsTooLong", "An appointment lasts five years at most.")


FIELDS: Final = (
    Field("calendar:UID", "UID", _uid, _set_uid, None, tags.PidLidGlobalObjectId),
    computed("calendar:RecurrenceId", _recurrence_id),
    simple("calendar:DateTimeStamp", tags.PidLidOwnerCriticalChange, TIME, read_only=True),
    Field(
        "calendar:Start",
        "Start",
        simple("calendar:Start", tags.PidLidAppointmentStartWhole, TIME).build,
        lambda draft, node: _set_time(draft, tags.PidLidAppointmentStartWhole, tags.PidLidCommonStart, node),
        None,
        tags.PidLidAppointmentStartWhole,
        TIME,
    ),
    Field(
        "calendar:End",
        "End",
        simple("calendar:End", tags.PidLidAppointmentEndWhole, TIME).build,
        lambda draft, node: _set_time(draft, tags.PidLidAppointmentEndWhole, tags.PidLidCommonEnd, node),
        None,
        tags.PidLidAppointmentEndWhole,
        TIME,
    ),
    simple("calendar:OriginalStart", tags.PidLidExceptionReplaceTime, TIME, read_only=True),
    simple("calendar:IsAllDayEvent", tags.PidLidAppointmentSubType, BOOLEAN, default=False),
    simple("calendar:LegacyFreeBusyStatus", tags.PidLidBusyStatus, FREE_BUSY, default=2),
    simple("calendar:IntendedFreeBusyStatus", tags.PidLidIntendedBusyStatus, FREE_BUSY, read_only=True),
    simple("calendar:Location", tags.PidLidLocation, TEXT),
    computed("calendar:IsMeeting", _state(_MEETING)),
    computed("calendar:IsCancelled", _state(_CANCELLED)),
    simple("calendar:IsRecurring", tags.PidLidRecurring, BOOLEAN, default=False, read_only=True),
    simple("calendar:MeetingRequestWasSent", tags.PidLidFInvited, BOOLEAN, default=False, read_only=True),
    simple("calendar:IsResponseRequested", tags.PidTagResponseRequested, BOOLEAN, default=True),
    computed("calendar:CalendarItemType", _type),
    computed("calendar:MyResponseType", _my_response),
    person("calendar:Organizer", FROM, read_only=True),
    attendees("calendar:RequiredAttendees", tags.RECIPIENT_TO),
    attendees("calendar:OptionalAttendees", tags.RECIPIENT_CC),
    attendees("calendar:Resources", tags.RECIPIENT_BCC),
    computed("calendar:Duration", _duration),
    computed("calendar:TimeZone", _zone_name),
    simple("calendar:AppointmentReplyTime", tags.PidLidAppointmentReplyTime, TIME, read_only=True),
    simple("calendar:AppointmentSequenceNumber", tags.PidLidAppointmentSequence, INTEGER, default=0, read_only=True),
    simple("calendar:AppointmentState", tags.PidLidAppointmentStateFlags, INTEGER, default=0, read_only=True),
    Field("calendar:Recurrence", "Recurrence", recurrence.build, recurrence.store, recurrence.clear, heavy=True),
    computed("calendar:FirstOccurrence", recurrence.first, heavy=True),
    computed("calendar:LastOccurrence", recurrence.last, heavy=True),
    computed("calendar:ModifiedOccurrences", recurrence.modified, heavy=True),
    computed("calendar:DeletedOccurrences", recurrence.deleted, heavy=True),
    _zone(
        "calendar:StartTimeZone",
        tags.PidLidAppointmentTimeZoneDefinitionStartDisplay,
        tags.PidLidAppointmentStartWhole,
        tags.PidLidCommonStart,
    ),
    _zone(
        "calendar:EndTimeZone",
        tags.PidLidAppointmentTimeZoneDefinitionEndDisplay,
        tags.PidLidAppointmentEndWhole,
        tags.PidLidCommonEnd,
    ),
    Field(
        "calendar:AllowNewTimeProposal",
        "AllowNewTimeProposal",
        lambda view: BOOLEAN.show(not view.value(tags.PidLidAppointmentNotAllowPropose)),
        lambda draft, node: draft.set(tags.PidLidAppointmentNotAllowPropose, not parsed(BOOLEAN, node)),
    ),
    computed("calendar:IsOrganizer", lambda view: BOOLEAN.show(_my_response(view) == "Organizer")),
)
