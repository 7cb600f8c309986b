"""Inbox rules as EWS shows and changes them ([MS-OXWSRULES])."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from isthmus_lab.store import Mailbox

from ..rules import table
from ..rules.model import Rule, State
from . import rule_actions, rule_conditions
from .call import Call
from .errors import EwsError
from .names import Element, child, elements, flag, local, t, text
from .rule_actions import rule_id, rule_number
from .rule_conditions import Unsupported


class Invalid(Exception):  # noqa: N818 - an operation's error, told beside those of the others
    """What is wrong with an operation: a field of the rule, a code of RuleValidationErrorCode, a sentence."""

    def __init__(self, field: str, code: str, message: str, value: str = "") -> None:
        super().__init__(message)
        self.field, self.code, self.message, self.value = field, code, message, value

    def show(self, index: int) -> Element:
        """The RuleOperationError of the operation with this index."""
        error = t("Error", t("FieldURI", self.field))
        for name, value in (("ErrorCode", self.code), ("ErrorMessage", self.message), ("FieldValue", self.value)):
            error.append(t(name, value))
        node = t("RuleOperationError", t("OperationIndex", str(index)))
        node.append(t("ValidationErrors", error))
        return node


def mailbox_of(call: Call) -> Mailbox:
    """The mailbox whose rules are asked for: rules are for those who may do everything in it."""
    address = text(call.element, "MailboxSmtpAddress")
    mailbox = call.mailbox_at(address) if address else call.mailbox()
    if not call.access(mailbox).full:
        raise EwsError("ErrorAccessDenied")
    return mailbox


def show(mailbox: Mailbox, rule: Rule) -> Element:
    """A Rule element."""
    node = t("Rule", t("RuleId", rule_id(rule.number)))
    enabled = State.ENABLED in rule.state
    for name, value in (("DisplayName", rule.name or "-"), ("Priority", str(max(1, rule.sequence - _FIRST + 1)))):
        node.append(t(name, value))
    node.append(t("IsEnabled", "true" if enabled else "false"))
    try:
        conditions, exceptions = rule_conditions.read(rule.condition)
        content = [conditions, exceptions, rule_actions.read(mailbox, rule.actions, rule.state)]
    except Unsupported:
        content = []
        node.append(t("IsNotSupported", "true"))
    if State.ERROR in rule.state:
        node.append(t("IsInError", "true"))
    node.extend(each for each in content if len(each))
    return node


def change(call: Call, mailbox: Mailbox, operations: list[Element]) -> list[Element]:
    """Carries out all operations, or none: then the errors come back."""
    known = {rule.number: rule for rule in table.rules(mailbox) if rule.provider == table.BY_OUTLOOK}
    todo, errors, touched = list[Callable[[], None]](), list[Element](), set[int]()
    for index, each in enumerate(operations):
        try:
            todo.append(_planned(call, mailbox, each, known, touched))
        except Invalid as error:
            errors.append(error.show(index))
    if not errors:
        with mailbox.transaction():
            for carry_out in todo:
                carry_out()
    return errors


_FIRST = 10  # Outlook's rules begin at this sequence, [MS-OXORULE] 2.2.1.3.1.2


def _planned(
    call: Call, mailbox: Mailbox, node: Element, known: dict[int, Rule], touched: set[int]
) -> Callable[[], None]:
    if local(node) == "DeleteRuleOperation":
        number = _known(text(node, "RuleId") or "", known, touched)
        return lambda: table.remove(mailbox, number)
    wanted = elements(node)[0]
    written = text(wanted, "RuleId")
    if local(node) == "CreateRuleOperation":
        if written is not None:
            raise Invalid("RuleId", "CreateWithRuleId", "A new rule has no RuleId yet.", written)
        made = _rule(call, mailbox, wanted)
        return lambda: table.add(mailbox, made)
    number = _known(written or "", known, touched)
    changed = replace(_rule(call, mailbox, wanted), number=number)
    return lambda: table.replace(mailbox, changed)


def _known(written: str, known: dict[int, Rule], touched: set[int]) -> int:
    if not written:
        raise Invalid("RuleId", "MissingParameter", "The rule is not named.")
    number = rule_number(written)
    if number not in known:
        raise Invalid("RuleId", "RuleNotFound", "The rule does not exist.", written)
    if number in touched:
        raise Invalid("RuleId", "DuplicatedOperationOnTheSameRule", "A rule can be changed once in a request.", written)
    touched.add(number)
    return number


def _rule(call: Call, mailbox: Mailbox, node: Element) -> Rule:
    priority = int(text(node, "Priority") or 0)
    if priority < 1:
        raise Invalid("Priority", "InvalidValue", "A priority is at least 1.", str(priority))
    try:
        condition = rule_conditions.write(child(node, "Conditions"), child(node, "Exceptions"))
    except (EwsError, ValueError) as error:
        raise Invalid("Conditions", "InvalidValue", str(error)) from None
    wanted = child(node, "Actions")
    if not elements(wanted):
        raise Invalid("Actions", "MissingAction", "A rule needs an action.")
    try:
        actions, state = rule_actions.write(call, mailbox, wanted)
    except EwsError as error:
        missing = error.code in ("ErrorFolderNotFound", "ErrorItemNotFound", "ErrorInvalidIdMalformed")
        code = "FolderDoesNotExist" if missing else "InvalidValue"
        raise Invalid("Actions", code, error.message) from None
    state |= State.ENABLED if flag(text(node, "IsEnabled")) else State(0)
    return Rule(text(node, "DisplayName") or "", _FIRST + priority - 1, condition, actions, state)
