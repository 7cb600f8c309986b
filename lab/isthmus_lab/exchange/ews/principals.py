"""Whose meetings are meant: a delegate has messages about somebody else's calendar ([MS-OXODLGT] 3.1.4.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isthmus_lab.mapi import tags
from isthmus_lab.mapi.bag import Bag
from isthmus_lab.store import Mailbox, Rights

from ..directory import Recipient

if TYPE_CHECKING:
    from .call import Call


def calendar_of(call: Call, mailbox: Mailbox, message: Bag) -> Mailbox:
    """The mailbox with the calendar that a message in this one is about."""
    address = message.get(tags.PidTagReceivedRepresentingSmtpAddress)
    if not message.get(tags.PidTagDelegatedByRule) or not address:
        return mailbox
    principal = call.services.directory.by_address(address)
    if principal is None or principal.mailbox in (None, mailbox.guid):
        return mailbox
    return call.services.mailbox(principal)


def may_change(call: Call, mailbox: Mailbox) -> None:
    """Raises EwsError ErrorAccessDenied for who may not change the mailbox's calendar."""
    call.access(mailbox).demand(mailbox.folders.role("calendar"), Rights.CREATE | Rights.EDIT_ANY)


def owner_of(call: Call, mailbox: Mailbox) -> Recipient:
    """In whose name things are said about this mailbox's calendar."""
    if mailbox.guid == call.caller.mailbox:
        return call.caller
    return call.services.directory.by_mailbox(mailbox.guid) or call.caller
