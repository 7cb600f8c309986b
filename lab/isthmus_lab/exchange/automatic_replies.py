"""Automatic replies of people who are out of office: their settings, and whom is answered what ([MS-OXWSOOF])."""

from __future__ import annotations

import email.parser
import html
from dataclasses import dataclass, replace
from typing import Final

from isthmus_lab.mapi import addresses, tags
from isthmus_lab.mapi.bag import Bag, Value
from isthmus_lab.mapi.calendaring.kinds import REQUEST_CLASS
from isthmus_lab.mapi.tags import NamedProperty, PropertyKey
from isthmus_lab.mapi.text import utf8_html
from isthmus_lab.store import Compare, Mailbox

from .directory import Recipient

_CLASS: Final = "IPM.Microsoft.OOF.UserOofSettings"
_REPLY_CLASS: Final = "IPM.Note.Rules.OofTemplate.Microsoft"
_HEADERS: Final = "Auto-Submitted: auto-generated\r\nX-Auto-Response-Suppress: All\r\n"


def _own(name: str, kind: int) -> NamedProperty:
    return NamedProperty(tags.PS_PUBLIC_STRINGS, f"Oof{name}", kind)


_STATE, _AUDIENCE = _own("State", tags.PtypString), _own("ExternalAudience", tags.PtypString)
_START, _END = _own("StartTime", tags.PtypTime), _own("EndTime", tags.PtypTime)
_INTERNAL, _EXTERNAL = _own("InternalReply", tags.PtypString), _own("ExternalReply", tags.PtypString)
_ANSWERED = _own("Answered", tags.PtypMultipleString)


@dataclass(frozen=True)
class OofSettings:
    """UserOofSettings; times are FILETIMEs, replies HTML. ``answered`` are those who had a reply since it was set."""

    state: str = "Disabled"
    audience: str = "All"
    start: int = 0
    end: int = 0
    internal: str | None = None
    external: str | None = None
    answered: frozenset[str] = frozenset()

    def is_active(self, now: int) -> bool:
        """Whether the owner is away."""
        return self.state == "Enabled" or (self.state == "Scheduled" and self.start <= now < self.end)


def load(mailbox: Mailbox) -> OofSettings:
    """The mailbox's settings; replies are off where nobody has set any."""
    found = _find(mailbox)
    if found is None:
        return OofSettings()
    get = mailbox.items.get(found).bag.get
    return OofSettings(
        get(_STATE, "Disabled"),
        get(_AUDIENCE, "All"),
        get(_START, 0),
        get(_END, 0),
        get(_INTERNAL),
        get(_EXTERNAL),
        frozenset(get(_ANSWERED, [])),
    )


def save(mailbox: Mailbox, settings: OofSettings) -> None:
    """Keeps the settings in an associated item of the mailbox's root."""
    values: dict[PropertyKey, Value | None] = {
        tags.PidTagMessageClass: _CLASS,
        _STATE: settings.state,
        _AUDIENCE: settings.audience,
        _START: settings.start,
        _END: settings.end,
        _INTERNAL: settings.internal,
        _EXTERNAL: settings.external,
        _ANSWERED: [*sorted(settings.answered)],
    }
    with mailbox.transaction():
        found = _find(mailbox)
        if found is not None:
            mailbox.items.update(found, values)
            return
        bag = Bag()
        bag.set(values)
        mailbox.items.add(mailbox.folders.role("root").id, bag, associated=True)


def _find(mailbox: Mailbox) -> bytes | None:
    root = mailbox.folders.role("root").id
    found = mailbox.items.find(root, Compare(tags.PidTagMessageClass, "=", _CLASS), associated=True, limit=1).rows
    return found[0].id if found else None


def reply(mailbox: Mailbox, owner: Recipient, message: Bag, now: int) -> Bag | None:
    """The reply to a message that arrived, noted as given; None where none is due."""
    sender = addresses.sender_of(message.properties)
    settings = load(mailbox) if sender is not None and _may_be_answered(message, owner) else None
    if sender is None or settings is None or not settings.is_active(now) or sender.address.lower() in settings.answered:
        return None
    internal = message.get(tags.PidTagSenderAddressType) == "EX"  # delivery found the sender in the forest
    text = settings.internal if internal else settings.external
    if not text or not (internal or _is_answered_outside(mailbox, settings, sender.address)):
        return None
    save(mailbox, replace(settings, answered=settings.answered | {sender.address.lower()}))
    return _reply(message, sender, text)


def _may_be_answered(message: Bag, owner: Recipient) -> bool:
    """Machines, mailing lists and those who ask for silence get no reply (RFC 3834, [MS-OXCMAIL] 2.1.3.2.20)."""
    kind = str(message.get(tags.PidTagMessageClass, ""))
    if kind != "IPM.Note" and not kind.startswith(REQUEST_CLASS):
        return False
    headers = email.parser.HeaderParser().parsestr(message.get(tags.PidTagTransportMessageHeaders) or "")
    suppressed = {each.strip().lower() for each in str(headers.get("X-Auto-Response-Suppress", "")).split(",")}
    if str(headers.get("Auto-Submitted", "no")).strip().lower() != "no" or suppressed & {"all", "oof"}:
        return False
    if str(headers.get("Precedence", "")).strip().lower() in ("bulk", "list", "junk"):
        return False
    if any(name in headers for name in ("List-Id", "List-Unsubscribe", "List-Post")):
        return False
    to = {f"smtp:{each.get(tags.PidTagSmtpAddress, '')}".lower() for each in message.recipients}
    return bool(to & owner.addresses)


def _is_answered_outside(mailbox: Mailbox, settings: OofSettings, address: str) -> bool:
    if settings.audience != "Known":
        return settings.audience == "All"
    contacts = mailbox.items.find(
        mailbox.folders.role("contacts").id, Compare(tags.PidLidEmail1EmailAddress, "=", address), limit=1
    )
    return bool(contacts.rows)


def _reply(message: Bag, sender: addresses.Address, text: str) -> Bag:
    subject = f"Automatic reply: {message.get(tags.PidTagSubject, '')}"
    markup = text if "<" in text else html.escape(text).replace("\n", "<br>")
    bag = Bag(
        {
            tags.PidTagMessageClass: _REPLY_CLASS,
            tags.PidTagSubject: subject,
            tags.PidTagNormalizedSubject: message.get(tags.PidTagNormalizedSubject, ""),
            tags.PidTagConversationTopic: message.get(tags.PidTagConversationTopic, ""),
            tags.PidTagHtml: utf8_html(markup),
            tags.PidTagInternetCodepage: 65001,
            tags.PidTagTransportMessageHeaders: _HEADERS,
        },
        [addresses.recipient(sender, tags.RECIPIENT_TO)],
    )
    message_id = message.get(tags.PidTagInternetMessageId)
    if message_id:
        bag[tags.PidTagInReplyToId] = message_id
        bag[tags.PidTagInternetReferences] = message_id
    return bag
