"""CreateItem: messages, appointments, contacts, tasks, posts; saved, sent or both ([MS-OXWSCORE] 3.1.4.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from isthmus_lab.store import Rights

from .. import receipts, replies, responses
from ..call import Call, operation
from ..errors import EwsError
from ..kinds import BY_ELEMENT, CALENDAR, CONTACT, MESSAGE, TASK
from ..making import make
from ..meetings import Dispatch, How, invite, organise
from ..names import Element, local, m
from ..rights import sign
from ..sending import ready
from ..shapes import bare
from ..soap import Answer

_FOLDERS = {CALENDAR: "calendar", CONTACT: "contacts", TASK: "tasks", BY_ELEMENT["DistributionList"]: "contacts"}

# Response objects: what is made of another item, or done to it.
_RESPONSES: Final[dict[str, Callable[[Call, Element, str | None], Iterator[Element]]]] = {
    **dict.fromkeys(responses.HANDLERS, responses.respond),
    **dict.fromkeys(replies.KINDS, replies.answer),
    "PostReplyItem": lambda call, node, _: replies.post(call, node),
    "SuppressReadReceipt": lambda call, node, _: receipts.suppress(call, node),
}


@operation
def create_item(call: Call) -> Answer:
    """Each item by itself; a message that is only sent is not kept."""
    disposition = call.element.get("MessageDisposition")

    def handle(node: Element) -> Iterator[Element]:
        respond = _RESPONSES.get(local(node))
        if respond is not None:
            made = m("Items")
            made.extend(respond(call, node, disposition))
            yield made
            return
        kind = BY_ELEMENT.get(local(node), MESSAGE)
        sends = kind is MESSAGE and disposition in ("SendOnly", "SendAndSaveCopy")
        if kind is MESSAGE and disposition is None:
            raise EwsError("ErrorMessageDispositionRequired", "MessageDisposition is required for messages.")
        how = How.of(call, "SendMeetingInvitations") if kind is CALENDAR else None
        default = "sentitems" if sends else _FOLDERS.get(kind, "drafts")
        mailbox, folder = call.target_folder("SavedItemFolderId", default, Rights.CREATE)
        draft = make(call, node)
        sign(draft.bag, call.caller)
        send = ready(call, draft) if sends else None
        request: Dispatch | None = None
        if how is not None:
            organise(call, mailbox, draft)
            request = invite(call, mailbox, draft, how)
        items = m("Items")
        with mailbox.transaction():
            if disposition != "SendOnly" or not sends:
                items.append(bare(mailbox.guid, mailbox.items.add(folder.id, draft.bag, associated=draft.associated)))
            if send is not None:
                send()
            if request is not None:
                request.send()
        if request is not None:
            request.keep()
        yield items

    return call.answer_each(call.children("Items"), handle, on_error={"Items": ""})
