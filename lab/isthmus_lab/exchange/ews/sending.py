"""Sending an item: what SendItem, CreateItem and UpdateItem do with a message that shall go out."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from isthmus_lab.mapi.mime import mime_from_bag

from ..mail.authoring import addressees, authored
from .call import Call
from .errors import EwsError
from .fields import Draft
from .mailboxes import FROM

Send = Callable[[], object]
"""Gives a message to transport, asking nobody: it may be called inside a mailbox's transaction, best as the last thing.

When it returns the message is in the queue on disk.
"""


def ready(call: Call, draft: Draft) -> Send:
    """Makes the draft what the copy in Sent Items is, and gives what sends it."""
    bag = draft.bag
    if not bag.recipients:
        raise EwsError("ErrorInvalidRecipients", "At least one recipient isn't valid.")
    sender = call.caller.smtp
    if sender is None:
        raise EwsError("ErrorMissingEmailAddress", "The sender has no e-mail address.")
    on_behalf = (bag.get(FROM.smtp) or bag.get(FROM.address) or sender).lower()
    principal = None
    if not {f"smtp:{on_behalf}", f"x500:{on_behalf}"} & call.caller.addresses:
        principal = call.services.directory.by_address(f"x500:{on_behalf}" if on_behalf[0] == "/" else on_behalf)
        if principal is None or call.caller.dn not in principal.delegates:
            raise EwsError("ErrorSendAsDenied", f"{call.caller.name} may not send as {on_behalf}.")
    host = call.services.settings.host_name
    for key, value in authored(bag, call.caller, host, draft.now(), principal).items():
        draft.set(key, value)
    draft.read = None
    content, limit = mime_from_bag(bag), call.services.settings.max_message_bytes
    if limit is not None and len(content) > limit:
        raise EwsError("ErrorMessageSizeExceeded", "The message exceeds the maximum supported size.")
    return partial(call.services.transport.submit, sender, addressees(bag), content)
