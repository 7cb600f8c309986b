"""CreateAttachment ([MS-OXWSATT] 3.1.4.1)."""

from __future__ import annotations

from collections.abc import Iterator

from isthmus_lab.store import Rights

from ..attachments import describe, file_from, fix_numbers, numbered, reference_from
from ..call import Call, now, operation
from ..ids import item_change_key
from ..making import attached_item
from ..names import Element, child, local, m
from ..soap import Answer


@operation
def create_attachment(call: Call) -> Answer:
    """Adds files, items and references to an item, one after the other."""
    parent = child(call.element, "ParentItemId")
    assert parent is not None  # the schema says so

    def handle(node: Element) -> Iterator[Element]:
        mailbox, item = call.item(parent, Rights.EDIT_ANY)
        if local(node) == "FileAttachment":
            attachment = file_from(node, now())
        elif local(node) == "ItemAttachment":
            attachment = attached_item(call, node, now())
        else:
            attachment = reference_from(node, now())
        with mailbox.transaction():
            bag = mailbox.items.get(item.entry).bag
            fix_numbers(bag)
            number = max((each for each, _ in numbered(bag)), default=-1) + 1
            bag.attachments.append(attachment)
            fix_numbers(bag)
            row = mailbox.items.update(item.entry, attachments=bag.attachments)
        yield m("Attachments", describe(item, number, attachment, item_change_key(row)))

    return call.answer_each(call.children("Attachments"), handle, on_error={"Attachments": ""})
