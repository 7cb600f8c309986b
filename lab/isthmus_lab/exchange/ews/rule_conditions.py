"""Conditions and exceptions of inbox rules: what a person asks of a message, and the restriction it is kept as.

A restriction is the conditions and the negated exceptions, all joined by And ([MS-OXWSRULES] 2.2.4.19). Each predicate
knows how its restriction looks, and recognises it again; a rule with anything else in it was not made by EWS and is
shown as one that is not supported.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

from isthmus_lab.mapi import tags
from isthmus_lab.mapi.tags import PropertyKey
from isthmus_lab.store import And, Bitmask, Compare, Contains, Not, Or

from ..rules.model import Condition, Recipients, every, negated, some
from .errors import EwsError
from .items import IMPORTANCE, SENSITIVITY
from .names import Element, clean, elements, flag, local, t, text
from .values import INTEGER, TIME, Text

_KILOBYTE: Final = 1024
_FLAGS: Final = {
    "DoNotForward": "Do not Forward",
    "FollowUp": "Follow up",
    "FYI": "For Your Information",
    "NoResponseNecessary": "No Response Necessary",
    "ReplyToAll": "Reply to All",
}


class Unsupported(Exception):  # noqa: N818 - what a rule is, not what went wrong
    """The rule has something that EWS cannot say."""


@dataclass(frozen=True)
class Predicate:
    """One of the questions: its element's name, its restriction, and the element's content if a restriction is one."""

    name: str
    write: Callable[[Element], Condition | None]
    read: Callable[[Condition], list[Element] | str | None]


def write(conditions: Element | None, exceptions: Element | None) -> Condition:
    """The restriction of both elements."""
    parts = _written(conditions)
    return every([*parts, *map(negated, _written(exceptions))])


def read(condition: Condition) -> tuple[Element, Element]:
    """Conditions and Exceptions. Raises Unsupported."""
    if not isinstance(condition, And):
        condition = every((condition,))
    asked, excepted = t("Conditions"), t("Exceptions")
    for part in condition.parts:
        # NotSentToMe is no exception: it asks for a value.
        node, inner = (excepted, part.part) if isinstance(part, Not) else (asked, part)
        node.append(_read(inner))
    for node in (asked, excepted):
        node[:] = sorted(node, key=lambda each: _ORDER.index(local(each)))
    return asked, excepted


def _written(node: Element | None) -> list[Condition]:
    found = []
    for each in elements(node):
        predicate = _BY_NAME.get(local(each))
        if predicate is None:
            raise EwsError("ErrorInboxRulesValidationError", f"{local(each)} is not supported by this server.")
        if (condition := predicate.write(each)) is not None:
            found.append(condition)
    return found


def _read(condition: Condition) -> Element:
    for predicate in _PREDICATES:
        content = predicate.read(condition)
        if content is not None:
            node = t(predicate.name, content) if isinstance(content, str) else t(predicate.name)
            if not isinstance(content, str):
                node.extend(content)
            return node
    raise Unsupported(repr(condition))


def _switch(name: str, condition: Condition) -> Predicate:
    """A question that is asked or not."""
    return Predicate(
        name,
        lambda node: condition if flag(node.text) else None,
        lambda found: "true" if found == condition else None,
    )


def _equal(name: str, key: PropertyKey, values: Text) -> Predicate:
    """A property has a value."""

    def read(found: Condition) -> str | None:
        return (
            values.show(found.value)
            if isinstance(found, Compare) and (found.key, found.operator) == (key, "=")
            else None
        )

    return Predicate(name, lambda node: Compare(key, "=", values.parse(node.text or "")), read)


def _strings(name: str, one: Callable[[str], Condition], text_of: Callable[[Condition], str | None]) -> Predicate:
    """One of several texts; ``one`` is the restriction for a text, ``text_of`` finds the text in it again."""

    def write(node: Element) -> Condition:
        return some(one(each.text or "") for each in elements(node))

    def read(found: Condition) -> list[Element] | None:
        if not isinstance(found, Or) or not found.parts:
            return None
        texts = [text_of(part) for part in found.parts]
        known = [each for each in texts if each is not None]
        return [t("String", clean(each)) for each in known] if len(known) == len(texts) else None

    return Predicate(name, write, read)


def _contains(name: str, key: PropertyKey, mode: Any = "substring") -> Predicate:
    def text_of(part: Condition) -> str | None:
        return part.text if isinstance(part, Contains) and part == Contains(key, part.text, mode) else None

    return _strings(name, lambda text: Contains(key, text, mode), text_of)


def _two(one: PropertyKey, other: PropertyKey) -> tuple[Callable[[str], Condition], Callable[[Condition], str | None]]:
    """A text in one property or another."""

    def make(text: str) -> Condition:
        return Or((Contains(one, text), Contains(other, text)))

    def text_of(part: Condition) -> str | None:
        if isinstance(part, Or) and part.parts and isinstance(first := part.parts[0], Contains):
            return first.text if part == make(first.text) else None
        return None

    return make, text_of


def _in_recipients(text: str) -> Condition:
    return Recipients(Or((Contains(tags.PidTagSmtpAddress, text), Contains(tags.PidTagDisplayName, text))))


def _text_in_recipients(part: Condition) -> str | None:
    if isinstance(part, Recipients) and isinstance(inner := part.part, Or) and inner.parts:
        first = inner.parts[0]
        return first.text if isinstance(first, Contains) and part == _in_recipients(first.text) else None
    return None


def _addresses(name: str, one: Callable[[str], Condition], address_of: Callable[[Condition], str | None]) -> Predicate:
    """One of several people."""

    def write(node: Element) -> Condition:
        return some(one((text(each, "EmailAddress") or "").lower()) for each in elements(node))

    def read(found: Condition) -> list[Element] | None:
        if not isinstance(found, Or) or not found.parts:
            return None
        known = [address for part in found.parts if (address := address_of(part)) is not None]
        return [address_element(each) for each in known] if len(known) == len(found.parts) else None

    return Predicate(name, write, read)


def address_element(address: str, name: str | None = None, kind: str = "SMTP") -> Element:
    """An Address of a rule."""
    node = t("Address", t("Name", name or address))
    node.append(t("EmailAddress", address))
    node.append(t("RoutingType", kind))
    return node


def _from(address: str) -> Condition:
    return Compare(tags.PidTagSentRepresentingSmtpAddress, "=", address)


def _sent_to(address: str) -> Condition:
    return Recipients(Compare(tags.PidTagSmtpAddress, "=", address))


def _address_from(part: Condition) -> str | None:
    return str(part.value) if isinstance(part, Compare) and part == _from(str(part.value)) else None


def _address_sent_to(part: Condition) -> str | None:
    inner = part.part if isinstance(part, Recipients) else None
    return str(inner.value) if isinstance(inner, Compare) and part == _sent_to(str(inner.value)) else None


def _range(name: str, key: PropertyKey, bounds: tuple[str, str], values: Text, unit: int = 1) -> Predicate:
    """A property between two values, one of which may be missing."""
    signs: dict[str, Literal[">=", "<="]] = {bounds[0]: ">=", bounds[1]: "<="}

    def write(node: Element) -> Condition:
        given = [(each, values.parse(each.text or "")) for each in elements(node)]
        if not given:
            raise EwsError("ErrorInboxRulesValidationError", f"{name} needs a bound.")
        if len(given) == 2 and given[0][1] > given[1][1]:
            raise EwsError("ErrorInboxRulesValidationError", f"{name} ends before it begins.")
        return every(Compare(key, signs[local(each)], value * unit) for each, value in given)

    def read(found: Condition) -> list[Element] | None:
        if not isinstance(found, And) or not found.parts:
            return None
        shown = []
        for part in found.parts:
            bound = next(
                (each for each, sign in signs.items() if isinstance(part, Compare) and part.operator == sign), ""
            )
            if not isinstance(part, Compare) or part.key != key or not bound or not isinstance(part.value, int):
                return None
            shown.append(t(bound, values.show(part.value // unit)))
        return shown

    return Predicate(name, write, read)


def _of_class(prefix: str) -> Condition:
    return Contains(tags.PidTagMessageClass, prefix, "prefix")


_FLAGGED: Final = Text(
    lambda value: next((name for name, words in _FLAGS.items() if words == value), str(value)),
    lambda name: _FLAGS.get(name, name),
)

_PREDICATES: Final = (
    _contains("Categories", tags.PidNameKeywords, "full"),
    _contains("ContainsBodyStrings", tags.PidTagBody),
    _contains("ContainsHeaderStrings", tags.PidTagTransportMessageHeaders),
    _strings("ContainsRecipientStrings", _in_recipients, _text_in_recipients),
    _strings("ContainsSenderStrings", *_two(tags.PidTagSentRepresentingSmtpAddress, tags.PidTagSentRepresentingName)),
    _strings("ContainsSubjectOrBodyStrings", *_two(tags.PidTagSubject, tags.PidTagBody)),
    _contains("ContainsSubjectStrings", tags.PidTagSubject),
    _equal("FlaggedForAction", tags.PidLidFlagRequest, _FLAGGED),
    _addresses("FromAddresses", _from, _address_from),
    _switch("HasAttachments", Bitmask(tags.PidTagMessageFlags, tags.MSGFLAG_HASATTACH)),
    _equal("Importance", tags.PidTagImportance, IMPORTANCE),
    _switch("IsApprovalRequest", _of_class("IPM.Note.Microsoft.Approval.Request")),
    _switch("IsAutomaticForward", Compare(tags.PidTagAutoForwarded, "=", True)),
    _switch("IsAutomaticReply", _of_class("IPM.Note.Rules.OofTemplate.Microsoft")),
    _switch("IsEncrypted", Contains(tags.PidTagMessageClass, "IPM.Note.SMIME", "full")),
    _switch("IsMeetingRequest", _of_class("IPM.Schedule.Meeting.Request")),
    _switch("IsMeetingResponse", _of_class("IPM.Schedule.Meeting.Resp")),
    _switch("IsNDR", _of_class("REPORT.IPM.Note.NDR")),
    _switch("IsPermissionControlled", Compare(tags.PidNameContentClass, "=", "rpmsg.message")),
    _switch("IsReadReceipt", _of_class("REPORT.IPM.Note.IPNRN")),
    _switch("IsSigned", _of_class("IPM.Note.SMIME.MultipartSigned")),
    _switch("IsVoicemail", _of_class("IPM.Note.Microsoft.Voicemail")),
    _contains("ItemClasses", tags.PidTagMessageClass, "full"),
    _switch("NotSentToMe", Compare(tags.PidTagMessageToMe, "=", False)),
    _switch("SentCcMe", Compare(tags.PidTagMessageCcMe, "=", True)),
    _switch(
        "SentOnlyToMe",
        And(
            (
                Compare(tags.PidTagMessageToMe, "=", True),
                Not(Contains(tags.PidTagDisplayTo, ";")),
                Not(Compare(tags.PidTagDisplayCc, "!=", "")),
            )
        ),
    ),
    _addresses("SentToAddresses", _sent_to, _address_sent_to),
    _switch("SentToMe", Compare(tags.PidTagMessageToMe, "=", True)),
    _switch("SentToOrCcMe", Compare(tags.PidTagMessageRecipientMe, "=", True)),
    _equal("Sensitivity", tags.PidTagSensitivity, SENSITIVITY),
    _range("WithinDateRange", tags.PidTagMessageDeliveryTime, ("StartDateTime", "EndDateTime"), TIME),
    _range("WithinSizeRange", tags.PidTagMessageSize, ("MinimumSize", "MaximumSize"), INTEGER, _KILOBYTE),
)
_ORDER: Final = [predicate.name for predicate in _PREDICATES]
_BY_NAME: Final = {predicate.name: predicate for predicate in _PREDICATES}
