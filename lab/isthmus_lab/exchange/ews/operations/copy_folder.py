"""CopyFolder ([MS-OXWSFOLD] 3.1.4.1)."""

from __future__ import annotations

from collections.abc import Iterator

from isthmus_lab.store import Rights

from ..call import Call, not_public, operation
from ..errors import EwsError
from ..folders import element_of
from ..names import Element, m, t
from ..shapes import folder_id
from ..soap import Answer


@operation
def copy_folder(call: Call) -> Answer:
    """Folders with all that is in them once more, below another parent of the same mailbox."""

    def handle(node: Element) -> Iterator[Element]:
        mailbox, folder = call.folder(node, Rights.READ_ANY)
        not_public(mailbox)
        there, target = call.target_folder("ToFolderId", need=Rights.CREATE_SUBFOLDER)
        if there is not mailbox:
            raise EwsError("ErrorMoveCopyFailed", "A folder cannot be copied to another mailbox.")
        made = mailbox.folders.copy(folder.id, target.id)
        yield m("Folders", t(element_of(made), folder_id(mailbox.guid, made)))

    return call.answer_each(call.children("FolderIds"), handle)
