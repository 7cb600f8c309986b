"""Read receipts: a sender who asks for one hears that the message was read, unless the reader does not want that.

A receipt is due once; afterwards, and when it is suppressed, the message says no longer that one is asked for
([MS-OXOMSG] 3.2.4.7).
"""

from __future__ import annotations

from collections.abc import Iterator

from isthmus_lab.mapi import addresses, tags
from isthmus_lab.mapi.bag import Bag
from isthmus_lab.store import Item, Rights

from ..mail.reports import read_notice
from .call import Call
from .errors import EwsError
from .names import Element, child, t
from .sending import Send

_OWN = tags.MSGFLAG_FROMME | tags.MSGFLAG_UNSENT


def is_due(bag: Bag, flags: int) -> bool:
    """Whether reading the message calls for a receipt; ``flags`` is its PidTagMessageFlags."""
    return bool(bag.get(tags.PidTagReadReceiptRequested)) and not flags & (tags.MSGFLAG_READ | _OWN)


def receipt(call: Call, found: Item) -> Send | None:
    """What sends the receipt that is due when this message is read now."""
    sender = addresses.sender_of(found.bag.properties)
    reader = call.caller.smtp
    if not is_due(found.bag, found.row.message_flags) or sender is None or reader is None:
        return None
    content = read_notice(
        host=call.services.settings.host_name,
        reader=(call.caller.name, reader),
        sender=sender.address,
        subject=found.row.subject,
        message_id=found.row.message_id,
    )
    return lambda: call.services.transport.submit("", [sender.address], content)


def suppress(call: Call, node: Element) -> Iterator[Element]:
    """SuppressReadReceipt: the message that it names will be read without a word to its sender."""
    reference = child(node, "ReferenceItemId")
    if reference is None:
        raise EwsError("ErrorInvalidRequest", "ReferenceItemId is missing.")
    mailbox, item = call.item(t("ItemId", Id=reference.get("Id", "")), Rights.EDIT_ANY)

    with mailbox.transaction():
        found = mailbox.items.get(item.entry)
        if not is_due(found.bag, found.row.message_flags):
            raise EwsError("ErrorReadReceiptNotPending", "No read receipt is pending for this message.")
        mailbox.items.update(item.entry, {tags.PidTagReadReceiptRequested: False})
    yield from ()
