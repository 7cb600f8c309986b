"""The mailbox assistants: what the server does by itself with mail that arrives."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from isthmus_lab.mapi import tags
from isthmus_lab.mapi.bag import Bag, filetime
from isthmus_lab.mapi.mime import mime_from_bag
from isthmus_lab.store import Mailbox

from . import automatic_replies
from .directory import Recipient
from .mail.authoring import addressees, authored
from .scheduling import attendant, booking
from .scheduling.states import is_cancellation, is_request

_BY_MACHINE = "Auto-Submitted: auto-generated\r\nX-Auto-Response-Suppress: DR, OOF, AutoReply\r\n"

Submit = Callable[[str, list[str], bytes], object]
"""Gives a message to transport: envelope sender ("" for none), addresses, MIME."""


class Assistants:
    """Those of one server. They work while a message is being delivered, in the same transaction."""

    def __init__(self, host_name: str, submit: Submit) -> None:
        self._host_name = host_name
        self._submit = submit

    def is_away(self, mailbox: Mailbox) -> bool:
        """Whether the mailbox's owner is out of office."""
        return automatic_replies.load(mailbox).is_active(filetime(datetime.now(UTC)))

    def arrived(self, mailbox: Mailbox, owner: Recipient, message: Bag) -> str | None:
        """Does what a message calls for; the role of a folder where it goes past all rules, None for other mail."""
        now = filetime(datetime.now(UTC))
        attendant.attend(mailbox, message, now)
        if owner.is_resource and (is_request(message) or is_cancellation(message)):
            answer = booking.book(mailbox, message, owner.name, now)
            if answer is not None and message.get(tags.PidTagResponseRequested, True):
                answer[tags.PidTagTransportMessageHeaders] = _BY_MACHINE
                self._send(owner, owner.smtp or "", answer, now)
            return "deleteditems"
        reply = automatic_replies.reply(mailbox, owner, message, now)
        if reply is not None:
            self._send(owner, "", reply, now)
        return None

    def _send(self, owner: Recipient, envelope_sender: str, message: Bag, now: int) -> None:
        message.properties |= authored(message, owner, self._host_name, now)
        self._submit(envelope_sender, addressees(message), mime_from_bag(message))
