"""CreateFolderPath ([MS-OXWSFOLD] 3.1.4.2): folders below each other, those that are there already as they are."""

from __future__ import annotations

from collections.abc import Iterator

from isthmus_lab.store import Folder, Mailbox, Rights

from ..call import Call, operation
from ..errors import EwsError
from ..ids import ObjectId
from ..names import Element, text
from ..soap import Answer
from .create_folder import make, shown


@operation
def create_folder_path(call: Call) -> Answer:
    """Each folder of the path has a response message; below one that failed there is nothing."""
    place: tuple[Mailbox, Folder] | None = None
    lost = False

    def handle(node: Element) -> Iterator[Element]:
        nonlocal place, lost
        if lost:
            raise EwsError("ErrorParentFolderNotFound", "The folder above it could not be created.")
        lost = True
        mailbox, parent = place or call.target_folder("ParentFolderId")
        folder = mailbox.folders.find(parent.id, text(node, "DisplayName") or "")
        if folder is None:
            mailbox, parent = call.folder_named(str(ObjectId(mailbox.guid, parent.id)), Rights.CREATE_SUBFOLDER)
            folder = make(call, mailbox, parent, node)
        place, lost = (mailbox, folder), False
        yield shown(mailbox, folder)

    return call.answer_each(call.children("RelativeFolderPath"), handle)
