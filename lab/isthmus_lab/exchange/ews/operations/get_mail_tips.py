"""GetMailTips: what somebody should know of recipients before writing to them ([MS-OXWSMTIPS])."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from ... import automatic_replies
from ...directory import Recipient
from ...mail.routing import domain, expand
from ..call import Call, now, reading
from ..errors import EwsError
from ..names import MESSAGES, Element, child, m, t, text
from ..people import recipient_mailbox
from ..soap import Answer
from ..values import show_time

_UNLIMITED: Final = 2**31 - 1


@reading
def get_mail_tips(call: Call) -> Answer:
    """A response message for each recipient, those who are unknown among them."""
    named, sending_as = child(call.element, "MailTipsRequested"), child(call.element, "SendingAs")
    # exchangelib writes the names of the tips into the request itself.
    wanted = frozenset(((call.element.text if named is None else named.text) or "All").split())
    address = "" if sending_as is None else text(sending_as, "EmailAddress") or ""
    sender = call.services.directory.by_address(address)

    def handle(node: Element) -> Iterator[Element]:
        if sender is None:
            raise EwsError("ErrorInvalidSmtpAddress", f"{address}, the sender, is not in the organisation.")
        yield _tips(call, node, sender, wanted)

    answer = call.answer_each(call.children("Recipients"), handle)
    assert not isinstance(answer, list)
    answer.set("ResponseClass", "Success")
    answer.insert(0, m("ResponseCode", "NoError"))
    for message in answer[1]:
        message.tag = f"{{{MESSAGES}}}MailTipsResponseMessageType"
    return answer


def _tips(call: Call, node: Element, sender: Recipient, wanted: frozenset[str]) -> Element:
    written = text(node, "EmailAddress") or ""
    person = call.services.directory.by_address(f"x500:{written}" if written.startswith("/") else written)
    here = domain(written) in call.services.transport.accepted or written.startswith("/")
    tips = m("MailTips", _address(node, written) if person is None else recipient_mailbox(person, "RecipientAddress"))
    tips.append(t("PendingMailTips"))
    outside = person is None or person.target_address is not None
    members = expand(call.services.directory, person) if person is not None and person.is_group else [written]
    limit = call.services.settings.max_message_bytes
    answers: dict[str, Callable[[], Element | None]] = {
        "OutOfOfficeMessage": lambda: None if person is None else _away(call, person),
        "MailboxFullStatus": lambda: None if outside else t("MailboxFull", "false"),  # nobody has a quota
        "CustomMailTip": lambda: None if person is None or not person.mail_tip else t("CustomMailTip", person.mail_tip),
        "TotalMemberCount": lambda: t("TotalMemberCount", str(len(members))),
        "ExternalMemberCount": lambda: t("ExternalMemberCount", str(sum(_is_outside(call, each) for each in members))),
        "MaxMessageSize": lambda: None if outside else t("MaxMessageSize", str(_UNLIMITED if limit is None else limit)),
        "DeliveryRestriction": lambda: t("DeliveryRestricted", str(_is_refused(call, person, sender)).lower()),
        "ModerationStatus": lambda: t("IsModerated", str(person is not None and person.moderated).lower()),
        "InvalidRecipient": lambda: t("InvalidRecipient", str(person is None and here).lower()),
    }
    for name, tip in answers.items():
        if wanted & {name, "All"}:
            told = tip()
            if told is not None:
                tips.append(told)
    return tips


def _address(node: Element, written: str) -> Element:
    """Somebody whom the address list does not have, as the request has them."""
    who = t("RecipientAddress", t("Name", text(node, "Name") or written))
    who.append(t("EmailAddress", written))
    who.append(t("RoutingType", text(node, "RoutingType") or "SMTP"))
    return who


def _away(call: Call, person: Recipient) -> Element | None:
    """The automatic reply that people of the organisation get; empty for who is there."""
    if person.mailbox is None or person.holds_public_folders or person.target_address is not None:
        return None
    settings = automatic_replies.load(call.services.mailbox(person))
    active = settings.is_active(now())
    reply = t("OutOfOffice", t("ReplyBody", t("Message", (settings.internal or "") if active else "")))
    if active and settings.state == "Scheduled":
        duration = t("Duration", t("StartTime", show_time(settings.start)))
        duration.append(t("EndTime", show_time(settings.end)))
        reply.append(duration)
    return reply


def _is_outside(call: Call, address: str) -> bool:
    known = call.services.directory.by_address(address)
    target = address if known is None else known.target_address
    return target is not None and domain(target) not in call.services.transport.accepted


def _is_refused(call: Call, person: Recipient | None, sender: Recipient) -> bool:
    return person is not None and not call.services.directory.takes_mail(person, sender)
