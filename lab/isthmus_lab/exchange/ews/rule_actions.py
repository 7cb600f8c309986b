"""Actions of inbox rules: what a person wants done, and the actions it is kept as ([MS-OXWSRULES] 2.2.4.18)."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Final

from isthmus_lab import schema
from isthmus_lab.mapi import tags
from isthmus_lab.mapi.bag import Properties
from isthmus_lab.store import Mailbox, NotFoundError

from ..rules.model import Action, Flavor, Kind, State
from .call import Call
from .errors import EwsError
from .ids import ObjectId
from .items import IMPORTANCE
from .names import Element, clean, elements, flag, local, t, text
from .rule_conditions import Unsupported, address_element
from .shapes import folder_id

_SENDING: Final = {
    "ForwardAsAttachmentToRecipients": Flavor.AS_ATTACHMENT,
    "ForwardToRecipients": Flavor.NONE,
    "RedirectToRecipients": Flavor.REDIRECT,
    "SendSMSAlertToRecipients": Flavor.TEXT_MESSAGE,
}


def write(call: Call, mailbox: Mailbox, node: Element | None) -> tuple[tuple[Action, ...], State]:
    """The actions of an Actions element, and what of the rule's state it says."""
    actions, state = list[Action](), State(0)
    for each in elements(node):
        name = local(each)
        if name == "StopProcessingRules":
            state |= State.EXIT_LEVEL if flag(each.text) else State(0)
        elif name in _SENDING:
            people = tuple(_recipient(call, address) for address in elements(each))
            actions.append(Action(Kind.FORWARD, _SENDING[name], recipients=people))
        elif name in ("CopyToFolder", "MoveToFolder"):
            there, folder = call.folder(elements(each)[0])
            if there is not mailbox:
                raise EwsError("ErrorInboxRulesValidationError", "The folder is in another mailbox.")
            actions.append(Action(Kind.MOVE if name == "MoveToFolder" else Kind.COPY, folder=folder.id))
        elif name == "AssignCategories":
            actions.append(Action(Kind.TAG, tag=(tags.PidNameKeywords, [one.text or "" for one in elements(each)])))
        elif name == "MarkImportance":
            actions.append(Action(Kind.TAG, tag=(tags.PidTagImportance, IMPORTANCE.parse(each.text or ""))))
        elif name == "ServerReplyWithMessage":
            actions.append(Action(Kind.REPLY, template=ObjectId.parse(each.get("Id", "")).entry))
        elif flag(each.text):
            actions.append(_SWITCHES[name](mailbox))
    if not actions and not state:
        raise EwsError("ErrorInboxRulesValidationError", "A rule needs an action.")
    return tuple(actions), state


_SWITCHES: Final[dict[str, Callable[[Mailbox], Action]]] = {
    "Delete": lambda mailbox: Action(Kind.MOVE, folder=mailbox.folders.role("deleteditems").id),
    "MarkAsRead": lambda _: Action(Kind.MARK_AS_READ),
    "PermanentDelete": lambda _: Action(Kind.DELETE),
}


def read(mailbox: Mailbox, actions: tuple[Action, ...], state: State) -> Element:
    """The Actions element. Raises Unsupported."""
    found = [_read(mailbox, action) for action in actions]
    if State.EXIT_LEVEL in state:
        found.append(t("StopProcessingRules", "true"))
    node = t("Actions")
    node.extend(sorted(found, key=lambda each: _ORDER.index(local(each))))
    if len({local(each) for each in found}) != len(found):
        raise Unsupported("an action twice")
    return node


_ORDER: Final = schema.order("RuleActionsType")


def _read(mailbox: Mailbox, action: Action) -> Element:
    match action:
        case Action(kind=Kind.MOVE, folder=folder) if folder == mailbox.folders.role("deleteditems").id:
            return t("Delete", "true")
        case Action(kind=Kind.MOVE | Kind.COPY, folder=folder):
            try:
                there = folder_id(mailbox.guid, mailbox.folders.get(folder))
            except NotFoundError:
                raise Unsupported("its folder is gone") from None
            return t("MoveToFolder" if action.kind is Kind.MOVE else "CopyToFolder", there)
        case Action(kind=Kind.FORWARD, flavor=flavor) if flavor in _SENDING.values():
            node = t(next(name for name, each in _SENDING.items() if each == flavor))
            for each in action.recipients:
                address = each.get(tags.PidTagSmtpAddress) or each.get(tags.PidTagEmailAddress) or ""
                node.append(address_element(str(address), each.get(tags.PidTagDisplayName)))
            return node
        case Action(kind=Kind.TAG, tag=(tags.PidNameKeywords, list(values))):
            node = t("AssignCategories")
            node.extend(t("String", clean(str(each))) for each in values)
            return node
        case Action(kind=Kind.TAG, tag=(tags.PidTagImportance, value)):
            return t("MarkImportance", IMPORTANCE.show(value))
        case Action(kind=Kind.REPLY, template=template):
            return t("ServerReplyWithMessage", Id=str(ObjectId(mailbox.guid, template)))
        case Action(kind=Kind.MARK_AS_READ):
            return t("MarkAsRead", "true")
        case Action(kind=Kind.DELETE):
            return t("PermanentDelete", "true")
    raise Unsupported(action.kind.name)


def _recipient(call: Call, node: Element) -> Properties:
    address = text(node, "EmailAddress")
    if not address:
        raise EwsError("ErrorInboxRulesValidationError", "A recipient has no address.")
    properties: Properties = dict(call.resolve(address) or {})
    if not properties:
        name = text(node, "Name") or address
        properties = {
            tags.PidTagDisplayName: name,
            tags.PidTagAddressType: "SMTP",
            tags.PidTagEmailAddress: address,
            tags.PidTagSmtpAddress: address,
            tags.PidTagObjectType: 6,
        }
    return properties


def rule_id(number: int) -> str:
    """A RuleId: eight bytes in base64."""
    return base64.b64encode(number.to_bytes(8, "little")).decode()


def rule_number(written: str) -> int:
    """The number in a RuleId. Raises EwsError ErrorItemNotFound for what is none."""
    try:
        return int.from_bytes(base64.b64decode(written, validate=True), "little")
    except ValueError:
        raise EwsError("ErrorItemNotFound", "The rule does not exist.") from None
