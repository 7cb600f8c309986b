"""Rules at work: what becomes of a message that is delivered ([MS-OXORULE] 3.2.5)."""

from __future__ import annotations

import email.message
import email.policy
import email.utils
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import structlog

from isthmus_lab.mapi import tags
from isthmus_lab.mapi.bag import Bag, Properties, filetime
from isthmus_lab.store import Delete, Mailbox, NotFoundError

from ..directory import Recipient
from .conditions import met
from .model import Action, Flavor, Kind, Rule, State
from .table import replace as replace_rule
from .table import rules

_log = structlog.get_logger()

Submit = Callable[[str, list[str], bytes], object]
"""Gives a message to transport: sender, addresses, MIME."""

_FORWARDED = "X-MS-Exchange-Inbox-Rules-Loop"
"""A header with the mailboxes whose rules sent a message on: it is not sent on by the same one again."""
_MOST_LOOPS = 3
_HEADERS = 1 << 18
_DELEGATED = "X-MS-Exchange-Organization-Delegated-By"
"""A header with whom a meeting message represents that a delegate gets instead of them, or with them."""


@dataclass(frozen=True)
class Delivered:
    """A message on its way into the owner's Inbox: as an item, and as it came."""

    owner: Recipient
    bag: Bag
    content: bytes


def applying(mailbox: Mailbox, message: Delivered, *, out_of_office: bool = False) -> list[Rule]:
    """The owner's rules that apply to a message, in their order, up to one after which no more are asked."""
    chosen, asked = [], _as_asked(message)
    for rule in rules(mailbox):
        if State.ENABLED not in rule.state or (State.ONLY_WHEN_OOF in rule.state and not out_of_office):
            continue
        if met(rule.condition, asked):
            chosen.append(rule)
            if State.EXIT_LEVEL in rule.state:
                break
    return chosen


def send_on(message: Delivered, chosen: list[Rule], submit: Submit) -> None:
    """Forwards and redirects the message as these rules say."""
    for rule in chosen:
        for action in rule.actions:
            if action.kind in (Kind.FORWARD, Kind.DELEGATE):
                _send_on(message, action, submit)


def put(mailbox: Mailbox, message: Delivered, chosen: list[Rule]) -> None:
    """Puts the message into the Inbox, or where these rules want it."""
    with mailbox.transaction():
        message.bag.set(_tagged(message.bag, chosen))
        row = mailbox.items.add(mailbox.folders.role("inbox").id, message.bag, delivered=True)
        moved = gone = False
        for rule in chosen:
            for action in rule.actions:
                try:
                    if action.kind is Kind.MARK_AS_READ:
                        (row,) = mailbox.items.set_read([row.id], True)
                    elif action.kind is Kind.COPY or (action.kind is Kind.MOVE and moved):
                        mailbox.items.copy([row.id], action.folder)
                    elif action.kind is Kind.MOVE:
                        (row,) = mailbox.items.move([row.id], action.folder)
                        moved = True
                    elif action.kind is Kind.DELETE:
                        gone = True
                except NotFoundError as error:  # the folder is gone: the rule is wrong from now on
                    replace_rule(mailbox, replace(rule, state=rule.state | State.ERROR))
                    _log.info("rule failed", owner=message.owner.smtp, rule=rule.name, reason=str(error))
        if gone and not moved:
            mailbox.items.delete([row.id], Delete.SOFT)
    if chosen:
        _log.info("rules applied", owner=message.owner.smtp, rules=[rule.name for rule in chosen])


def delegated_by(content: bytes) -> str | None:
    """The address of whom a delegate gets this message for."""
    found = email.message_from_bytes(content[:_HEADERS], policy=email.policy.compat32).get(_DELEGATED)
    return None if found is None else str(found).strip()


def _as_asked(message: Delivered) -> Bag:
    """The message with what only the server knows of it, [MS-OXORULE] 3.2.1.2."""
    bag, own = message.bag, message.owner.addresses
    mine = {each.get(tags.PidTagRecipientType) for each in bag.recipients if f"smtp:{_lower(each)}" in own}
    flags = bag.get(tags.PidTagMessageFlags, 0) | (tags.MSGFLAG_HASATTACH if bag.attachments else 0)
    known: Properties = {
        tags.PidTagMessageToMe: tags.RECIPIENT_TO in mine,
        tags.PidTagMessageCcMe: tags.RECIPIENT_CC in mine,
        tags.PidTagMessageRecipientMe: bool(mine),
        tags.PidTagMessageSize: len(message.content),
        tags.PidTagMessageDeliveryTime: filetime(datetime.now(UTC)),
        tags.PidTagMessageFlags: flags,
    }
    return Bag(bag.properties | known, bag.recipients)


def _lower(recipient: Properties) -> str:
    return (_address(recipient) or "").lower()


def _tagged(bag: Bag, chosen: list[Rule]) -> Properties:
    """What the rules set; categories are added to those that are there."""
    found: Properties = {}
    for rule in chosen:
        for action in rule.actions:
            if action.kind is Kind.TAG and action.tag is not None:
                key, value = action.tag
                before = found.get(key, bag.get(key))
                if isinstance(value, list) and isinstance(before, list):
                    value = [*before, *(each for each in value if each not in before)]
                found[key] = value
    return found


def _send_on(message: Delivered, action: Action, submit: Submit) -> None:
    sender = message.owner.smtp
    addresses = [address for each in action.recipients if (address := _address(each))]
    parsed = email.message_from_bytes(message.content, policy=email.policy.compat32)
    passed = [str(each).strip().lower() for each in parsed.get_all(_FORWARDED, [])]
    if sender is None or not addresses or sender.lower() in passed or len(passed) >= _MOST_LOOPS:
        return
    mark = f"{_FORWARDED}: {sender}\r\n".encode()
    if action.kind is Kind.DELEGATE:
        mark += f"{_DELEGATED}: {sender}\r\n".encode()
    if action.kind is Kind.DELEGATE or action.flavor & Flavor.REDIRECT == Flavor.REDIRECT:
        submit(sender, addresses, mark + message.content)
        return
    forwarded = _forwarded(message, addresses, as_attachment=Flavor.AS_ATTACHMENT in action.flavor)
    submit(sender, addresses, mark + forwarded)


def _forwarded(message: Delivered, addresses: list[str], *, as_attachment: bool) -> bytes:
    """A new message of the owner's with the one that came inside."""
    original = email.message_from_bytes(message.content, policy=email.policy.compat32)
    subject = " ".join(str(original.get("Subject", "")).split())
    new = email.message.Message(policy=email.policy.compat32)
    new["From"] = email.utils.formataddr((message.owner.name, message.owner.smtp or ""))
    new["To"] = ", ".join(addresses)
    new["Subject"] = f"FW: {subject}"
    new["Date"] = email.utils.format_datetime(email.utils.localtime())
    new["Message-ID"] = email.utils.make_msgid(domain=(message.owner.smtp or "localhost").rpartition("@")[2])
    new["Auto-Submitted"] = "auto-generated"
    new["MIME-Version"] = "1.0"
    if as_attachment:
        new["Content-Type"] = "multipart/mixed"
        inside = email.message.Message(policy=email.policy.compat32)
        inside["Content-Type"] = "message/rfc822"
        inside["Content-Disposition"] = "attachment"
        inside.set_payload([original])
        new.set_payload([inside])
        return new.as_bytes(policy=email.policy.SMTP.clone(utf8=False))
    for name in ("Content-Type", "Content-Transfer-Encoding"):
        if original.get(name):
            new[name] = original[name]
    new.set_payload(original.get_payload())
    return new.as_bytes(policy=email.policy.SMTP.clone(utf8=False))


def _address(recipient: Properties) -> str | None:
    found = recipient.get(tags.PidTagSmtpAddress) or recipient.get(tags.PidTagEmailAddress)
    return str(found) if found else None
