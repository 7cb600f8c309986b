"""CreateFolder ([MS-OXWSFOLD] 3.1.4.2)."""

from __future__ import annotations

from collections.abc import Iterator

from ..call import Call, operation
from ..errors import EwsError
from ..folders import CLASSES, changes_of, element_of
from ..names import Element, local, m, t
from ..shapes import folder_id
from ..soap import Answer


@operation
def create_folder(call: Call) -> Answer:
    """New folders below one parent."""

    def handle(node: Element) -> Iterator[Element]:
        mailbox, parent = call.target_folder("ParentFolderId")
        name, container, properties = changes_of(node)
        if not name:
            raise EwsError("ErrorFolderPropertRequestFailed", "A folder needs a DisplayName.")
        if local(node) not in CLASSES:
            raise EwsError("ErrorInvalidRequest", f"A {local(node)} cannot be created here.")
        made = mailbox.folders.create(parent.id, name, container or CLASSES[local(node)], properties)
        yield m("Folders", t(element_of(made), folder_id(mailbox.guid, made)))

    return call.answer_each(call.children("Folders"), handle)
