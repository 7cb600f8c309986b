"""Queries in words: the part of Advanced Query Syntax that Exchange understands in FindItem's QueryString.

``subject:plan from:"Hope Gross" (kind:meetings OR hasattachment:true) NOT received:yesterday``: what stands side by
side must all be met; a keyword holds for the words behind it up to the next keyword or operator. Days are days in UTC.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Final, Literal, get_args

from isthmus_lab.mapi import tags
from isthmus_lab.mapi.bag import filetime
from isthmus_lab.mapi.tags import PropertyKey
from isthmus_lab.store import And, Bitmask, Compare, Contains, Exists, Mentions, Not, Or, Restriction
from isthmus_lab.store.words import Place

from .errors import EwsError

_TOKEN: Final = re.compile(r'\s*(?:([()])|(-?[A-Za-z]+):\s*|"([^"]*)"|([^\s()":]+:?[^\s()"]*))')
_MOST, _DEEPEST = 2048, 50
"""Characters and brackets of a query; one with more is refused."""

_PLACES: Final[dict[str, Place]] = {name: name for name in get_args(Place) if name != "anywhere"} | {
    "attachments": "attachment",
    "attachmentnames": "attachment",
    "categories": "category",
    "contents": "body",
}
_TIMES: Final[dict[str, PropertyKey]] = {
    "received": tags.PidTagMessageDeliveryTime,
    "sent": tags.PidTagClientSubmitTime,
    "date": tags.PidTagMessageDeliveryTime,
    "start": tags.PidLidAppointmentStartWhole,
    "due": tags.PidLidTaskDueDate,
}
_KINDS: Final[dict[str, tuple[str, ...]]] = {
    "contacts": ("IPM.Contact", "IPM.DistList"),
    "docs": ("IPM.Document",),
    "email": ("IPM.Note", "IPM.Schedule.Meeting"),
    "faxes": ("IPM.Note.Microsoft.Fax",),
    "im": ("IPM.Note.Microsoft.Conversation",),
    "journals": ("IPM.Activity",),
    "meetings": ("IPM.Appointment", "IPM.Schedule.Meeting"),
    "notes": ("IPM.StickyNote",),
    "posts": ("IPM.Post",),
    "rssfeeds": ("IPM.Post.RSS",),
    "tasks": ("IPM.Task",),
    "voicemail": ("IPM.Note.Microsoft.Voicemail",),
}
_LEVELS: Final = {"low": 0, "normal": 1, "medium": 1, "high": 2}
_FLAGS: Final[dict[str, Restriction]] = {
    "hasattachment": Compare(tags.PidTagHasAttachments, "=", True),
    "hasattachments": Compare(tags.PidTagHasAttachments, "=", True),
    "isread": Bitmask(tags.PidTagMessageFlags, tags.MSGFLAG_READ),
    "read": Bitmask(tags.PidTagMessageFlags, tags.MSGFLAG_READ),
    "isflagged": Compare(tags.PidTagFlagStatus, "=", 2),
}
_UNITS: Final = {"": 1, "b": 1, "kb": 1024, "mb": 1024**2, "gb": 1024**3}
_RELATIVE: Final = {"this", "last", "next"}
_KEYWORDS: Final = {*_PLACES, *_TIMES, *_FLAGS, "kind", "importance", "size"}

Sign = Literal["=", "<", "<=", ">", ">="]


def read(query: str, today: date) -> Restriction:
    """The restriction that a query means. Raises EwsError ErrorQueryFilterTooLong, ErrorInvalidValueForProperty."""
    if len(query) > _MOST or query.count("(") > _DEEPEST:
        raise EwsError("ErrorQueryFilterTooLong", "The query is too long.")
    return _Reader(query, today).all()


class _Reader:
    """One query, token by token: ("(" | ")"), ("key", name), ("phrase", text), ("word", text)."""

    def __init__(self, query: str, today: date) -> None:
        self._tokens = [_token(found) for found in _TOKEN.finditer(query)]
        self._at = 0
        self._today = today

    def all(self) -> Restriction:
        parts = []
        while self._at < len(self._tokens):
            parts.append(self._either(None))
            if self._next(")"):  # one too many; Exchange's parser is as forgiving
                continue
        return And(tuple(parts))

    def _either(self, keyword: str | None) -> Restriction:
        parts = [self._both(keyword)]
        while self._next("OR", "||"):
            parts.append(self._both(keyword))
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _both(self, keyword: str | None) -> Restriction:
        parts = list[Restriction]()
        inside = keyword
        while self._at < len(self._tokens) and not self._sees(")", "OR", "||"):
            if self._next("AND", "&&", "+"):
                inside = keyword
                continue
            part, inside = self._one(inside, keyword)
            parts.append(part)
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _one(self, keyword: str | None, outer: str | None) -> tuple[Restriction, str | None]:
        """One condition, and the keyword that holds for what stands behind it; where one is missing all is met."""
        if self._at >= len(self._tokens) or self._sees(")"):
            return And(()), outer
        if self._next("NOT"):
            part, keyword = self._one(outer, outer)
            return Not(part), keyword
        if self._next("("):
            inner = self._either(keyword)
            self._next(")")
            return inner, outer
        kind, written = self._tokens[self._at]
        self._at += 1
        if kind != "key":
            return self._value(keyword, kind == "phrase", written), keyword
        name = written.lstrip("-")
        part, _ = self._one(name, name)
        return Not(part) if written.startswith("-") else part, name if name in _PLACES else outer

    def _value(self, keyword: str | None, phrase: bool, written: str) -> Restriction:
        if keyword is None:
            negative = not phrase and len(written) > 1 and written.startswith("-")
            found: Restriction = Mentions("anywhere", written[1:] if negative else written, phrase)
            return Not(found) if negative else found
        if keyword in _PLACES:
            return Mentions(_PLACES[keyword], written.rstrip("*"), phrase)
        try:
            if keyword in _TIMES:
                return self._time(_TIMES[keyword], written)
            if keyword in _FLAGS:
                wanted = {"true": True, "yes": True, "false": False, "no": False}[written.lower()]
                return _FLAGS[keyword] if wanted else Not(_FLAGS[keyword])
            if keyword == "kind":
                return Or(tuple(Contains(tags.PidTagMessageClass, each, "prefix") for each in _KINDS[written.lower()]))
            if keyword == "importance":
                return Compare(tags.PidTagImportance, "=", _LEVELS[written.lower()])
            return _range(tags.PidTagMessageSize, written, _size)
        except (KeyError, ValueError):
            raise EwsError("ErrorInvalidValueForProperty", f"{keyword}: does not understand {written!r}.") from None

    def _time(self, key: PropertyKey, written: str) -> Restriction:
        if written.lower() in _RELATIVE and self._at < len(self._tokens) and self._tokens[self._at][0] == "word":
            written = f"{written} {self._tokens[self._at][1]}"
            self._at += 1
        return _range(key, written, lambda text: _days(text, self._today))

    def _sees(self, *operators: str) -> bool:
        if self._at >= len(self._tokens):
            return False
        kind, written = self._tokens[self._at]
        return kind in ("word", "(", ")") and written in operators

    def _next(self, *operators: str) -> bool:
        found = self._sees(*operators)
        self._at += found
        return found


def _token(found: re.Match[str]) -> tuple[str, str]:
    bracket, keyword, phrase, word = found.groups()
    if bracket:
        return bracket, bracket
    if keyword is not None:
        name = keyword.lower()
        # What is no keyword is a word like any other.
        return ("key", name) if name.lstrip("-") in _KEYWORDS else ("word", keyword)
    return ("phrase", phrase) if phrase is not None else ("word", word)


def _range(key: PropertyKey, written: str, span: Callable[[str], tuple[int, int]]) -> Restriction:
    """``5``, ``>5``, ``2..5`` of something that ``span`` reads as the values from the first up to before the second."""
    if ".." in written:
        first, _, last = written.partition("..")
        return And((Exists(key), Compare(key, ">=", span(first)[0]), Compare(key, "<", span(last)[1])))
    found = re.match(r"(>=|<=|>|<|=)?(.*)", written)
    assert found is not None
    begin, end = span(found[2])
    match found[1]:
        case ">":
            return Compare(key, ">=", end)
        case ">=":
            return Compare(key, ">=", begin)
        case "<":
            return And((Exists(key), Compare(key, "<", begin)))
        case "<=":
            return And((Exists(key), Compare(key, "<", end)))
    return And((Exists(key), Compare(key, ">=", begin), Compare(key, "<", end)))


def _size(written: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d+)([kmg]?b?)", written.lower())
    if found is None:
        raise ValueError(written)
    value = int(found[1]) * _UNITS[found[2] if found[2] in _UNITS else f"{found[2]}b"]
    return value, value + 1


def _days(written: str, today: date) -> tuple[int, int]:
    """The FILETIMEs at which a day, week, month or year begins and the next one does."""
    name = written.strip().lower()
    if name in ("today", "yesterday", "tomorrow"):
        first = today + timedelta(days=("yesterday", "today", "tomorrow").index(name) - 1)
        return _midnight(first), _midnight(first + timedelta(days=1))
    which, _, unit = name.partition(" ")
    if which in _RELATIVE:
        step = {"last": -1, "this": 0, "next": 1}[which]
        return _midnight(_begin(unit, today, step)), _midnight(_begin(unit, today, step + 1))
    found = re.fullmatch(r"(\d{4})-(\d\d?)-(\d\d?)", name)
    american = re.fullmatch(r"(\d\d?)/(\d\d?)/(\d{4})", name)
    if american:
        month, day, year = map(int, american.groups())
    elif found:
        year, month, day = map(int, found.groups())
    elif re.fullmatch(r"\d{4}", name):
        return _midnight(date(int(name), 1, 1)), _midnight(date(int(name) + 1, 1, 1))
    else:
        raise ValueError(written)
    first = date(year, month, day)
    return _midnight(first), _midnight(first + timedelta(days=1))


def _begin(unit: str, today: date, step: int) -> date:
    """The first day of this week, month or year, or of one before or after it."""
    if unit == "week":  # weeks begin on Sunday, as in Exchange's own culture
        return today - timedelta(days=today.isoweekday() % 7) + timedelta(weeks=step)
    if unit == "month":
        months = today.year * 12 + today.month - 1 + step
        return date(months // 12, months % 12 + 1, 1)
    if unit == "year":
        return date(today.year + step, 1, 1)
    raise ValueError(unit)


def _midnight(day: date) -> int:
    return filetime(datetime(day.year, day.month, day.day, tzinfo=UTC))
