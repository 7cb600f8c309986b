"""Whether the mailboxes of a collection may be worked on, and if not, why and until when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from isthmus_mailbox.hours import Hours, Waiting, told
from isthmus_project import Collection, Project, Schedule, ServerLimits
from isthmus_project.closing import closed, opens

from tests.unit.directory_values import project as any_project

FRIDAY = datetime(2027, 1, 15, tzinfo=UTC)
NEVER = ["00:00-24:00"]


def project(whole: dict[str, Any] | None = None, target: dict[str, Any] | None = None) -> Project:
    """With this schedule for all mailboxes, and these limits of the target's servers."""
    made = any_project()
    mailbox = made.mailbox.model_copy(update={"schedule": Schedule.model_validate(whole or {})})
    exchange = made.target.exchange.model_copy(update={"limits": ServerLimits.model_validate(target or {})})
    return made.model_copy(update={"mailbox": mailbox, "target": made.target.model_copy(update={"exchange": exchange})})


def collection(**schedule: Any) -> Collection:
    return Collection.model_validate({"name": "C", "mailboxes": ["a@alpha.test"], "schedule": schedule})


def at(hour: int, minute: int = 0, day: int = 0) -> datetime:
    """So many days after a Friday."""
    return FRIDAY + timedelta(days=day, hours=hour, minutes=minute)


def test_it_opens_when_nothing_closes_it_any_more() -> None:
    whole = project({"blackout": ["fri 01:00-04:00"]}, {"time_zone": "Europe/Berlin", "blackout": ["fri 04:30-06:45"]})
    mine = collection(windows=["00:00-01:00", "05:00-05:30", "05:50-06:00"])
    assert closed(whole, mine, at(2), ordered=False) == "blackout hours"
    assert opens(whole, mine, at(2), ordered=False) == at(5, 50), "the servers' hours end at 05:45 by UTC"
    assert opens(whole, mine, at(0, 30), ordered=False) == at(0, 30)
    assert opens(whole, mine, at(3, 50), ordered=True) == at(5, 45)


def test_a_first_moment_holds_nothing_back_that_is_ordered() -> None:
    mine = collection(not_before="2027-03-01 18:00", windows=["20:00-22:00"], time_zone="Europe/Berlin")
    assert "not before" in closed(project(), mine, at(2), ordered=False)
    assert opens(project(), mine, at(2), ordered=False) == datetime(2027, 3, 1, 19, tzinfo=UTC)
    assert opens(project(), mine, at(2), ordered=True) == at(2)


@pytest.mark.parametrize(
    ("whole", "mine"), [({"blackout": NEVER}, {}), ({"windows": ["mon 01:00-02:00"]}, {"windows": ["tue 01:00-02:00"]})]
)
def test_what_never_opens(whole: dict[str, Any], mine: dict[str, Any]) -> None:
    assert opens(project(whole), collection(**mine), FRIDAY, ordered=False) is None


def _hours() -> st.SearchStrategy[str]:
    clock = st.tuples(st.integers(0, 23), st.sampled_from((0, 7, 30, 45)))
    pair = st.tuples(clock, clock).filter(lambda two: two[0] != two[1])
    days = st.sampled_from(("", "sun ", "sat-sun ", "mon-fri "))
    return st.builds(lambda day, two: f"{day}{two[0][0]:02}:{two[0][1]:02}-{two[1][0]:02}:{two[1][1]:02}", days, pair)


@settings(max_examples=15)
@given(
    st.lists(_hours(), max_size=2),
    st.lists(_hours(), max_size=2),
    st.sampled_from(("UTC", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe")),
    # Over the nights in which clocks change, too.
    st.sampled_from((FRIDAY, datetime(2027, 3, 27, 13, 11, tzinfo=UTC), datetime(2027, 10, 30, 9, tzinfo=UTC))),
    st.integers(0, 2000),
)
def test_it_is_the_first_minute_that_is_open(
    windows: list[str], blackout: list[str], zone: str, begin: datetime, minutes: int
) -> None:
    mine = collection(windows=windows, blackout=blackout, time_zone=zone)
    now = begin + timedelta(minutes=minutes)
    moments = (now + timedelta(minutes=count) for count in range(8 * 24 * 60))
    first = next((each for each in moments if not mine.schedule.closed(each)), None)
    assert opens(project(), mine, now, ordered=False) == first


def test_what_waits_is_told_with_its_end() -> None:
    night, later = Hours("blackout hours", at(6)), Hours("outside of its windows", at(20, day=1))
    assert told({}) == Waiting()
    both = told({"A": night, "B": night})
    assert both == Waiting("blackout hours: mailboxes of A, B wait", at(6))
    assert told({"A": night, "B": later}) == Waiting(
        "blackout hours: mailboxes of A wait until 2027-01-15 06:00 UTC; "
        "outside of its windows: mailboxes of B wait until 2027-01-16 20:00 UTC"
    )
