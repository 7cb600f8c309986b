"""exchangelib, unmodified, on the lab's Exchange: series of appointments, and meetings between people."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from exchangelib import Account, CalendarItem, EWSDate, EWSDateTime, EWSTimeZone
from exchangelib.errors import (
    ErrorCalendarOccurrenceIndexIsOutOfRecurrenceRange,
    ErrorCalendarOccurrenceIsDeletedFromRecurrence,
    ErrorOccurrenceCrossingBoundary,
)
from exchangelib.folders import Calendar
from exchangelib.recurrence import (
    AbsoluteMonthlyPattern,
    DailyPattern,
    Recurrence,
    RelativeYearlyPattern,
    WeeklyPattern,
)

from tests.plugins.clients import account_of
from tests.plugins.exchange import Exchanges, Office
from tests.plugins.raw import ask, codes, found, texts

BERLIN, UTC = EWSTimeZone("Europe/Berlin"), EWSTimeZone("UTC")


def series(account: Account, recurrence: Recurrence, start: EWSDateTime) -> CalendarItem:
    return CalendarItem(
        account=account,
        folder=account.calendar,
        subject="Series",
        start=start,
        end=start + timedelta(hours=1),
        recurrence=recurrence,
    ).save(send_meeting_invitations="SendToNone")


def starts(calendar: Calendar, start: EWSDateTime, days: int) -> list[str]:
    found = calendar.view(start=start - timedelta(days=1), end=start + timedelta(days=days))
    return [each.start.astimezone(BERLIN).strftime("%Y-%m-%d %H:%M") for each in found]


def test_a_weekly_series_keeps_its_local_time(exchanges: Exchanges, office: Office) -> None:
    account = account_of(exchanges.alpha, office.alpha("anna"))
    start = EWSDateTime(2030, 3, 25, 9, 30, tzinfo=BERLIN)  # clocks change on the 31st
    pattern = WeeklyPattern(interval=1, weekdays=["Monday", "Thursday"], first_day_of_week="Monday")
    item = series(account, Recurrence(pattern=pattern, start=start.date(), number=4), start)
    assert starts(account.calendar, start, 30) == [
        "2030-03-25 09:30", "2030-03-28 09:30", "2030-04-01 09:30", "2030-04-04 09:30",
    ]  # fmt: skip
    read = account.calendar.get(id=item.id)
    assert (read.type, read.is_recurring, read.start) == ("RecurringMaster", True, start)
    assert read.recurrence.pattern == pattern
    assert (read.recurrence.boundary.start, read.recurrence.boundary.number) == (EWSDate(2030, 3, 25), 4)
    assert read.first_occurrence.start == start
    assert read.last_occurrence.start == EWSDateTime(2030, 4, 4, 9, 30, tzinfo=BERLIN)
    second = list(account.calendar.view(start=start, end=start + timedelta(days=30)))[1]
    occurrence = account.calendar.get(id=second.id)
    assert (occurrence.type, occurrence.subject, occurrence.recurrence) == ("Occurrence", "Series", None)
    assert occurrence.start == EWSDateTime(2030, 3, 28, 9, 30, tzinfo=BERLIN)


def test_other_rules(exchanges: Exchanges, office: Office) -> None:
    account = account_of(exchanges.alpha, office.alpha("bert"))
    start = EWSDateTime(2031, 1, 31, 8, 0, tzinfo=BERLIN)
    series(account, Recurrence(pattern=DailyPattern(interval=3), start=start.date(), end=EWSDate(2031, 2, 7)), start)
    assert starts(account.calendar, start, 60) == ["2031-01-31 08:00", "2031-02-03 08:00", "2031-02-06 08:00"]
    account.calendar.all().delete()
    monthly = AbsoluteMonthlyPattern(interval=1, day_of_month=31)
    item = series(account, Recurrence(pattern=monthly, start=start.date()), start)
    assert starts(account.calendar, start, 60) == ["2031-01-31 08:00", "2031-02-28 08:00", "2031-03-31 08:00"]
    read = account.calendar.get(id=item.id)
    assert read.recurrence.pattern == monthly
    assert read.last_occurrence is None
    account.calendar.all().delete()
    yearly = RelativeYearlyPattern(weekday="Monday", week_number="Last", month=5)
    item = series(account, Recurrence(pattern=yearly, start=start.date(), number=2), start)
    assert account.calendar.get(id=item.id).recurrence.pattern == yearly
    assert starts(account.calendar, start, 700) == ["2031-05-26 08:00", "2032-05-31 08:00"]


def test_a_series_without_its_rule_is_one_appointment(exchanges: Exchanges, office: Office) -> None:
    account = account_of(exchanges.alpha, office.alpha("carl"))
    start = EWSDateTime(2030, 5, 6, 8, 0, tzinfo=BERLIN)
    item = series(account, Recurrence(pattern=DailyPattern(interval=1), start=start.date(), number=3), start)
    assert len(starts(account.calendar, start, 30)) == 3
    item.recurrence = None
    item.save(update_fields=["recurrence"], send_meeting_invitations="SendToNone")
    assert starts(account.calendar, start, 30) == ["2030-05-06 08:00"]


def test_attendees_get_a_request(exchanges: Exchanges, office: Office) -> None:
    organiser, guest = office.alpha("dora"), office.beta("emil")
    account, other = account_of(exchanges.alpha, organiser), account_of(exchanges.beta, guest)
    start = EWSDateTime(2030, 5, 6, 8, 0, tzinfo=BERLIN)
    item = CalendarItem(
        account=account,
        folder=account.calendar,
        subject="Meeting",
        start=start,
        end=start + timedelta(hours=1),
        location="Hall",
        required_attendees=[guest.smtp],
    ).save(send_meeting_invitations="SendToAllAndSaveCopy")
    deadline = time.monotonic() + 60
    while not (requests := list(other.inbox.all())):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    (request,) = requests
    assert type(request).__name__ == "MeetingRequest"
    assert (request.subject, request.start, request.location) == ("Meeting", start, "Hall")
    assert request.author.email_address == organiser.smtp
    assert account.calendar.get(id=item.id).meeting_request_was_sent


NAIVE = """<m:CreateItem SendMeetingInvitations="SendToNone"><m:Items><t:CalendarItem><t:Subject>x</t:Subject>
  <t:Start>2030-05-06T09:00:00</t:Start><t:End>2030-05-06T10:00:00</t:End>{zones}</t:CalendarItem></m:Items>
  </m:CreateItem>"""
ZONES = '<t:StartTimeZone Id="{0}"/><t:EndTimeZone Id="{0}"/>'
CONTEXT = '<t:TimeZoneContext><t:TimeZoneDefinition Id="W. Europe Standard Time"/></t:TimeZoneContext>'


@pytest.mark.parametrize(
    ("header", "zones", "hour"),
    [("", "", 9), (CONTEXT, "", 7), (CONTEXT, ZONES.format("Eastern Standard Time"), 13)],
    ids=["UTC", "TimeZoneContext", "StartTimeZone"],
)
def test_times_without_an_offset(exchanges: Exchanges, office: Office, header: str, zones: str, hour: int) -> None:
    person = office.alpha("anna")
    assert codes(ask(exchanges.alpha, person, NAIVE.format(zones=zones), header=header)) == ["NoError"]
    (item,) = account_of(exchanges.alpha, person).calendar.all()
    assert (item.start.astimezone(UTC).hour, item.end - item.start) == (hour, timedelta(hours=1))


REMINDERS = """<m:GetReminders><m:BeginTime>2030-05-01T00:00:00Z</m:BeginTime>
  <m:EndTime>2030-05-08T00:00:00Z</m:EndTime></m:GetReminders>"""


def test_reminders(exchanges: Exchanges, office: Office) -> None:
    person = office.alpha("anna")
    account = account_of(exchanges.alpha, person)
    start = EWSDateTime(2030, 5, 6, 8, 0, tzinfo=BERLIN)
    daily = Recurrence(pattern=DailyPattern(interval=1), start=start.date(), number=5)
    for subject, more in (
        ("Quiet", {"reminder_is_set": False}),
        ("Loud", {"reminder_is_set": True, "reminder_minutes_before_start": 30}),
        ("Daily", {"reminder_is_set": True, "reminder_minutes_before_start": 15, "recurrence": daily}),
    ):
        values = {"subject": subject, "start": start, "end": start + timedelta(hours=1)} | more
        CalendarItem(account=account, folder=account.calendar, **values).save(send_meeting_invitations="SendToNone")
    answer = ask(exchanges.alpha, person, REMINDERS)
    assert texts(answer, ".//t:Subject") == ["Loud", "Daily", "Daily"]
    assert texts(answer, ".//t:ReminderTime") == [
        "2030-05-06T05:30:00Z",
        "2030-05-06T05:45:00Z",
        "2030-05-07T05:45:00Z",
    ]
    assert len(found(answer, ".//t:RecurringMasterItemId")) == 2


def test_occurrences_that_cannot_be(exchanges: Exchanges, office: Office) -> None:
    account = account_of(exchanges.alpha, office.alpha("anna"))
    start = EWSDateTime(2030, 5, 6, 8, 0, tzinfo=BERLIN)
    item = series(account, Recurrence(pattern=DailyPattern(interval=1), start=start.date(), number=4), start)
    third = item.occurrence(3)
    third.refresh()
    third.start, third.end = start, start + timedelta(hours=1)
    with pytest.raises(ErrorOccurrenceCrossingBoundary):
        third.save(update_fields=["start", "end"])
    second = item.occurrence(2)
    second.refresh()
    second.subject = "Only once"
    second.save(update_fields=["subject"])
    third.delete()
    with pytest.raises(ErrorCalendarOccurrenceIsDeletedFromRecurrence):
        item.occurrence(3).refresh()
    with pytest.raises(ErrorCalendarOccurrenceIndexIsOutOfRecurrenceRange):
        item.occurrence(5).refresh()
    assert starts(account.calendar, start, 9) == ["2030-05-06 08:00", "2030-05-07 08:00", "2030-05-09 08:00"]
    found = account.calendar.view(start=start, end=start + timedelta(days=9))
    assert [each.subject for each in found] == ["Series", "Only once", "Series"]
    # Another rule has other occurrences: what differed is gone.
    master = account.calendar.get(id=item.id)
    assert len(master.modified_occurrences) == len(master.deleted_occurrences) == 1
    master.start, master.end = start + timedelta(hours=2), start + timedelta(hours=3)
    master.save(update_fields=["start", "end"])
    found = account.calendar.view(start=start, end=start + timedelta(days=9))
    assert [(each.subject, each.start.astimezone(BERLIN).hour) for each in found] == [("Series", 10)] * 4


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ('<m:DeleteItem DeleteType="HardDelete"><m:ItemIds>{}</m:ItemIds></m:DeleteItem>', "Cancellations"),
        (
            '<m:UpdateItem ConflictResolution="AlwaysOverwrite"><m:ItemChanges><t:ItemChange>{}<t:Updates>'
            '<t:DeleteItemField><t:FieldURI FieldURI="calendar:Location"/></t:DeleteItemField></t:Updates>'
            "</t:ItemChange></m:ItemChanges></m:UpdateItem>",
            "InvitationsOrCancellations",
        ),
    ],
)
def test_whom_to_tell_must_be_said(exchanges: Exchanges, office: Office, request_: str, code: str) -> None:
    person = office.alpha("anna")
    account = account_of(exchanges.alpha, person)
    start = EWSDateTime(2030, 5, 6, 8, 0, tzinfo=BERLIN)
    item = CalendarItem(account=account, folder=account.calendar, subject="x", start=start, end=start).save()
    asked = request_.format(f'<t:ItemId Id="{item.id}"/>')
    assert codes(ask(exchanges.alpha, person, asked)) == [f"ErrorSendMeeting{code}Required"]
    assert account.calendar.all().count() == 1
