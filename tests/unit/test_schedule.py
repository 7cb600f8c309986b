"""When mailboxes may be worked on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from isthmus_project import Schedule
from isthmus_project.schedule import within
from pydantic import ValidationError

BERLIN = ZoneInfo("Europe/Berlin")
# A Friday.
_FRIDAY = datetime(2027, 1, 15, tzinfo=BERLIN)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """So many days after that Friday."""
    return _FRIDAY + timedelta(days=day, hours=hour, minutes=minute)


@pytest.mark.parametrize(
    ("hours", "inside", "outside"),
    [
        ("mon-fri 18:00-07:00", [at(0, 18), at(1, 6, 59), at(3, 23)], [at(0, 17, 59), at(1, 7), at(2, 20), at(3, 6)]),
        ("sun 22:00-02:00", [at(2, 22), at(3, 1, 59)], [at(2, 21, 59), at(3, 2)]),
        ("sat-mon 00:00-24:00", [at(1, 0), at(2, 12), at(3, 23, 59)], [at(0, 23, 59), at(4, 0)]),
        ("12:30-13:00", [at(0, 12, 30), at(5, 12, 59)], [at(0, 12, 29), at(5, 13)]),
    ],
)
def test_hours_of_the_week(hours: str, inside: list[datetime], outside: list[datetime]) -> None:
    schedule = Schedule(time_zone="Europe/Berlin", windows=[hours])
    assert [schedule.closed(moment.astimezone(UTC)) for moment in inside] == [""] * len(inside)
    assert all(schedule.closed(moment.astimezone(UTC)) == "outside of its windows" for moment in outside)
    assert not any(schedule.closed(moment, ordered=True) for moment in outside)


def test_hours_stay_where_they_are_when_clocks_change() -> None:
    schedule = Schedule(time_zone="Europe/Berlin", windows=["18:00-19:00"])
    assert not schedule.closed(datetime(2027, 1, 15, 17, 30, tzinfo=UTC))
    assert not schedule.closed(datetime(2027, 7, 15, 16, 30, tzinfo=UTC))


def test_blackout_goes_before_everything() -> None:
    schedule = Schedule(windows=["00:00-24:00"], blackout=["fri 02:00-06:00"])
    moment = datetime(2027, 1, 15, 3, tzinfo=UTC)
    assert schedule.closed(moment) == schedule.closed(moment, ordered=True) == "blackout hours"


def test_a_first_moment_is_by_the_clock_of_the_zone() -> None:
    schedule = Schedule(time_zone="Europe/Berlin", not_before=datetime(2027, 1, 15, 18), windows=["20:00-23:00"])
    assert "not before 2027-01-15 18:00" in schedule.closed(at(0, 17))
    assert not schedule.closed(at(0, 20))


@pytest.mark.parametrize("hours", ["", "18-07", "mon 18:00-18:00", "mon 24:00-02:00", "moo 01:00-02:00", "10:60-11:00"])
def test_other_hours_are_refused(hours: str) -> None:
    with pytest.raises(ValidationError, match="hours are expected"):
        Schedule(windows=[hours])


def test_other_time_zones_are_refused() -> None:
    for zone in ("Europe/Atlantis", "../etc", ""):
        with pytest.raises(ValidationError, match="IANA"):
            Schedule(time_zone=zone)


@given(
    st.integers(0, 6),
    st.integers(0, 1439),
    st.integers(0, 1440),
    st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1)),
)
def test_a_window_and_its_complement(day: int, begin: int, end: int, when: datetime) -> None:
    """Every moment of a week lies within a span of at most a day, or within the rest of that week."""
    if begin == end:
        return
    name = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[day]
    hours = f"{name} {begin // 60:02}:{begin % 60:02}-{end // 60:02}:{end % 60:02}"
    length = (end - begin) % 1440 or 1440
    start = datetime(2026, 1, 5) + timedelta(days=day, minutes=begin)
    since = (when - start) % timedelta(weeks=1)
    assert within([hours], "UTC", when.replace(tzinfo=UTC)) == (since < timedelta(minutes=length))
