"""SendItem: a saved draft goes out ([MS-OXWSCORE] 3.1.4.8)."""

from __future__ import annotations

from isthmus_lab.store import Delete, Rights

from ..call import Call, operation
from ..errors import EwsError
from ..ids import read_change_key
from ..names import Element, flag
from ..sending import send
from ..soap import Answer


@operation
def send_item(call: Call) -> Answer:
    """Each draft by itself; afterwards it is in Sent Items (or another folder), or nowhere."""
    keep = flag(call.element.get("SaveItemToFolder"))

    def handle(node: Element) -> tuple[Element, ...]:
        mailbox, item = call.item(node, Rights.EDIT_ANY | Rights.DELETE_ANY)
        written = node.get("ChangeKey")
        if not written:
            raise EwsError("ErrorChangeKeyRequired", "The change key is required for this operation.")
        found = mailbox.items.get(item.entry)
        if read_change_key(written) != found.row.change_key:
            raise EwsError("ErrorStaleObject", "The change key is not the current one.")
        there, folder = call.target_folder("SavedItemFolderId", "sentitems")
        if there is not mailbox:
            raise EwsError("ErrorMoveCopyFailed", "The copy cannot be kept in another mailbox.")
        draft = call.draft(found.bag)
        send(call, draft)
        with mailbox.transaction():
            if keep:
                mailbox.items.update(item.entry, draft.changed)
                mailbox.items.move([item.entry], folder.id)
            else:
                mailbox.items.delete([item.entry], Delete.HARD)
        return ()

    return call.answer_each(call.children("ItemIds"), handle)
