"""GetFolder ([MS-OXWSFOLD] 3.1.4.6)."""

from __future__ import annotations

from collections.abc import Iterator

from ..call import Call, reading
from ..folders import FolderShape, show
from ..names import Element, child, m
from ..soap import Answer


@reading
def get_folder(call: Call) -> Answer:
    """The folders in the wanted shape."""
    shape = FolderShape.parse(child(call.element, "FolderShape"))

    def handle(node: Element) -> Iterator[Element]:
        mailbox, folder = call.folder(node)
        yield m("Folders", show(call.access(mailbox), folder, shape))

    return call.answer_each(call.children("FolderIds"), handle)
