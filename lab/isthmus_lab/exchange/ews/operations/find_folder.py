"""FindFolder: shallow and deep, paged ([MS-OXWSFOLD], [MS-OXWSSRCH] 3.1.4.1)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from isthmus_lab.store import Rights

from ..call import Call, not_public, reading
from ..errors import EwsError
from ..folders import FolderShape, show, value
from ..names import Element, child, m, t
from ..paging import Window
from ..restrictions import matches, restriction_in
from ..soap import Answer


@reading
def find_folder(call: Call) -> Answer:
    """The folders below each parent."""
    shape = FolderShape.parse(child(call.element, "FolderShape"))
    deep = call.element.get("Traversal") == "Deep"
    restriction = restriction_in(call.element)
    window = Window.parse(call.element, "Folder")

    limit = call.services.settings.find_count_limit

    def handle(node: Element) -> Iterator[Element]:
        mailbox, parent = call.folder(node)
        if deep:
            not_public(mailbox)
        access = call.access(mailbox)
        found = [
            each
            for each in mailbox.folders.children(parent.id, deep=deep)
            if (restriction is None or matches(restriction, partial(value, each)))
            and (access.full or Rights.VISIBLE in access.on(each))
        ]
        if call.element.get("Traversal") == "SoftDeleted":  # folders' dumpsters are gone since Exchange 2010
            found = []
        if not window.indexed and len(found) > limit:
            raise EwsError("ErrorExceededFindCountLimit", f"More than {limit} folders; ask for them page by page.")
        start, end = window.within(limit).of(len(found))
        root = m("RootFolder", **window.attributes(start, end, len(found)))
        listed = t("Folders")
        listed.extend(show(access, each, shape) for each in found[start:end])
        root.append(listed)
        yield root

    return call.answer_each(call.children("ParentFolderIds"), handle)
