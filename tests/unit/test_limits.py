"""What a project allows of its servers and its line, by the hours of the week."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from isthmus_project import LineLimits, ServerLimits
from pydantic import ValidationError

WORKING = datetime(2027, 1, 13, 9, 30, tzinfo=UTC)  # a Wednesday
EVENING = datetime(2027, 1, 13, 20, 0, tzinfo=UTC)
OFFICE: dict[str, Any] = {"time_zone": "Europe/Berlin", "business_hours": ["mon-fri 07:00-18:00"]}


def server(**fields: Any) -> ServerLimits:
    return ServerLimits.model_validate(OFFICE | fields)


def test_without_limits_everything_is_allowed() -> None:
    free = ServerLimits()
    assert free.rate(WORKING) is None
    assert free.at_once(10, WORKING, 0.5) == 10
    assert not free.closed(WORKING)


def test_business_hours_are_by_the_clock_of_their_zone() -> None:
    limits = server(business_connections=2)
    assert limits.business(datetime(2027, 1, 13, 6, 0, tzinfo=UTC))  # seven in Berlin
    assert not limits.business(datetime(2027, 1, 13, 17, 0, tzinfo=UTC))
    assert limits.business(datetime(2027, 7, 14, 5, 0, tzinfo=UTC))  # summer time
    assert limits.at_once(10, WORKING, 1.0) == 2
    assert limits.at_once(10, EVENING, 1.0) == 10


@pytest.mark.parametrize(
    ("allowed", "share", "expected"),
    [(6, 1.0, 6), (6, 0.5, 3), (6, 1 / 12, 1), (1, 0.25, 1), (50, 1.0, 10), ("30 %", 0.25, 3), ("5%", 1.0, 1)],
)
def test_a_number_is_for_all_workers_and_a_share_is_of_each(allowed: Any, share: float, expected: int) -> None:
    assert server(business_connections=allowed).at_once(10, WORKING, share) == expected


@pytest.mark.parametrize(
    ("written", "bytes_a_second"),
    [
        ("500 kB/s", 500_000),
        ("2.5MB/s", 2_500_000),
        ("20 Mbit/s", 2_500_000),
        ("1 Gbit/s", 125_000_000),
        (65_536, 65_536),
    ],
)
def test_rates_are_read_as_they_are_written(written: Any, bytes_a_second: int) -> None:
    limits = LineLimits.model_validate({"bandwidth": written})
    assert limits.rate(WORKING) == bytes_a_second
    assert LineLimits.model_validate_json(limits.model_dump_json()) == limits


def test_the_lower_of_two_rates_counts_in_business_hours() -> None:
    limits = server(bandwidth="4 MB/s", business_bandwidth="1 MB/s")
    assert (limits.rate(WORKING), limits.rate(EVENING)) == (1_000_000, 4_000_000)


def test_blackout_is_of_the_same_clock() -> None:
    limits = ServerLimits.model_validate({"time_zone": "Europe/Berlin", "blackout": ["sun 02:00-06:00"]})
    assert limits.closed(datetime(2027, 1, 17, 1, 0, tzinfo=UTC))
    assert not limits.closed(datetime(2027, 1, 17, 5, 0, tzinfo=UTC))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"business_connections": 2}, "business_hours is missing"),
        ({"business_hours": ["mon-fri 07:00-18:00"]}, "hold nothing back"),
        (OFFICE | {"business_connections": 0}, "name the hours in blackout"),
        (OFFICE | {"business_connections": "0 %"}, "a share of connections"),
        (OFFICE | {"business_connections": "many"}, "a share of connections"),
        ({"bandwidth": "fast"}, "a rate is expected"),
        ({"bandwidth": "1 kB/s"}, "10 kB/s is the least"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_remedy(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        ServerLimits.model_validate(fields)
