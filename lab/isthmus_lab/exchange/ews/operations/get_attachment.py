"""GetAttachment: files and items in items ([MS-OXWSATT] 3.1.4.3)."""

from __future__ import annotations

from collections.abc import Iterator

from isthmus_lab.store import Rights

from ..attachments import content, describe, find
from ..call import Call, reading
from ..fields import View
from ..ids import ObjectId
from ..names import Element, child, local, m
from ..shapes import Shape, show
from ..soap import Answer


@reading
def get_attachment(call: Call) -> Answer:
    """Each attachment with what is in it."""
    shape = Shape.parse(child(call.element, "AttachmentShape"))

    def handle(node: Element) -> Iterator[Element]:
        item = ObjectId.parse(node.get("Id", ""))
        mailbox = call.mailbox_of(item, Rights.READ_ANY)
        attachment = find(mailbox.items.get(item.entry).bag, item.path)
        shown = describe(item._replace(path=item.path[:-1]), item.path[-1], attachment)
        embedded = attachment.embedded
        if local(shown) == "FileAttachment":
            shown.append(content(attachment))
        elif embedded is not None:
            shown.append(show(View(None, lambda: embedded, id=str(item), body=shape.body, smtp_of=call.smtp_of), shape))
        yield m("Attachments", shown)

    return call.answer_each(call.children("AttachmentIds"), handle, on_error={"Attachments": ""})
