"""FindConversation: the conversations of a folder, by pages ([MS-OXWSCONV] 3.1.4.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial

from isthmus_lab.store import Rights, Row

from .. import aqs
from ..call import Call, reading
from ..conversations import conversations, show
from ..errors import EwsError
from ..names import Element, child, elements, m, text
from ..paging import Window
from ..shapes import item_id, uri_of
from ..soap import Answer

_FILTERS: dict[str, Callable[[Row], bool]] = {
    "All": lambda _: True,
    "Unread": lambda row: not row.is_read,
    "Flagged": lambda row: row.flag_status == 2,
    "HasAttachment": lambda row: row.has_attachments,
}


@reading
def find_conversation(call: Call) -> Answer:
    """The answer is itself the response message."""
    return call.single("FindConversationResponse", partial(_find, call))


def _find(call: Call) -> Iterator[Element]:
    window = Window.parse(call.element, "Item").within(call.services.settings.find_count_limit)
    if window.condition is not None:
        raise EwsError("ErrorInvalidOperation", "Conversations are given by position only.")
    wanted = call.element.get("ViewFilter") or "All"
    if wanted not in _FILTERS:
        raise EwsError("ErrorInvalidOperation", f"The view {wanted} is not known here.")
    mailbox, folder = call.target_folder("ParentFolderId", need=Rights.READ_ANY)
    query = (text(call.element, "QueryString") or "").strip()
    restriction = aqs.read(query, datetime.now(UTC).date()) if query else None
    rows = mailbox.items.find(folder.id, call.access(mailbox).seen(restriction)).rows
    found = conversations(mailbox, filter(_FILTERS[wanted], rows), everywhere=call.access(mailbox).full)
    if _ascending(call):
        found.reverse()
    start, end = window.of(len(found))

    def ids(rows: list[Row]) -> list[Element]:
        return [item_id(mailbox.guid, row) for row in rows]

    listed = m("Conversations")
    listed.extend(show(each, ids(each.rows), ids(each.everywhere)) for each in found[start:end])
    yield listed
    yield m("TotalConversationsInView", str(len(found)))
    yield m("IndexedOffset", str(end))


def _ascending(call: Call) -> bool:
    """Whether the oldest come first; nothing else than the last delivery is sorted by."""
    order = elements(child(call.element, "SortOrder"))
    for each in order:
        if uri_of(elements(each)[0]) != "conversation:LastDeliveryTime":
            raise EwsError("ErrorUnsupportedPathForSortGroup", "Conversations are sorted by LastDeliveryTime only.")
    return bool(order) and order[0].get("Order") == "Ascending"
