"""FindItem: pages, restrictions, sort orders, calendar views ([MS-OXWSSRCH] 3.1.4.2)."""

from __future__ import annotations

from collections.abc import Iterator

from isthmus_lab.mapi import tags
from isthmus_lab.store import And, Compare, Mailbox, Row

from ..call import Call, operation
from ..errors import EwsError
from ..names import Element, child, m, t
from ..paging import Window
from ..restrictions import restriction_in, sort_order
from ..shapes import Shape, show
from ..soap import Answer
from ..values import parse_time

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
        mailbox, folder = call.folder(node)
        if calendar is not None:
            rows = _view(mailbox, folder.id, calendar)
            most = int(calendar.get("MaxEntriesReturned", _PAGE))
            attributes = {"TotalItemsInView": str(len(rows)), "IncludesLastItemInRange": "true"}
            rows = rows[:most]
        else:
            total = mailbox.items.find(folder.id, restriction, limit=0, associated=associated).total
            start, end = window.of(total)
            end = min(end, start + _PAGE)
            page = mailbox.items.find(
                folder.id, restriction, sort=order, offset=start, limit=end - start, associated=associated
            )
            rows, attributes = page.rows, window.attributes(start, end, total)
        root = m("RootFolder", **attributes)
        listed = t("Items")
        listed.extend(show(call.view(mailbox, row, body=shape.body), shape, light=True) for row in rows)
        root.append(listed)
        yield root

    return call.answer_each(call.children("ParentFolderIds"), handle)


def _view(mailbox: Mailbox, folder: bytes, view: Element) -> list[Row]:
    """The appointments that touch the time of a CalendarView, by their start; a series is listed once."""
    start, end = parse_time(view.get("StartDate", "")), parse_time(view.get("EndDate", ""))
    if end < start:
        raise EwsError("ErrorCalendarEndDateIsEarlierThanStartDate", "EndDate is earlier than StartDate.")
    begins = tags.PidLidAppointmentStartWhole
    once = And((Compare(begins, "<", end), Compare(tags.PidLidAppointmentEndWhole, ">", start)))
    return mailbox.items.find(folder, once, sort=[(begins, False)]).rows
