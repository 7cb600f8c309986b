"""GetInboxRules and UpdateInboxRules ([MS-OXWSRULES] 3.1.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import EwsError
from ..names import M, T
from ..shapes import plain
from ..soap import Element, check, text
from ..values import InboxRule
from .operation import Operation, only


@dataclass(frozen=True)
class GetInboxRules(Operation["list[InboxRule]"]):
    """In their order. The rules that run only in Outlook are not among them: the server does not know them."""

    name = "GetInboxRules"

    def body(self, _newer: bool, /) -> str:
        return "<m:GetInboxRules/>"

    def answer(self, messages: Sequence[Element], /) -> list[InboxRule]:
        rules = [_read(each) for each in only(messages).iterfind(f"{M}InboxRules/{T}Rule")]
        return sorted(rules, key=lambda rule: rule.priority)


@dataclass(frozen=True)
class UpdateInboxRules(Operation["dict[int, str]"]):
    """Rules that go, by id, and new ones: all of it or nothing. Answers why it was nothing: by index of the new rules.
    Raises EwsError when one cannot go: it is there no more, so the others are to be read anew.

    Outlook's own picture of the rules goes with any change, and with it the rules that only Outlook knows.
    """

    delete: tuple[str, ...]
    create: tuple[InboxRule, ...]
    name = "UpdateInboxRules"
    writes = True

    def body(self, _newer: bool, /) -> str:
        deletions = (
            f"<t:DeleteRuleOperation><t:RuleId>{text(each)}</t:RuleId></t:DeleteRuleOperation>" for each in self.delete
        )
        creations = (f"<t:CreateRuleOperation>{_write(each)}</t:CreateRuleOperation>" for each in self.create)
        return (
            "<m:UpdateInboxRules><m:RemoveOutlookRuleBlob>true</m:RemoveOutlookRuleBlob>"
            f"<m:Operations>{''.join((*deletions, *creations))}</m:Operations></m:UpdateInboxRules>"
        )

    def answer(self, messages: Sequence[Element], /) -> dict[int, str]:
        (message,) = messages
        refused: dict[int, str] = {}
        for each in message.iterfind(f"{M}RuleOperationErrors/{T}RuleOperationError"):
            index = int(each.findtext(f"{T}OperationIndex") or 0) - len(self.delete)
            error = each.find(f"{T}ValidationErrors/{T}Error")
            words = (
                "refused"
                if error is None
                else f"{error.findtext(f'{T}ErrorCode')}: {error.findtext(f'{T}ErrorMessage')}"
            )
            if index < 0:
                raise EwsError("ErrorInboxRulesValidationError", words)
            refused[index] = words
        if not refused and (error_ := check(message)) is not None:
            raise error_
        return refused


def _write(rule: InboxRule) -> str:
    return (
        f"<t:Rule><t:DisplayName>{text(rule.name)}</t:DisplayName><t:Priority>{rule.priority}</t:Priority>"
        f"<t:IsEnabled>{str(rule.enabled).lower()}</t:IsEnabled>{rule.content}</t:Rule>"
    )


def _read(node: Element) -> InboxRule:
    actions = node.find(f"{T}Actions")
    folders = () if actions is None else tuple(each.get("Id", "") for each in actions.iter(f"{T}FolderId"))
    items = () if actions is None else tuple(each.get("Id", "") for each in actions.iter(f"{T}ServerReplyWithMessage"))
    parts = (node.find(f"{T}{name}") for name in ("Conditions", "Exceptions", "Actions"))
    return InboxRule(
        id=node.findtext(f"{T}RuleId") or "",
        name=node.findtext(f"{T}DisplayName") or "",
        priority=int(node.findtext(f"{T}Priority") or 0),
        enabled=node.findtext(f"{T}IsEnabled") == "true",
        supported=node.findtext(f"{T}IsNotSupported") != "true",
        in_error=node.findtext(f"{T}IsInError") == "true",
        content="".join(plain(each) for each in parts if each is not None),
        folders=folders,
        items=items,
    )
