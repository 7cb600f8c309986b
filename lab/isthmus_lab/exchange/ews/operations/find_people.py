"""FindPeople: the address list, or the contacts of a folder, by pages and by a few letters ([MS-OXWSPERS])."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from isthmus_lab.mapi import tags
from isthmus_lab.store import Rights

from ..call import Call, reading
from ..names import Element, child, local, m, text
from ..paging import Window
from ..people import KNOWN, contact_persona, matching, recipient_persona
from ..restrictions import sort_order
from ..soap import Answer

_BY_NAME = [(tags.PidTagDisplayName, False)]


@reading
def find_people(call: Call) -> Answer:
    """The answer is itself the response message."""
    return call.single("FindPeopleResponse", partial(_find, call))


def _find(call: Call) -> Iterator[Element]:
    window = Window.parse(call.element, "Item").within(call.services.settings.find_count_limit)
    words = (text(call.element, "QueryString") or "").strip()
    place = next(iter(call.children("ParentFolderId")), None)
    if place is None or local(place) == "AddressListId" or place.get("Id") == "directory":
        found = sorted(call.services.directory.search(words, 0), key=lambda each: each.name.casefold())
        total = len(found)
        start, end = window.of(total)
        shown = [recipient_persona(each) for each in found[start:end]]
    else:
        mailbox, folder = call.folder(place, Rights.READ_ANY)
        order = sort_order(child(call.element, "SortOrder")) or _BY_NAME
        restriction = call.access(mailbox).seen(matching(words) if words else KNOWN)
        total = mailbox.items.find(folder.id, restriction, limit=0).total
        start, end = window.of(total)
        rows = mailbox.items.find(folder.id, restriction, sort=order, offset=start, limit=end - start).rows
        shown = [contact_persona(call.view(mailbox, row)) for row in rows]
    people = m("People")
    people.extend(shown)
    yield people
    yield m("TotalNumberOfPeopleInView", str(total))
    yield m("FirstMatchingRowIndex", str(start))
    yield m("FirstLoadedRowIndex", str(start))
