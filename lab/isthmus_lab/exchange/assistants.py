"""The mailbox assistants: what the server does by itself with mail that arrives."""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(frozen=True)
class Outgoing:
    """A message for transport: envelope sender ("" for none), addresses, MIME."""

    sender: str
    addresses: list[str]
    content: bytes


@dataclass(frozen=True)
class Done:
    """What the assistants did with a message.

    ``role`` is of the folder where it goes past all rules, None for other mail; ``answer`` has to be sent when all that
    the delivery changes is written.
    """

    role: str | None = None
    answer: Outgoing | None = None


class Assistants:
    """Those of one server. They work while a message is being delivered, in the same transaction."""

    def __init__(self, host_name: str) -> None:
        self._host_name = host_name

    def is_away(self, mailbox: Mailbox) -> bool:
        """Whether the mailbox's owner is out of office."""
        return automatic_replies.load(mailbox).is_active(filetime(datetime.now(UTC)))

    def arrived(self, mailbox: Mailbox, owner: Recipient, message: Bag) -> Done:
        """Does what a message calls for."""
        now = filetime(datetime.now(UTC))
        attendant.attend(mailbox, message, now)
        if owner.is_resource and (is_request(message) or is_cancellation(message)):
            answer = booking.book(mailbox, message, owner.name, now)
            if answer is None or not message.get(tags.PidTagResponseRequested, True):
                return Done("deleteditems")
            answer[tags.PidTagTransportMessageHeaders] = _BY_MACHINE
            return Done("deleteditems", self._outgoing(owner, owner.smtp or "", answer, now))
        reply = automatic_replies.reply(mailbox, owner, message, now)
        return Done() if reply is None else Done(None, self._outgoing(owner, "", reply, now))

    def _outgoing(self, owner: Recipient, envelope_sender: str, message: Bag, now: int) -> Outgoing:
        message.properties |= authored(message, owner, self._host_name, now)
        return Outgoing(envelope_sender, addressees(message), mime_from_bag(message))
