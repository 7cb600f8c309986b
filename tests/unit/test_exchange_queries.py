"""Queries in words: what they mean, and that nothing somebody writes breaks the reader."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from isthmus_lab.exchange.ews.aqs import read
from isthmus_lab.exchange.ews.errors import EwsError
from isthmus_lab.mapi import tags
from isthmus_lab.mapi.bag import Bag
from isthmus_lab.store import And, Compare, Contains, Exists, Mentions, Not, Or, Restriction
from isthmus_lab.store.words import Place, has_phrase, has_word_beginning, mentions

TODAY = date(2026, 3, 4)  # a Wednesday
DAY = 864_000_000_000

PARTS = ["(", ")", '"', "AND", "OR", "NOT", "-", ":", "..", ">", "subject:", "from:", "kind:", "received:", "size:"]
PARTS += ["today", "this", "week", "2024-02-30", "1/2/2024", "5mb", "true", "word", "Ärger", " ", " "]


@settings(max_examples=300)
@given(st.lists(st.sampled_from(PARTS) | st.text(max_size=4), max_size=12))
def test_any_query_is_understood_or_refused(parts: list[str]) -> None:
    try:
        found = read(" ".join(parts), TODAY)
    except EwsError as error:
        assert error.code in ("ErrorInvalidValueForProperty", "ErrorQueryFilterTooLong")
    else:
        assert isinstance(found, And)


@pytest.mark.parametrize("query", ["x" * 3000, "(" * 1000, "NOT " * 500 + "x"])
def test_a_monstrous_query_is_refused_or_read(query: str) -> None:
    try:
        assert isinstance(read(query, TODAY), And)
    except EwsError as error:
        assert error.code == "ErrorQueryFilterTooLong"


@pytest.mark.parametrize(
    ("query", "meaning"),
    [
        ("plan", Mentions("anywhere", "plan")),
        ('"the plan"', Mentions("anywhere", "the plan", True)),
        ("-plan", Not(Mentions("anywhere", "plan"))),
        ("NOT subject:plan", Not(Mentions("subject", "plan"))),
        ("subject:new plan", And((Mentions("subject", "new"), Mentions("subject", "plan")))),
        ("subject:(new OR plan)", Or((Mentions("subject", "new"), Mentions("subject", "plan")))),
        ("a OR b c", Or((Mentions("anywhere", "a"), And((Mentions("anywhere", "b"), Mentions("anywhere", "c")))))),
        ("cc:a to:b", And((Mentions("cc", "a"), Mentions("to", "b")))),
        ("kind:notes", Or((Contains(tags.PidTagMessageClass, "IPM.StickyNote", "prefix"),))),
        ("hasattachment:no", Not(Compare(tags.PidTagHasAttachments, "=", True))),
        ("size:>=2kb", Compare(tags.PidTagMessageSize, ">=", 2048)),
        ("unknown:x", And((Mentions("anywhere", "unknown"), Mentions("anywhere", "x")))),
    ],
)
def test_what_a_query_means(query: str, meaning: Restriction) -> None:
    assert read(query, TODAY) == And((meaning,))


@pytest.mark.parametrize(
    ("when", "first", "days"),
    [
        ("today", date(2026, 3, 4), 1),
        ("yesterday", date(2026, 3, 3), 1),
        ("this week", date(2026, 3, 1), 7),
        ("last week", date(2026, 2, 22), 7),
        ("this month", date(2026, 3, 1), 31),
        ("last month", date(2026, 2, 1), 28),
        ("next year", date(2027, 1, 1), 365),
        ("2/3/2025", date(2025, 2, 3), 1),
        ("2025-02-03..2025-02-05", date(2025, 2, 3), 3),
        ("2024", date(2024, 1, 1), 366),
    ],
)
def test_days_in_a_query(when: str, first: date, days: int) -> None:
    begin = (first - date(1601, 1, 1)).days * DAY
    key = tags.PidTagMessageDeliveryTime
    expected = And((Exists(key), Compare(key, ">=", begin), Compare(key, "<", begin + days * DAY)))
    assert read(f"received:{when}", TODAY) == And((expected,))


@pytest.mark.parametrize(
    ("place", "text", "phrase", "found"),
    [
        ("subject", "proj", False, True),
        ("subject", "ject", False, False),
        ("subject", "proj", True, False),
        ("subject", "GROSSE projekt", False, True),
        ("subject", "große Projekte", True, True),
        ("subject", "projekte große", True, False),
        ("body", "creme", False, True),
        ("to", "hope@", False, True),
        ("cc", "hope", False, False),
        ("participants", "hope", False, True),
        ("anywhere", "hope creme", False, True),
    ],
)
def test_words_in_an_item(place: Place, text: str, phrase: bool, found: bool) -> None:
    bag = Bag(
        {tags.PidTagSubject: "Große Projekte", tags.PidTagHtml: "<p>Crème <i>brûlée</i></p>".encode()},
        [{tags.PidTagRecipientType: 1, tags.PidTagDisplayName: "Hope", tags.PidTagSmtpAddress: "hope@here.test"}],
    )
    assert mentions(Mentions(place, text, phrase), bag) is found


def test_case_and_accents_count_where_they_shall() -> None:
    assert not has_word_beginning("Crème", "creme", marks=False)
    assert not has_word_beginning("Crème", "creme", case=False)
    assert has_phrase("une Crème brûlée", "crème BRÛLÉE", marks=False)
    assert not has_phrase("une Crème brûlée", "crème BRÛLÉE", case=False)
