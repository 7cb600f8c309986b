"""UserOofSettings as an element, and whose they are ([MS-OXWSOOF])."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from isthmus_lab.mapi.bag import filetime
from isthmus_lab.store import Mailbox

from ..automatic_replies import OofSettings
from .call import Call
from .errors import EwsError
from .names import Element, child, m, t, text
from .values import parse_time, show_time

_REPLIES: Final = ("InternalReply", "ExternalReply")


def mailbox_of(call: Call) -> Mailbox:
    """The mailbox that a request names; its settings are for its owner. Raises EwsError."""
    named = child(call.element, "Mailbox")
    address = "" if named is None else text(named, "Address") or ""
    person = call.services.directory.by_address(address)
    if person is None or person.mailbox is None:
        raise EwsError("ErrorNonExistentMailbox")
    mailbox = call.mailbox(person.mailbox)
    if not call.access(mailbox).full:
        raise EwsError("ErrorAccessDenied")
    return mailbox


def response(operation: str, error: EwsError | None, content: list[Element]) -> Element:
    """The answer of both operations: a response message, and what it is about."""
    answer = m(f"{operation}Response")
    if error is None:
        answer.append(m("ResponseMessage", m("ResponseCode", "NoError"), ResponseClass="Success"))
    else:
        node = m("ResponseMessage", m("MessageText", error.message), ResponseClass="Error")
        node.append(m("ResponseCode", error.code))
        node.append(m("DescriptiveLinkKey", "0"))
        answer.append(node)
    answer.extend(content)
    return answer


def build(settings: OofSettings) -> Element:
    """The OofSettings element. Settings without a schedule show the day that begins now, as Exchange does."""
    node = t("OofSettings", t("OofState", settings.state))
    node.append(t("ExternalAudience", settings.audience))
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    start, end = settings.start or filetime(now), settings.end or filetime(now + timedelta(days=1))
    duration = t("Duration", t("StartTime", show_time(start)))
    duration.append(t("EndTime", show_time(end)))
    node.append(duration)
    for name, reply in (("InternalReply", settings.internal), ("ExternalReply", settings.external)):
        node.append(t(name, t("Message", reply or "")))
    return node


def parse(node: Element, before: OofSettings, now: int) -> OofSettings:
    """The settings of a UserOofSettings element; whoever had a reply has one again once they change."""
    state, audience = text(node, "OofState") or "Disabled", text(node, "ExternalAudience") or "All"
    duration, start, end = child(node, "Duration"), 0, 0
    if duration is not None:
        try:
            start, end = (parse_time(text(duration, name) or "") for name in ("StartTime", "EndTime"))
        except ValueError as error:
            raise EwsError("ErrorInvalidScheduledOofDuration", str(error)) from None
    if state == "Scheduled" and not (start < end and now < end):
        raise EwsError("ErrorInvalidScheduledOofDuration", "The time ends before it begins, or has ended already.")
    internal, external = (child(node, name) for name in _REPLIES)
    changed = OofSettings(state, audience, start, end, _message(internal), _message(external))
    return changed if changed != replace(before, answered=frozenset()) else before


def _message(reply: Element | None) -> str | None:
    return None if reply is None else text(reply, "Message")
