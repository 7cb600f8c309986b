"""MarkAsJunk: an item's sender is blocked or no longer, and the item goes to the junk mail or back to the Inbox."""

from __future__ import annotations

from collections.abc import Iterator

from isthmus_lab.mapi import tags
from isthmus_lab.store import Rights

from ...rules import junk
from ..call import Call, operation
from ..names import Element, flag
from ..shapes import item_id
from ..soap import Answer


@operation
def mark_as_junk(call: Call) -> Answer:
    """Each item by itself."""
    is_junk, moves = flag(call.element.get("IsJunk")), flag(call.element.get("MoveItem"))

    def handle(node: Element) -> Iterator[Element]:
        mailbox, item = call.item(node, Rights.READ_ANY | Rights.DELETE_ANY)
        bag = mailbox.items.get(item.entry).bag
        with mailbox.transaction():
            sender = bag.get(tags.PidTagSenderSmtpAddress) or bag.get(tags.PidTagSentRepresentingSmtpAddress)
            if sender:
                junk.block(mailbox, sender, blocked=is_junk)
            if moves:
                target = mailbox.folders.role("junkemail" if is_junk else "inbox")
                (row,) = mailbox.items.move([item.entry], target.id)
        if moves:
            moved = item_id(mailbox.guid, row)
            moved.tag = moved.tag.replace("/types}ItemId", "/messages}MovedItemId")
            yield moved

    return call.answer_each(call.children("ItemIds"), handle)
