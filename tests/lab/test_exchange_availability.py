"""exchangelib, unmodified: free and busy times, rooms that answer by themselves; suggestions by hand."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from exchangelib import Account, CalendarItem, EWSDateTime, EWSTimeZone
from exchangelib.errors import ErrorAvailabilityConfigNotFound, ErrorMailRecipientNotFound, ErrorNameResolutionNoResults
from exchangelib.recurrence import DailyPattern, Recurrence

from tests.plugins.clients import account_of
from tests.plugins.exchange import Exchanges, Office, Person
from tests.plugins.raw import ask, found, texts

BERLIN = EWSTimeZone("Europe/Berlin")
MIDNIGHT = EWSDateTime(2030, 5, 6, tzinfo=BERLIN)  # a Monday
HOUR = timedelta(hours=1)


def eventually(probe: Callable[[], Any], what: str) -> Any:
    """What the probe gives once it gives something."""
    deadline = time.monotonic() + 60
    while not (found := probe()):
        assert time.monotonic() < deadline, f"still no {what}"
        time.sleep(0.1)
    return found


def book(account: Account, start: EWSDateTime, hours: int, **more: Any) -> CalendarItem:
    values = {"subject": "Termin", "start": start, "end": start + hours * HOUR} | more
    return CalendarItem(account=account, folder=account.calendar, **values).save(
        send_meeting_invitations="SendToAllAndSaveCopy"
    )


def views(account: Account, *addresses: str, days: int = 1, view: str = "DetailedMerged") -> list[Any]:
    asked = [(address, "Required", False) for address in addresses]
    end = MIDNIGHT + timedelta(days=days)
    return list(account.protocol.get_free_busy_info(asked, MIDNIGHT, end, 60, view))


def test_free_and_busy_times(exchanges: Exchanges, office: Office) -> None:
    mine, theirs = office.alpha("anna"), office.alpha("bert")
    account, other = account_of(exchanges.alpha, mine), account_of(exchanges.alpha, theirs)
    book(account, MIDNIGHT + 9 * HOUR, 2, subject="Arzt", sensitivity="Private")
    book(account, MIDNIGHT + 10 * HOUR, 2, legacy_free_busy_status="OOF")
    book(account, MIDNIGHT + 14 * HOUR, 1, legacy_free_busy_status="Free", subject="Frei")
    daily = Recurrence(pattern=DailyPattern(interval=1), start=MIDNIGHT.date() - timedelta(days=3), number=9)
    book(account, MIDNIGHT - timedelta(days=3) + 16 * HOUR, 1, recurrence=daily, legacy_free_busy_status="Tentative")
    (own,) = views(account, mine.smtp)
    assert own.view_type == "DetailedMerged"
    assert own.merged == "000000000" + "2330" + "0001" + "0000000"
    assert [(each.start.hour, each.busy_type) for each in own.calendar_events] == [
        (9, "Busy"), (10, "OOF"), (14, "Free"), (16, "Tentative"),
    ]  # fmt: skip
    assert [each.details.subject for each in own.calendar_events] == ["Arzt", "Termin", "Frei", "Termin"]
    assert own.calendar_events[3].details.is_recurring
    assert [each.start.hour for each in own.working_hours] == [8]
    # Others see when, but not what.
    (seen,) = views(other, mine.smtp)
    assert (seen.view_type, seen.merged) == ("FreeBusyMerged", own.merged)
    assert [each.details for each in seen.calendar_events] == [None] * 4
    (week,) = views(other, mine.smtp, days=7, view="MergedOnly")
    assert (week.view_type, week.calendar_events) == ("MergedOnly", None)
    assert [week.merged[24 * day + 16] for day in range(7)] == list("1111110")


def test_a_group_and_those_nobody_knows_here(exchanges: Exchanges, office: Office) -> None:
    one, two = office.alpha("anna"), office.alpha("bert")
    account = account_of(exchanges.alpha, one)
    book(account, MIDNIGHT + 9 * HOUR, 1)
    book(account_of(exchanges.alpha, two), MIDNIGHT + 10 * HOUR, 1)
    unit, address = one.dn.partition(",")[2], f"team.{one.account}@alpha.test"
    with exchanges.alpha.forest.connect() as connection:
        forest: Any = connection
        values = {"mail": address, "proxyAddresses": [f"SMTP:{address}"], "member": [one.dn, two.dn]}
        forest.add(f"CN=Team,{unit}", ["group"], {"sAMAccountName": f"t-{one.account}", **values})
        forest.add(f"CN=Carl,{unit}", ["contact"], {"mail": f"carl.{address}", "targetAddress": "SMTP:c@out.test"})
    (team,) = views(account, address)
    assert (team.view_type, team.merged[8:12]) == ("MergedOnly", "0220")
    with pytest.raises(ErrorAvailabilityConfigNotFound):
        views(account, f"carl.{address}")
    (nobody,) = views(account, "nobody@alpha.test")
    assert isinstance(nobody, ErrorMailRecipientNotFound)


def test_the_other_organisation_says_who_is_busy_there(exchanges: Exchanges, office: Office) -> None:
    here, there = office.alpha("anna"), office.beta("carl")
    account = account_of(exchanges.alpha, here)
    book(account_of(exchanges.beta, there), MIDNIGHT + 9 * HOUR, 2, subject="Geheim")
    # A user of alpha whose mailbox is in beta already: what an organisation is in the middle of a migration.
    moved = office.alpha("carl", homeMDB=None, targetAddress=f"SMTP:{there.smtp}")
    for address in (there.smtp, moved.smtp):
        (view,) = views(account, address)
        assert (view.view_type, view.merged[8:12]) == ("FreeBusyMerged", "0220")
        assert [(each.start, each.details) for each in view.calendar_events] == [(MIDNIGHT + 9 * HOUR, None)]
    lost = office.beta("lost", homeMDB=None, targetAddress=f"SMTP:{moved.smtp}")
    exchanges.alpha.change(moved.dn, targetAddress=[f"SMTP:{lost.smtp}"])
    time.sleep(2)  # the server may go by what the forest said until then, and no longer
    with pytest.raises(ErrorAvailabilityConfigNotFound):
        views(account, moved.smtp)  # each refers to the other


SUGGESTIONS = """<m:GetUserAvailabilityRequest>
  <t:TimeZone><t:Bias>-60</t:Bias>
    <t:StandardTime><t:Bias>0</t:Bias><t:Time>03:00:00</t:Time><t:DayOrder>5</t:DayOrder><t:Month>10</t:Month>
      <t:DayOfWeek>Sunday</t:DayOfWeek></t:StandardTime>
    <t:DaylightTime><t:Bias>-60</t:Bias><t:Time>02:00:00</t:Time><t:DayOrder>5</t:DayOrder><t:Month>3</t:Month>
      <t:DayOfWeek>Sunday</t:DayOfWeek></t:DaylightTime></t:TimeZone>
  <m:MailboxDataArray>{people}</m:MailboxDataArray>
  <t:SuggestionsViewOptions>
    <t:MaximumResultsByDay>4</t:MaximumResultsByDay>
    <t:MeetingDurationInMinutes>60</t:MeetingDurationInMinutes>
    <t:MinimumSuggestionQuality>Good</t:MinimumSuggestionQuality>
    <t:DetailedSuggestionsWindow><t:StartTime>2030-05-06T00:00:00</t:StartTime>
      <t:EndTime>2030-05-08T00:00:00</t:EndTime></t:DetailedSuggestionsWindow>
  </t:SuggestionsViewOptions></m:GetUserAvailabilityRequest>"""


def test_suggestions(exchanges: Exchanges, office: Office) -> None:
    people = [office.alpha("anna"), office.alpha("bert")]
    one, two = (account_of(exchanges.alpha, each) for each in people)
    book(one, MIDNIGHT + 8 * HOUR, 3)
    book(two, MIDNIGHT + 12 * HOUR, 5)
    named = "".join(
        f"<t:MailboxData><t:Email><t:Address>{each.smtp}</t:Address></t:Email>"
        "<t:AttendeeType>Required</t:AttendeeType></t:MailboxData>"
        for each in people
    )
    answer = ask(exchanges.alpha, people[0], SUGGESTIONS.format(people=named))
    days = found(answer, ".//t:SuggestionDayResult")
    assert [texts(day, ".//t:MeetingTime") for day in days] == [
        ["2030-05-06T11:00:00"],
        [f"2030-05-07T{clock}:00" for clock in ("08:00", "08:30", "09:00", "09:30")],
    ]
    assert texts(answer, ".//t:DayQuality") == ["Excellent", "Excellent"]


# --- rooms ----------------------------------------------------------------------------------------------------------


def room(office: Office, name: str) -> Person:
    return office.alpha(name, msExchRecipientTypeDetails="16", msExchRecipientDisplayType="7")


def soon() -> EWSDateTime:
    """Ten in the morning on a day within every room's booking window."""
    day = datetime.now(tz=BERLIN).date() + timedelta(days=20)
    return EWSDateTime(day.year, day.month, day.day, 10, tzinfo=BERLIN)


def test_rooms_are_listed(exchanges: Exchanges, office: Office) -> None:
    aquarium, garden, person = room(office, "aquarium"), room(office, "garden"), office.alpha("anna")
    account, unit = account_of(exchanges.alpha, person), person.dn.partition(",")[2]
    address = f"rooms.{person.account}@alpha.test"
    with exchanges.alpha.forest.connect() as connection:
        forest: Any = connection
        values = {
            "displayName": f"House {person.account}",
            "mail": address,
            "proxyAddresses": [f"SMTP:{address}"],
            "member": [aquarium.dn, garden.dn, person.dn],
            "msExchRecipientTypeDetails": "268435456",
        }
        forest.add(f"CN=House,{unit}", ["group"], {"sAMAccountName": f"h-{person.account}", **values})
    lists = {each.email_address: each.name for each in account.protocol.get_roomlists()}
    assert lists[address] == f"House {person.account}"
    rooms = list(account.protocol.get_rooms(address))
    assert {each.email_address for each in rooms} == {aquarium.smtp, garden.smtp}
    with pytest.raises(ErrorNameResolutionNoResults):
        list(account.protocol.get_rooms(person.smtp))


def test_a_room_accepts_who_comes_first(exchanges: Exchanges, office: Office) -> None:
    place, first, second = room(office, "aquarium"), office.alpha("anna"), office.beta("carl")
    one, two = account_of(exchanges.alpha, first), account_of(exchanges.beta, second)
    booked = account_of(exchanges.alpha, place)

    def status(account: Account, item: CalendarItem) -> str:
        (attendee,) = account.calendar.get(id=item.id).resources
        return str(attendee.response_type)

    mine = book(one, soon(), 2, resources=[place.smtp], subject="Geheim")
    eventually(lambda: status(one, mine) == "Accept", "answer of the room")
    (entry,) = booked.calendar.all()
    assert (entry.subject, entry.legacy_free_busy_status, entry.my_response_type) == (first.name, "Busy", "Accept")
    assert booked.inbox.all().count() == 0
    theirs = book(two, soon() + HOUR, 2, resources=[place.smtp])
    eventually(lambda: status(two, theirs) == "Decline", "refusal by the room")
    (answer,) = two.inbox.all()
    assert answer.subject == "Declined: Termin"
    assert "conflicts" in answer.text_body
    assert booked.calendar.all().count() == 1
    # Once the first has gone, the second may have it.
    mine.delete(send_meeting_cancellations="SendToAllAndSaveCopy")
    eventually(lambda: booked.calendar.all().count() == 0, "removal")
    theirs.start += HOUR / 2
    theirs.save(update_fields=["start"], send_meeting_invitations="SendToAllAndSaveCopy")
    eventually(lambda: status(two, theirs) == "Accept", "answer of the room")
    far = book(one, soon() + timedelta(days=200), 1, resources=[place.smtp])
    eventually(lambda: status(one, far) == "Decline", "refusal of what is too far")
