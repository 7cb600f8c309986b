"""DeleteFolder ([MS-OXWSFOLD] 3.1.4.4)."""

from __future__ import annotations

from isthmus_lab.store import Delete, NotAllowedError, Rights

from ..call import Call, operation
from ..errors import EwsError
from ..names import Element
from ..soap import Answer


@operation
def delete_folder(call: Call) -> Answer:
    """Folders with all that is in them; those every mailbox has stay."""
    how = Delete(call.element.get("DeleteType"))

    def handle(node: Element) -> tuple[Element, ...]:
        mailbox, folder = call.folder(node, Rights.OWNER)
        if mailbox.public and how is Delete.MOVE:
            raise EwsError("ErrorInvalidOperation", "A public folder has no Deleted Items to be moved to.")
        try:
            mailbox.folders.delete(folder.id, how)
        except NotAllowedError:
            raise EwsError("ErrorDeleteDistinguishedFolder") from None
        return ()

    return call.answer_each(call.children("FolderIds"), handle)
