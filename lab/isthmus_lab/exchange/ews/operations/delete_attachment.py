"""DeleteAttachment ([MS-OXWSATT] 3.1.4.2)."""

from __future__ import annotations

from collections.abc import Iterator

from isthmus_lab.store import Rights

from ..attachments import find, fix_numbers
from ..call import Call, operation
from ..ids import ObjectId, item_change_key
from ..names import Element, m
from ..soap import Answer


@operation
def delete_attachment(call: Call) -> Answer:
    """Takes attachments out of their items; the item's new change key is in the answer."""

    def handle(node: Element) -> Iterator[Element]:
        attachment = ObjectId.parse(node.get("Id", ""))
        mailbox = call.mailbox_of(attachment, Rights.EDIT_ANY)
        with mailbox.transaction():
            bag = mailbox.items.get(attachment.entry).bag
            inside = bag
            if len(attachment.path) > 1:
                around = find(bag, attachment.path[:-1]).embedded
                assert around is not None  # find() went through it
                inside = around
            fix_numbers(inside)
            inside.attachments.remove(find(inside, attachment.path[-1:]))
            row = mailbox.items.update(attachment.entry, attachments=bag.attachments)
        root = str(attachment._replace(path=()))
        yield m("RootItemId", RootItemId=root, RootItemChangeKey=item_change_key(row))

    return call.answer_each(call.children("AttachmentIds"), handle)
