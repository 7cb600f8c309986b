"""FindItem: pages, restrictions, queries in words, sort orders, groups ([MS-OXWSSRCH] 3.1.4.2)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial

from isthmus_lab.store import And, Or, Restriction, Rights

from .. import aqs, calendar_view, contacts_view, search_folders
from ..call import Call, reading
from ..errors import EwsError
from ..fields import View
from ..grouping import Group, Grouping
from ..names import Element, child, elements, m, t
from ..paging import Window
from ..restrictions import read, restriction_in, sort_order
from ..shapes import Shape, show
from ..soap import Answer
from ..versions import SCHEMAS, VERSIONS


@reading
def find_item(call: Call) -> Answer:
    """The items of folders that meet a restriction or a query."""
    shape = Shape.parse(child(call.element, "ItemShape"))
    traversal = call.element.get("Traversal")
    restriction = _wanted(call)
    order = sort_order(child(call.element, "SortOrder"))
    grouping = Grouping.parse(call.element)
    calendar, contacts = (child(call.element, f"{name}View") for name in ("Calendar", "Contacts"))
    if calendar is not None and (restriction is not None or order or grouping is not None):
        raise EwsError("ErrorInvalidOperation", "A CalendarView takes no restriction, sort order or group.")
    if contacts is not None:
        restriction, order = contacts_view.within(contacts, restriction), order or contacts_view.ORDER
    window = Window.parse(call.element, "Item")
    limit = call.services.settings.find_count_limit

    def handle(node: Element) -> Iterator[Element]:
        mailbox, folder = call.folder(node, Rights.READ_ANY)
        if calendar is not None:
            shown, attributes = calendar_view.find(call, mailbox, folder, calendar, limit)
            yield _answer(attributes, _items(shown, shape))
            return
        # The dumpster of a folder itself is gone since Exchange 2010: nothing is found there.
        seen = Or(()) if traversal == "SoftDeleted" else call.access(mailbox).seen(restriction)
        places: bytes | list[bytes] = folder.id
        if folder.is_search:
            places, sought = search_folders.within(mailbox, folder)
            seen = sought if seen is None else And((sought, seen))
        find = partial(mailbox.items.find, places, seen, sort=order, associated=traversal == "Associated")
        part = contacts_view.page(contacts) if contacts is not None else window
        if part.condition is not None:
            condition = read(elements(part.condition)[0])
            place = mailbox.items.position(
                places, condition, seen, sort=order, associated=traversal == "Associated", last=part.from_end
            )
            part = part.at(place, find(limit=0).total)
        views = partial(map, partial(call.view, mailbox, body=shape.body))
        if grouping is None:
            start, page = part.within(limit).page(find)
            total, found = page.total, list(views(page.rows))
            content = _items(found, shape)
        else:
            rows = find().rows
            total = len(rows)
            start, end = part.within(limit).of(total)
            groups = _part(grouping.groups(views(rows)), start, end)
            found = [view for group in groups for view in group.views]
            content = _grouped(groups, shape)
        if not part.indexed and total > limit:
            raise EwsError("ErrorExceededFindCountLimit", f"More than {limit} items; ask for them page by page.")
        attributes = part.attributes(start, start + len(found), total)
        if contacts is not None:
            del attributes["IndexedPagingOffset"]
        yield _answer(attributes, content)

    return call.answer_each(call.children("ParentFolderIds"), handle)


def _wanted(call: Call) -> Restriction | None:
    """What the request's Restriction or QueryString asks for; only one of them may be there."""
    restriction, query = restriction_in(call.element), child(call.element, "QueryString")
    if child(call.element, "SeekToConditionPageItemView") is not None:
        newest = VERSIONS[call.services.settings.version].schema
        if SCHEMAS.index(newest) < SCHEMAS.index("Exchange2013"):
            raise EwsError("ErrorSchemaValidation", "SeekToConditionPageItemView came with Exchange 2013.")
    if query is None or not (query.text or "").strip():
        return restriction
    if restriction is not None:
        raise EwsError("ErrorInvalidOperation", "A request has a Restriction or a QueryString, not both.")
    return aqs.read(query.text or "", datetime.now(UTC).date())


def _part(groups: list[Group], start: int, end: int) -> list[Group]:
    """The groups with the items from one position to another; positions count the items of all groups."""
    found, at = [], 0
    for group in groups:
        views = group.views[max(0, start - at) : max(0, end - at)]
        at += len(group.views)
        if views:
            found.append(Group(group.index, views))
    return found


def _answer(attributes: dict[str, str], content: Element) -> Element:
    root = m("RootFolder", **attributes)
    root.append(content)
    return root


def _items(views: list[View], shape: Shape) -> Element:
    listed = t("Items")
    listed.extend(show(view, shape, light=True) for view in views)
    return listed


def _grouped(groups: list[Group], shape: Shape) -> Element:
    shown = t("Groups")
    for group in groups:
        node = t("GroupedItems", t("GroupIndex", group.index))
        node.append(_items(group.views, shape))
        shown.append(node)
    return shown
