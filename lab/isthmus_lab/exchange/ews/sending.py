"""Sending an item: what SendItem, CreateItem and UpdateItem do with a message that shall go out."""

from __future__ import annotations

import email.utils
from typing import Final

from isthmus_lab.mapi import tags
from isthmus_lab.mapi.mime import mime_from_bag
from isthmus_lab.mapi.tags import PropertyKey

from .call import Call, recipient_properties
from .errors import EwsError
from .fields import Draft
from .mailboxes import FROM, SENDER, Role

_SENT_FLAGS: Final = tags.MSGFLAG_READ | tags.MSGFLAG_FROMME


def send(call: Call, draft: Draft) -> None:
    """Gives the message to transport, and makes the draft what the copy in Sent Items is.

    When this returns the message is in the queue on disk.
    """
    bag = draft.bag
    if not bag.recipients:
        raise EwsError("ErrorInvalidRecipients", "At least one recipient isn't valid.")
    sender = call.caller.smtp
    if sender is None:
        raise EwsError("ErrorMissingEmailAddress", "The sender has no e-mail address.")
    on_behalf = (bag.get(FROM.smtp) or bag.get(FROM.address) or sender).lower()
    if not {f"smtp:{on_behalf}", f"x500:{on_behalf}"} & call.caller.addresses:
        raise EwsError("ErrorSendAsDenied", f"{call.caller.name} may not send as {on_behalf}.")
    _put_sender(call, draft, FROM)
    _put_sender(call, draft, SENDER)
    now = draft.now()
    draft.set(tags.PidTagClientSubmitTime, now)
    draft.set(tags.PidTagMessageDeliveryTime, now)
    draft.set(tags.PidTagMessageFlags, (bag.get(tags.PidTagMessageFlags, 0) & tags.MSGFLAG_HASATTACH) | _SENT_FLAGS)
    draft.read = None
    if not bag.get(tags.PidTagInternetMessageId):
        draft.set(tags.PidTagInternetMessageId, email.utils.make_msgid(domain=call.services.settings.host_name))
    addresses = [each.get(tags.PidTagSmtpAddress) or each.get(tags.PidTagEmailAddress) or "" for each in bag.recipients]
    content, limit = mime_from_bag(bag), call.services.settings.max_message_bytes
    if limit is not None and len(content) > limit:
        raise EwsError("ErrorMessageSizeExceeded", "The message exceeds the maximum supported size.")
    call.services.transport.submit(sender, [each for each in addresses if each], content)


def _put_sender(call: Call, draft: Draft, role: Role) -> None:
    own = recipient_properties(call.caller)
    keys: tuple[tuple[PropertyKey, int], ...] = (
        (role.name, tags.PidTagDisplayName),
        (role.type, tags.PidTagAddressType),
        (role.address, tags.PidTagEmailAddress),
        (role.smtp, tags.PidTagSmtpAddress),
    )
    for key, source in keys:
        draft.set(key, own.get(source))
