"""Series, their exceptions and their iCalendar form: what is written is read again as it was."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st
from isthmus_lab.mapi import exceptions, globalid, occurrences, tags, zones
from isthmus_lab.mapi.bag import Bag, from_filetime
from isthmus_lab.mapi.calendaring import appointment, calendar_of, is_calendar
from isthmus_lab.mapi.calendaring.rules import rule_of, series_from
from isthmus_lab.mapi.mime import bag_from_mime, mime_from_bag
from isthmus_lab.mapi.series import End, Frequency, Instance, Series

ZONE = "W. Europe Standard Time"
BERLIN = zones.zone(ZONE)
days = st.dates(date(2001, 1, 1), date(2060, 1, 1))


@st.composite
def series(draw: st.DrawFn) -> Series:
    """A series that may end, without exceptions; its first day is one of the rule."""
    frequency = draw(st.sampled_from(Frequency))
    every = 12 * draw(st.integers(1, 3)) if frequency is Frequency.YEARLY else draw(st.integers(1, 4))
    nth = draw(st.sampled_from((0, 1, 2, 4, 5))) if frequency > Frequency.WEEKLY else 0
    weekdays = draw(st.sampled_from((1, 2, 0x3E, 0x41, 0x7F, 0x22))) if nth or frequency is Frequency.WEEKLY else 0
    first = draw(days)
    monthly = frequency > Frequency.WEEKLY and not nth
    drawn = Series(
        frequency,
        every,
        first,
        weekdays=weekdays,
        day=first.day if monthly and first.day < 29 else 28 if monthly else 0,
        nth=nth,
        first_weekday=draw(st.integers(0, 6)) if frequency is Frequency.WEEKLY else 1,
        start=draw(st.integers(0, 1439)),
        length=draw(st.integers(0, 3000)),
        end=draw(st.sampled_from(End)),
        count=draw(st.integers(1, 40)),
        last=first + timedelta(days=draw(st.integers(1200, 4000))),  # at least one day of any rule
    )
    if frequency is Frequency.YEARLY:  # the rule names no month but the first day's
        drawn = replace(drawn, first=next(drawn.days()))
    return drawn.normalised()


@st.composite
def changed_series(draw: st.DrawFn) -> Series:
    """A series with deleted and changed occurrences."""
    drawn = draw(series())
    begun = [each.start for each in islice(drawn.occurrences(datetime(2075, 1, 1)), 12)]
    for start in draw(st.lists(st.sampled_from(begun), unique=True, max_size=4)):
        if draw(st.booleans()):
            drawn = drawn.without(start.date())
            continue
        moved = start + timedelta(minutes=draw(st.integers(-600, 600)))
        text = st.none() | st.text(st.characters(codec="utf-16", exclude_categories=["Cs"]), max_size=20)
        drawn = drawn.changed(
            Instance(
                moved,
                moved + timedelta(minutes=draw(st.integers(0, 500))),
                start,
                subject=draw(text),
                location=draw(text),
                busy=draw(st.none() | st.integers(0, 4)),
                reminds=draw(st.none() | st.booleans()),
                all_day=draw(st.none() | st.booleans()),
            )
        )
    return drawn


@given(changed_series())
def test_a_recurrence_blob_is_read_as_it_was_written(drawn: Series) -> None:
    assert Series.parse(drawn.pack()) == drawn


@given(series())
def test_a_rule_of_icalendar_means_the_same_days(drawn: Series) -> None:
    start = datetime.combine(drawn.first, datetime.min.time()) + timedelta(minutes=drawn.start)
    again = series_from(rule_of(drawn, drawn.last), start, drawn.length, BERLIN)
    assert list(islice(again.occurrences(datetime(2075, 1, 1)), 50)) == list(
        islice(drawn.occurrences(datetime(2075, 1, 1)), 50)
    )
    assert (again.end, again.every, again.frequency) == (drawn.end, drawn.every, drawn.frequency)


def booked(drawn: Series) -> Bag:
    definition = zones.definition(ZONE)
    first = occurrences.start_on(drawn, drawn.first, BERLIN)
    return Bag(
        {
            tags.PidTagMessageClass: "IPM.Schedule.Meeting.Request",
            tags.PidTagSubject: "Überblick",
            tags.PidTagNormalizedSubject: "Überblick",
            tags.PidTagBody: "",
            tags.PidLidLocation: "Hall",
            tags.PidLidGlobalObjectId: globalid.new(1),
            tags.PidLidAppointmentStartWhole: first,
            tags.PidLidAppointmentEndWhole: first + drawn.length * 600_000_000,
            tags.PidLidRecurring: True,
            tags.PidLidAppointmentRecur: drawn.pack(),
            tags.PidLidAppointmentTimeZoneDefinitionStartDisplay: definition,
            tags.PidLidAppointmentTimeZoneDefinitionRecur: definition,
        }
    )


WEEKLY = Series(Frequency.WEEKLY, 1, date(2030, 3, 25), weekdays=2, end=End.COUNT, count=6, start=570).normalised()


def test_a_series_with_exceptions_goes_through_the_mail() -> None:
    bag = booked(WEEKLY)
    second, third = (occurrences.start_on(WEEKLY, date(2030, 4, day), BERLIN) for day in (1, 8))
    hour = 36_000_000_000
    exceptions.delete(bag, third)
    exceptions.change(
        bag,
        second,
        {
            tags.PidLidAppointmentStartWhole: second + hour,
            tags.PidLidAppointmentEndWhole: second + 2 * hour,
            tags.PidTagSubject: "Moved → later",
        },
    )
    read = bag_from_mime(mime_from_bag(bag))
    assert read[tags.PidTagMessageClass] == "IPM.Schedule.Meeting.Request"
    found = list(occurrences.expand(read.get, 0, 2**62))
    assert [(each.start, each.end, each.changed) for each in found] == [
        (each.start, each.end, each.changed) for each in occurrences.expand(bag.get, 0, 2**62)
    ]
    assert len(found) == 5
    shown = exceptions.occurrence_of(read, second)
    assert shown is not None
    assert (shown[tags.PidTagSubject], shown[tags.PidLidLocation]) == ("Moved → later", "Hall")
    assert globalid.clean(shown[tags.PidLidGlobalObjectId]) == bag[tags.PidLidGlobalObjectId]
    assert read.attachments[0].properties[tags.PidTagAttachmentHidden]


def test_a_message_about_one_occurrence() -> None:
    bag = booked(WEEKLY)
    second = occurrences.start_on(WEEKLY, date(2030, 4, 1), BERLIN)
    one = exceptions.occurrence_of(bag, second)
    assert one is not None
    one[tags.PidTagMessageClass] = "IPM.Schedule.Meeting.Canceled"
    one[tags.PidLidRecurring] = False
    read = bag_from_mime(mime_from_bag(one))
    assert read[tags.PidTagMessageClass] == "IPM.Schedule.Meeting.Canceled"
    assert read[tags.PidLidExceptionReplaceTime] == second
    assert read[tags.PidLidGlobalObjectId] == globalid.of_day(bag[tags.PidLidGlobalObjectId], date(2030, 4, 1))
    assert read[tags.PidLidCleanGlobalObjectId] == bag[tags.PidLidGlobalObjectId]


def test_changing_an_exception_again_keeps_what_it_had() -> None:
    bag = booked(WEEKLY)
    second = occurrences.start_on(WEEKLY, date(2030, 4, 1), BERLIN)
    exceptions.change(bag, second, {tags.PidLidLocation: "Garden"})
    exceptions.change(bag, second, {tags.PidTagSubject: "Other"})
    shown = exceptions.occurrence_of(bag, second)
    assert shown is not None
    assert (shown[tags.PidTagSubject], shown[tags.PidLidLocation]) == ("Other", "Garden")
    assert len(bag.attachments) == 1
    exceptions.forget(bag)
    assert bag.attachments == []
    assert not any(each.changed for each in occurrences.expand(bag.get, 0, 2**62))


FILE = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//x//EN
BEGIN:VTIMEZONE
TZID:Office
BEGIN:STANDARD
DTSTART:19701101T020000
TZOFFSETFROM:-0400
TZOFFSETTO:-0500
RRULE:FREQ=YEARLY;BYDAY=1SU;BYMONTH=11
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:19700308T020000
TZOFFSETFROM:-0500
TZOFFSETTO:-0400
RRULE:FREQ=YEARLY;BYDAY=2SU;BYMONTH=3
END:DAYLIGHT
END:VTIMEZONE
BEGIN:VEVENT
UID:file-1
SUMMARY:Rückblick
DTSTART;TZID=Office:20300304T090000
DTEND;TZID=Office:20300304T093000
RRULE:FREQ=WEEKLY;COUNT=3
CLASS:PRIVATE
CATEGORIES:Rot,Blau
X-MICROSOFT-CDO-BUSYSTATUS:OOF
ORGANIZER;CN=A:mailto:a@x.example
ATTENDEE;CN=A;PARTSTAT=ACCEPTED:mailto:a@x.example
ATTENDEE;CN=B;PARTSTAT=DECLINED;ROLE=OPT-PARTICIPANT:mailto:b@x.example
BEGIN:VALARM
ACTION:DISPLAY
DESCRIPTION:x
TRIGGER:-PT45M
END:VALARM
END:VEVENT
END:VCALENDAR
"""


def test_a_calendar_file_is_an_appointment_and_comes_back() -> None:
    assert is_calendar(FILE.encode())
    bag = appointment(FILE.encode())
    written = calendar_of(bag)
    assert written is not None
    for each in (bag, appointment(written[1].encode())):
        assert each[tags.PidTagMessageClass] == "IPM.Appointment"
        assert each[tags.PidTagSubject] == "Rückblick"
        assert each[tags.PidTagSensitivity] == 2
        assert each[tags.PidNameKeywords] == ["Rot", "Blau"]
        assert each[tags.PidLidBusyStatus] == 3
        assert (each[tags.PidLidReminderSet], each[tags.PidLidReminderDelta]) == (True, 45)
        assert globalid.uid_of(each[tags.PidLidGlobalObjectId]) == "file-1"
        assert each[tags.PidTagSentRepresentingSmtpAddress] == "a@x.example"
        (attendee,) = each.recipients
        assert (attendee[tags.PidTagSmtpAddress], attendee[tags.PidTagRecipientType]) == ("b@x.example", 2)
        assert attendee[tags.PidTagRecipientTrackStatus] == 4
        # The zone is known by its rules; clocks change on the 10th of March.
        assert zones.key_name(each[tags.PidLidAppointmentTimeZoneDefinitionRecur]) == "Eastern Standard Time"
        starts = [from_filetime(found.start).hour for found in occurrences.expand(each.get, 0, occurrences.FOR_EVER)]
        assert starts == [14, 13, 13]


@pytest.mark.parametrize(
    "content", [b"BEGIN:VCALENDAR\nEND:VCALENDAR\n", b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:x\n"]
)
def test_what_is_no_appointment_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="not a calendar"):
        appointment(content)
