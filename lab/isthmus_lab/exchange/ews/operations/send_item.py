"""SendItem: a saved draft goes out ([MS-OXWSCORE] 3.1.4.8)."""

from __future__ import annotations

from collections.abc import Callable

from isthmus_lab.store import Delete, Item, Rights

from .. import current
from ..call import Call, operation
from ..errors import EwsError
from ..ids import read_change_key
from ..names import Element, flag
from ..sending import ready
from ..soap import Answer


@operation
def send_item(call: Call) -> Answer:
    """Each draft by itself, and once; afterwards it is in Sent Items (or another folder), or nowhere."""
    keep = flag(call.element.get("SaveItemToFolder"))
    if not keep and call.children("SavedItemFolderId"):
        raise EwsError("ErrorInvalidSendItemSaveSettings", "There is a folder for a copy that shall not be kept.")

    def handle(node: Element) -> tuple[Element, ...]:
        mailbox, item = call.item(node, Rights.EDIT_ANY | Rights.DELETE_ANY)
        written = node.get("ChangeKey")
        if not written:
            raise EwsError("ErrorChangeKeyRequired", "The change key is required for this operation.")
        key = read_change_key(written)
        there, folder = call.target_folder("SavedItemFolderId", "sentitems")
        if there is not mailbox:
            raise EwsError("ErrorMoveCopyFailed", "The copy cannot be kept in another mailbox.")

        def prepare(found: Item) -> Callable[[], None]:
            if key != found.row.change_key:
                raise EwsError("ErrorStaleObject", "The change key is not the current one.")
            draft = call.draft(found.bag)
            send = ready(call, draft)

            def commit() -> None:
                if keep:
                    mailbox.items.update(item.entry, draft.changed)
                    mailbox.items.move([item.entry], folder.id)
                else:
                    mailbox.items.delete([item.entry], Delete.HARD)
                send()

            return commit

        current.change(mailbox, item.entry, prepare)
        return ()

    return call.answer_each(call.children("ItemIds"), handle)
