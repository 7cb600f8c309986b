"""FindItem's CalendarView: appointments and occurrences of series within a time, by their start ([MS-OXWSSRCH])."""

from __future__ import annotations

from typing import Final

from isthmus_lab.mapi import occurrences, tags
from isthmus_lab.store import And, Compare, Folder, Mailbox

from .call import Call
from .errors import EwsError
from .fields import View
from .names import Element
from .values import parse_moment, parse_time

_DAY: Final = 864_000_000_000
_LONGEST: Final = 2
"""Years that a view may span."""


def find(call: Call, mailbox: Mailbox, folder: Folder, span: Element, limit: int) -> tuple[list[View], dict[str, str]]:
    """What touches the time, and the attributes of the answer."""
    if not folder.container_class.startswith("IPF.Appointment"):
        raise EwsError("ErrorCalendarFolderIsInvalidForCalendarView", "CalendarView is for calendar folders only.")
    begin, end = parse_time(span.get("StartDate", "")), parse_time(span.get("EndDate", ""))
    if end < begin:
        raise EwsError("ErrorCalendarEndDateIsEarlierThanStartDate", "EndDate is earlier than StartDate.")
    first, last = (parse_moment(span.get(name, "")) for name in ("StartDate", "EndDate"))
    if (last - first).days > _LONGEST * 366:
        raise EwsError("ErrorCalendarViewRangeTooBig", "The specified view range exceeds the maximum of two years.")
    # A series may end later than it says: its clip is a local day, an exception may lie a little behind it.
    may_touch = And(
        (Compare(tags.PidLidAppointmentStartWhole, "<", end), Compare(tags.PidLidClipEnd, ">", begin - 2 * _DAY))
    )
    found = []
    for row in mailbox.items.find(folder.id, call.access(mailbox).seen(may_touch)).rows:
        if row.recurring:
            series = call.view(mailbox, row)
            found += [call.view(mailbox, row, occurrence=each) for each in occurrences.expand(series.value, begin, end)]
        elif row.end > begin:
            found.append(call.view(mailbox, row))
    found.sort(key=lambda view: int(view.value(tags.PidLidAppointmentStartWhole) or 0))
    most = int(span.get("MaxEntriesReturned", limit))
    shown = found[: min(most, limit)]
    if len(found) > limit and most > limit:
        raise EwsError("ErrorExceededFindCountLimit", f"More than {limit} items; ask for a shorter time.")
    everything = "true" if len(shown) == len(found) else "false"
    return shown, {"TotalItemsInView": str(len(found)), "IncludesLastItemInRange": everything}
