"""FindItem: pages, restrictions, sort orders, calendar views ([MS-OXWSSRCH] 3.1.4.2)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from isthmus_lab.mapi import occurrences, tags
from isthmus_lab.store import And, Compare, Mailbox, Rights

from ..call import Call, operation
from ..errors import EwsError
from ..fields import View
from ..names import Element, child, m, t
from ..paging import Window
from ..restrictions import restriction_in, sort_order
from ..shapes import Shape, show
from ..soap import Answer
from ..values import parse_time

_DAY = 864_000_000_000
_PAGE = 1000
"""Exchange answers at most so many items at once (EWSFindCountLimit)."""


@operation
def find_item(call: Call) -> Answer:
    """The items of folders that meet a restriction."""
    shape = Shape.parse(child(call.element, "ItemShape"))
    associated = call.element.get("Traversal") == "Associated"
    if call.element.get("Traversal") == "SoftDeleted":
        raise EwsError("ErrorInvalidOperation", "Soft-deleted items are in recoverableitemsdeletions.")
    restriction = restriction_in(call.element)
    order = sort_order(child(call.element, "SortOrder"))
    window = Window.parse(call.element, "IndexedPageItemView", "FractionalPageItemView")
    calendar = child(call.element, "CalendarView")

    def handle(node: Element) -> Iterator[Element]:
        mailbox, folder = call.folder(node, Rights.READ_ANY)
        if calendar is not None:
            views = _view(call, mailbox, folder.id, calendar)
            attributes = {"TotalItemsInView": str(len(views)), "IncludesLastItemInRange": "true"}
            views = views[: int(calendar.get("MaxEntriesReturned", _PAGE))]
        else:
            access = call.access(mailbox)
            find = partial(mailbox.items.find, folder.id, access.seen(restriction), sort=order, associated=associated)
            if window.counts_from_start:
                start, page = window.offset, find(offset=window.offset, limit=min(window.most or _PAGE, _PAGE))
            else:
                start, end = window.of(find(limit=0).total)
                page = find(offset=start, limit=min(end - start, _PAGE))
            views = [call.view(mailbox, row, body=shape.body) for row in page.rows]
            attributes = window.attributes(start, start + len(views), page.total)
        root = m("RootFolder", **attributes)
        listed = t("Items")
        listed.extend(show(view, shape, light=True) for view in views)
        root.append(listed)
        yield root

    return call.answer_each(call.children("ParentFolderIds"), handle)


def _view(call: Call, mailbox: Mailbox, folder: bytes, span: Element) -> list[View]:
    """The appointments and occurrences that touch the time of a CalendarView, by their start."""
    begin, end = parse_time(span.get("StartDate", "")), parse_time(span.get("EndDate", ""))
    if end < begin:
        raise EwsError("ErrorCalendarEndDateIsEarlierThanStartDate", "EndDate is earlier than StartDate.")
    # A series may end later than it says: its clip is a local day, an exception may lie a little behind it.
    may_touch = And(
        (Compare(tags.PidLidAppointmentStartWhole, "<", end), Compare(tags.PidLidClipEnd, ">", begin - 2 * _DAY))
    )
    found = []
    for row in mailbox.items.find(folder, call.access(mailbox).seen(may_touch)).rows:
        if row.recurring:
            series = call.view(mailbox, row)
            found += [call.view(mailbox, row, occurrence=each) for each in occurrences.expand(series.value, begin, end)]
        elif row.end > begin:
            found.append(call.view(mailbox, row))
    return sorted(found, key=lambda view: int(view.value(tags.PidLidAppointmentStartWhole) or 0))
