"""Who is busy when: what a calendar gives away, and times at which a meeting suits everybody ([MS-OXWSAVAIL])."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final, NamedTuple

from isthmus_lab.mapi import occurrences, tags
from isthmus_lab.mapi.bag import Bag, filetime
from isthmus_lab.mapi.calendaring.kinds import MEETING
from isthmus_lab.store import And, Compare, Mailbox

from .states import has_state

_DAY: Final = 864_000_000_000
MINUTE: Final = 600_000_000
FREE, TENTATIVE, BUSY, OUT_OF_OFFICE, ELSEWHERE, NO_DATA = range(6)
# The digits of a merged view by how much they say against a meeting.
_WEIGHT: Final = (FREE, NO_DATA, ELSEWHERE, TENTATIVE, BUSY, OUT_OF_OFFICE)


class Event(NamedTuple):
    """Something in a calendar; times are FILETIMEs."""

    start: int
    end: int
    status: int
    details: Bag
    id: bytes

    @property
    def is_private(self) -> bool:
        return bool(self.details.get(tags.PidTagSensitivity, 0) >= 2)


def events(mailbox: Mailbox, begin: int, end: int) -> list[Event]:
    """What touches a time in the mailbox's own calendar, in order."""
    # A series may end later than it says: its clip is a local day, an exception may lie a little behind it.
    touches = And(
        (Compare(tags.PidLidAppointmentStartWhole, "<", end), Compare(tags.PidLidClipEnd, ">", begin - 2 * _DAY))
    )
    found = []
    for row in mailbox.items.find(mailbox.folders.role("calendar").id, touches).rows:
        bag = mailbox.items.get(row.id).bag
        if not row.recurring:
            if row.end > begin:
                found.append(Event(row.start, row.end, bag.get(tags.PidLidBusyStatus, BUSY), bag, row.id))
            continue
        for each in occurrences.expand(bag.get, begin, end):
            shown = Bag(bag.properties | occurrences.instead(each))
            found.append(Event(each.start, each.end, shown.get(tags.PidLidBusyStatus, BUSY), shown, row.id))
    return sorted(found, key=lambda each: (each.start, each.end))


def is_meeting(event: Event) -> bool:
    return has_state(event.details.get, MEETING)


def merged(found: Iterable[Event], begin: int, end: int, minutes: int) -> str:
    """One digit for each interval: the weightiest status in it."""
    length = minutes * MINUTE
    digits = [FREE] * -(-(end - begin) // length)
    for event in found:
        first, last = max(event.start - begin, 0) // length, (min(event.end, end) - begin - 1) // length
        if event.start == event.end:
            continue
        for place in range(first, last + 1):
            digits[place] = max(digits[place], event.status, key=_WEIGHT.index)
    return "".join(map(str, digits))


def together(views: Iterable[str]) -> str:
    """The merged view of several people: at each place the weightiest digit."""
    return "".join(max(places, key=lambda digit: _WEIGHT.index(int(digit))) for places in zip(*views, strict=True))


@dataclass(frozen=True)
class WorkingHours:
    """When somebody works: weekdays (0 is Monday), and minutes from midnight."""

    days: frozenset[int] = frozenset(range(5))
    start: int = 480
    end: int = 1020

    def contains(self, begin: datetime, end: datetime) -> bool:
        """Whether a local time lies within."""
        midnight = datetime.combine(begin.date(), time(), begin.tzinfo)
        first, last = ((each - midnight) // timedelta(minutes=1) for each in (begin, end))
        return begin.weekday() in self.days and self.start <= first and last <= self.end


@dataclass(frozen=True)
class Wish:
    """What kind of time is looked for (SuggestionsViewOptions)."""

    minutes: int = 60
    good_threshold: int = 25
    most_by_day: int = 10
    most_outside: int = 0
    worst: str = "Fair"


QUALITIES: Final = ("Excellent", "Good", "Fair", "Poor")


@dataclass(frozen=True)
class Attendee:
    """Somebody whose time counts: what their calendar says, None when nobody knows; ``must`` excludes conflicts."""

    busy: list[Event] | None
    must: bool = False

    def status(self, begin: int, end: int) -> int:
        """The weightiest status in a time."""
        if self.busy is None:
            return NO_DATA
        found = (each.status for each in self.busy if each.start < end and each.end > begin)
        return max(found, key=_WEIGHT.index, default=FREE)


class Suggestion(NamedTuple):
    when: datetime
    in_hours: bool
    quality: str
    statuses: list[int]


def suggestions(people: list[Attendee], day: datetime, wish: Wish, hours: WorkingHours) -> list[Suggestion]:
    """The best times of a day, in order of the clock; ``day`` is its local midnight."""
    found = sorted(_candidates(people, day, wish, hours), key=lambda each: (QUALITIES.index(each.quality), each.when))
    within = [each for each in found if each.in_hours][: wish.most_by_day]
    outside = [each for each in found if not each.in_hours][: min(wish.most_outside, wish.most_by_day - len(within))]
    return sorted(within + outside, key=lambda each: each.when)


def _candidates(people: list[Attendee], day: datetime, wish: Wish, hours: WorkingHours) -> Iterator[Suggestion]:
    for slot in range(48):
        begin = day + timedelta(minutes=30 * slot)
        end = begin + timedelta(minutes=wish.minutes)
        span = filetime(begin), filetime(end)
        statuses = [each.status(*span) for each in people]
        if any(each.must and status in (BUSY, OUT_OF_OFFICE) for each, status in zip(people, statuses, strict=True)):
            continue
        conflicts = sum(status not in (FREE, ELSEWHERE) for status in statuses)
        percent = 100 * conflicts // max(len(people), 1)
        quality = (
            "Excellent"
            if not conflicts
            else "Good"
            if percent <= wish.good_threshold
            else "Fair"
            if percent < 50
            else "Poor"
        )
        if QUALITIES.index(quality) <= QUALITIES.index(wish.worst):
            yield Suggestion(begin, hours.contains(begin, end), quality, statuses)
