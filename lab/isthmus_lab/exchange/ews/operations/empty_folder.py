"""EmptyFolder ([MS-OXWSFOLD] 3.1.4.5)."""

from __future__ import annotations

from isthmus_lab.store import Delete, Rights

from ..call import Call, not_public, operation
from ..names import Element, flag
from ..soap import Answer


@operation
def empty_folder(call: Call) -> Answer:
    """Deletes what is in folders, with or without the folders below."""
    how = Delete(call.element.get("DeleteType"))
    subfolders = flag(call.element.get("DeleteSubFolders"))

    def handle(node: Element) -> tuple[Element, ...]:
        mailbox, folder = call.folder(node, Rights.DELETE_ANY)
        not_public(mailbox)
        mailbox.folders.empty(folder.id, how, subfolders=subfolders)
        return ()

    return call.answer_each(call.children("FolderIds"), handle)
