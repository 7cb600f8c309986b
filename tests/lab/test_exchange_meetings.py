"""exchangelib, unmodified: meetings from the invitation to the cancellation, inside and between organisations."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from exchangelib import Account, CalendarItem, EWSDateTime, EWSTimeZone
from exchangelib.errors import (
    ErrorCalendarIsCancelledForAccept,
    ErrorCalendarIsNotOrganizer,
    ErrorCalendarIsOrganizerForAccept,
    ErrorCalendarMeetingRequestIsOutOfDate,
    ErrorItemNotFound,
)
from exchangelib.recurrence import Recurrence, WeeklyPattern

from tests.plugins.clients import account_of
from tests.plugins.exchange import Exchanges, Office
from tests.plugins.raw import ask, codes

BERLIN = EWSTimeZone("Europe/Berlin")
START = EWSDateTime(2030, 5, 6, 8, 0, tzinfo=BERLIN)
HOUR = timedelta(hours=1)


def eventually(probe: Callable[[], Any], what: str) -> Any:
    """What the probe gives once it gives something."""
    deadline = time.monotonic() + 60
    while not (found := probe()):
        assert time.monotonic() < deadline, f"still no {what}"
        time.sleep(0.1)
    return found


def meeting(account: Account, *attendees: str, **more: Any) -> CalendarItem:
    """A meeting in the organiser's calendar to which all are invited."""
    values = {"subject": "Planung", "start": START, "end": START + HOUR, "location": "Halle"} | more
    return CalendarItem(account=account, folder=account.calendar, required_attendees=list(attendees), **values).save(
        send_meeting_invitations="SendToAllAndSaveCopy"
    )


def message(account: Account, kind: str, **more: Any) -> Any:
    """The newest message of this kind in the Inbox that also has these values, as soon as it is there."""

    def probe() -> Any:
        for each in account.inbox.all().order_by("-datetime_received"):
            if type(each).__name__ == kind and all(getattr(each, name) == value for name, value in more.items()):
                return account.inbox.get(id=each.id)
        return None

    return eventually(probe, f"{kind} {more}")


def responses(account: Account, item: CalendarItem) -> dict[str, str]:
    """What each attendee has answered, by their first names, in the organiser's calendar."""
    read = account.calendar.get(id=item.id)
    everybody = (read.required_attendees or []) + (read.optional_attendees or [])
    return {each.mailbox.email_address.partition(".")[0]: each.response_type for each in everybody}


def test_a_request_is_answered_across_organisations(exchanges: Exchanges, office: Office) -> None:
    organiser, guest = office.alpha("dora"), office.beta("emil")
    account, other = account_of(exchanges.alpha, organiser), account_of(exchanges.beta, guest)
    item = meeting(account, guest.smtp, body="Bitte kommen")
    request = message(other, "MeetingRequest")
    assert (request.subject, request.start, request.end, request.location) == ("Planung", START, START + HOUR, "Halle")
    assert (request.meeting_request_type, request.response_type) == ("NewMeetingRequest", "NoResponseReceived")
    assert (request.has_been_processed, request.is_out_of_date) == (True, False)
    assert request.organizer.email_address == organiser.smtp
    (placeholder,) = other.calendar.all()
    assert request.associated_calendar_item_id.id == placeholder.id
    assert placeholder.uid == account.calendar.get(id=item.id).uid
    assert (placeholder.legacy_free_busy_status, placeholder.my_response_type) == ("Tentative", "NoResponseReceived")
    assert placeholder.is_meeting
    assert placeholder.organizer.email_address == organiser.smtp
    assert "Bitte kommen" in placeholder.text_body
    (sent,) = account.sent.all()
    assert (type(sent).__name__, sent.subject) == ("MeetingRequest", "Planung")

    request.accept(body="Gerne")
    (accepted,) = other.calendar.all()
    assert (accepted.legacy_free_busy_status, accepted.my_response_type) == ("Busy", "Accept")
    assert accepted.appointment_reply_time is not None
    assert other.inbox.all().count() == 0
    assert [type(each).__name__ for each in other.trash.all()] == ["MeetingRequest"]
    assert [each.subject for each in other.sent.all()] == ["Accepted: Planung"]
    answer = message(account, "MeetingResponse")
    assert (answer.subject, answer.response_type) == ("Accepted: Planung", "Accept")
    assert answer.associated_calendar_item_id.id == item.id
    assert "Gerne" in answer.text_body
    (attendee,) = account.calendar.get(id=item.id).required_attendees
    assert (attendee.mailbox.email_address, attendee.response_type) == (guest.smtp, "Accept")
    assert attendee.last_response_time is not None


def test_updates_and_a_cancellation(exchanges: Exchanges, office: Office) -> None:
    organiser, here, there = office.alpha("dora"), office.alpha("hans"), office.beta("emil")
    account = account_of(exchanges.alpha, organiser)
    others = [account_of(exchanges.alpha, here), account_of(exchanges.beta, there)]
    item = meeting(account, here.smtp, there.smtp)
    for other in others:
        message(other, "MeetingRequest").accept()
    eventually(lambda: set(responses(account, item).values()) == {"Accept"}, "answers")

    item.location = "Garten"
    item.save(update_fields=["location"], send_meeting_invitations="SendToAllAndSaveCopy")
    for other in others:
        update = message(other, "MeetingRequest", location="Garten")
        assert (update.meeting_request_type, update.response_type) == ("InformationalUpdate", "Accept")
        (copy,) = other.calendar.all()
        assert (copy.location, copy.my_response_type, copy.legacy_free_busy_status) == ("Garten", "Accept", "Busy")

    item.start, item.end = START + HOUR, START + 2 * HOUR
    item.save(update_fields=["start", "end"], send_meeting_invitations="SendOnlyToAll")
    assert set(responses(account, item).values()) == {"Unknown"}
    for other in others:
        update = message(other, "MeetingRequest", start=START + HOUR)
        assert (update.meeting_request_type, update.appointment_sequence_number) == ("FullUpdate", 1)
        (copy,) = other.calendar.all()
        assert (copy.start, copy.my_response_type) == (START + HOUR, "NoResponseReceived")
        older = message(other, "MeetingRequest", start=START)
        assert older.is_out_of_date
        with pytest.raises(ErrorCalendarMeetingRequestIsOutOfDate):
            older.accept()

    account.calendar.get(id=item.id).delete(send_meeting_cancellations="SendToAllAndSaveCopy")
    assert account.calendar.all().count() == 0
    for other in others:
        gone = message(other, "MeetingCancellation")
        assert gone.subject == "Canceled: Planung"
        (copy,) = other.calendar.all()
        assert (copy.is_cancelled, copy.legacy_free_busy_status, copy.subject) == (True, "Free", "Canceled: Planung")
        assert gone.associated_calendar_item_id.id == copy.id
        with pytest.raises(ErrorCalendarIsCancelledForAccept):
            copy.accept()


def test_only_those_concerned_hear_of_a_change(exchanges: Exchanges, office: Office) -> None:
    organiser, stays, leaves, joins = (office.alpha(name) for name in ("dora", "stella", "lena", "jonas"))
    account = account_of(exchanges.alpha, organiser)
    item = meeting(account, stays.smtp, leaves.smtp)
    staying, leaving, joining = (account_of(exchanges.alpha, each) for each in (stays, leaves, joins))
    message(staying, "MeetingRequest").tentatively_accept()
    eventually(lambda: responses(account, item).get("stella") == "Tentative", "answer")
    message(leaving, "MeetingRequest")
    item = account.calendar.get(id=item.id)
    item.required_attendees = [stays.smtp, joins.smtp]
    item.save(update_fields=["required_attendees"], send_meeting_invitations="SendToChangedAndSaveCopy")
    assert responses(account, item) == {"stella": "Tentative", "jonas": "Unknown"}
    message(joining, "MeetingRequest")
    message(leaving, "MeetingCancellation")
    assert staying.inbox.all().count() == 0


def test_an_appointment_becomes_a_meeting_and_one_again(exchanges: Exchanges, office: Office) -> None:
    organiser, guest = office.alpha("dora"), office.beta("emil")
    account, other = account_of(exchanges.alpha, organiser), account_of(exchanges.beta, guest)
    item = meeting(account)
    assert (item.is_meeting, account.sent.all().count()) == (None, 0)
    item.required_attendees = [guest.smtp]
    item.save(update_fields=["required_attendees"], send_meeting_invitations="SendToAllAndSaveCopy")
    message(other, "MeetingRequest")
    item.start, item.end = START + HOUR, START + 2 * HOUR
    item.save(update_fields=["start", "end"], send_meeting_invitations="SendToNone")
    item.subject = "Planung neu"
    item.save(update_fields=["subject"], send_meeting_invitations="SendToAllAndSaveCopy")
    message(other, "MeetingRequest", subject="Planung neu", start=START + HOUR)
    read = account.calendar.get(id=item.id)
    assert (read.is_meeting, read.meeting_request_was_sent) == (True, True)
    read.required_attendees = None
    read.save(update_fields=["required_attendees"], send_meeting_invitations="SendToAllAndSaveCopy")
    message(other, "MeetingCancellation")
    assert not account.calendar.get(id=item.id).is_meeting


def test_an_answer_to_an_earlier_time_counts_no_more(exchanges: Exchanges, office: Office) -> None:
    organiser, guest = office.alpha("dora"), office.alpha("emil")
    account, other = account_of(exchanges.alpha, organiser), account_of(exchanges.alpha, guest)
    item = meeting(account, guest.smtp)
    request = message(other, "MeetingRequest")
    item.start, item.end = START + HOUR, START + 2 * HOUR
    item.save(update_fields=["start", "end"], send_meeting_invitations="SendOnlyToChanged")  # nobody hears of it
    request.accept()
    message(account, "MeetingResponse")
    assert responses(account, item) == {"emil": "Unknown"}


def test_declining_and_deleting(exchanges: Exchanges, office: Office) -> None:
    organiser, first, second = office.alpha("dora"), office.beta("emil"), office.alpha("hans")
    account = account_of(exchanges.alpha, organiser)
    one, two = account_of(exchanges.beta, first), account_of(exchanges.alpha, second)
    item = meeting(account, first.smtp, second.smtp)
    message(one, "MeetingRequest").decline()
    assert one.calendar.all().count() == 0
    request = message(two, "MeetingRequest")
    two.calendar.get(id=request.associated_calendar_item_id.id).delete(send_meeting_cancellations="SendOnlyToAll")
    expected = {"emil": "Decline", "hans": "Decline"}
    eventually(lambda: responses(account, item) == expected, "refusals")
    # Who has deleted the placeholder may still change their mind.
    request.accept()
    eventually(lambda: responses(account, item)["hans"] == "Accept", "change of mind")
    (again,) = two.calendar.all()
    assert again.my_response_type == "Accept"


def test_cancelling_with_words(exchanges: Exchanges, office: Office) -> None:
    organiser, guest = office.alpha("dora"), office.beta("emil")
    account, other = account_of(exchanges.alpha, organiser), account_of(exchanges.beta, guest)
    item = meeting(account, guest.smtp)
    request = message(other, "MeetingRequest")
    copy = other.calendar.get(id=request.associated_calendar_item_id.id)
    with pytest.raises(ErrorCalendarIsNotOrganizer):
        copy.cancel()
    with pytest.raises(ErrorCalendarIsOrganizerForAccept):
        item.accept()
    item.cancel(new_body="Leider krank")
    with pytest.raises(ErrorItemNotFound):
        account.calendar.get(id=item.id)
    assert [each.subject for each in account.trash.all()] == ["Planung"]
    cancelled = message(other, "MeetingCancellation")
    assert "Leider krank" in cancelled.text_body


def test_an_occurrence_is_moved_answered_and_cancelled(exchanges: Exchanges, office: Office) -> None:
    organiser, guest = office.alpha("dora"), office.beta("emil")
    account, other = account_of(exchanges.alpha, organiser), account_of(exchanges.beta, guest)
    weekly = WeeklyPattern(interval=1, weekdays=["Monday"], first_day_of_week="Monday")
    item = meeting(account, guest.smtp, recurrence=Recurrence(pattern=weekly, start=START.date(), number=4))
    request = message(other, "MeetingRequest")
    assert (request.type, request.is_recurring, request.recurrence.pattern) == ("RecurringMaster", True, weekly)
    request.accept()
    eventually(lambda: responses(account, item) == {"emil": "Accept"}, "answer")

    def seen(who: Account) -> list[tuple[str, str, str]]:
        span = who.calendar.view(start=START - HOUR, end=START + timedelta(days=40))
        return [(each.start.astimezone(BERLIN).strftime("%d.%m. %H"), each.location, each.type) for each in span]

    second = item.occurrence(2)
    second.refresh()
    assert second.start == START + timedelta(days=7)
    second.start, second.end, second.location = second.start + HOUR, second.end + HOUR, "Garten"
    second.save(update_fields=["start", "end", "location"], send_meeting_invitations="SendToAllAndSaveCopy")
    expected = [
        ("06.05. 08", "Halle", "Occurrence"),
        ("13.05. 09", "Garten", "Exception"),
        ("20.05. 08", "Halle", "Occurrence"),
        ("27.05. 08", "Halle", "Occurrence"),
    ]
    assert seen(account) == expected
    update = message(other, "MeetingRequest", location="Garten")
    assert (update.meeting_request_type, update.start) == ("FullUpdate", START + timedelta(days=7) + HOUR)
    assert seen(other) == expected
    moved = other.calendar.get(id=update.associated_calendar_item_id.id)
    assert (moved.type, moved.original_start, moved.my_response_type) == (
        "Exception",
        START + timedelta(days=7),
        "NoResponseReceived",
    )
    assert moved.recurring_master().refresh() or True
    update.decline()
    assert [each[0] for each in seen(other)] == ["06.05. 08", "20.05. 08", "27.05. 08"]

    def refused() -> bool:
        occurrence = item.occurrence(2)
        occurrence.refresh()
        return [each.response_type for each in occurrence.required_attendees] == ["Decline"]

    eventually(refused, "refusal of the occurrence")
    assert responses(account, item) == {"emil": "Accept"}

    third = item.occurrence(3)
    third.refresh()
    third.delete(send_meeting_cancellations="SendToAllAndSaveCopy")
    assert [each[0] for each in seen(account)] == ["06.05. 08", "13.05. 09", "27.05. 08"]
    cancelled = message(other, "MeetingCancellation")
    gone = other.calendar.get(id=cancelled.associated_calendar_item_id.id)
    assert (gone.is_cancelled, gone.start) == (True, START + timedelta(days=14))
    master = account.calendar.get(id=item.id)
    assert [each.start for each in master.deleted_occurrences] == [START + timedelta(days=14)]
    assert [each.original_start for each in master.modified_occurrences] == [START + timedelta(days=7)]


REMOVE = """<m:CreateItem MessageDisposition="SaveOnly"><m:Items><t:RemoveItem>
  <t:ReferenceItemId Id="{}"/></t:RemoveItem></m:Items></m:CreateItem>"""


def test_another_time_is_proposed_and_a_cancelled_meeting_removed(exchanges: Exchanges, office: Office) -> None:
    organiser, guest = office.alpha("dora"), office.beta("emil")
    account, other = account_of(exchanges.alpha, organiser), account_of(exchanges.beta, guest)
    item = meeting(account, guest.smtp)
    request = message(other, "MeetingRequest")
    request.tentatively_accept(proposed_start=START + 3 * HOUR, proposed_end=START + 4 * HOUR, body="Lieber später")
    answer = message(account, "MeetingResponse")
    assert (answer.response_type, answer.proposed_start) == ("Tentative", START + 3 * HOUR)
    assert (answer.proposed_end, "Lieber später" in answer.text_body) == (START + 4 * HOUR, True)
    (attendee,) = account.calendar.get(id=item.id).required_attendees
    assert (attendee.response_type, attendee.proposed_start) == ("Tentative", START + 3 * HOUR)
    assert account.calendar.get(id=item.id).start == START
    assert other.calendar.all().get().my_response_type == "Tentative"

    account.calendar.get(id=item.id).delete(send_meeting_cancellations="SendOnlyToAll")
    cancelled = message(other, "MeetingCancellation")
    answered = ask(exchanges.beta, guest, REMOVE.format(cancelled.id))
    assert codes(answered) == ["NoError"]
    assert other.calendar.all().count() == 0
    assert {type(each).__name__ for each in other.trash.all()} == {
        "CalendarItem",
        "MeetingCancellation",
        "MeetingRequest",
    }
