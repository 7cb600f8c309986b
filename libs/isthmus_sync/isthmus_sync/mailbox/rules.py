"""Inbox rules: which of the from side's the to side is to have, with the folders that they name there.

Addresses in rules stay as they are: each organisation knows everybody's addresses of the other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple
from xml.sax.saxutils import quoteattr

from isthmus_exchange.values import InboxRule

from isthmus_sync.mailbox.folder_settings import KeptAside


class Plan(NamedTuple):
    """What makes the to side have the rules: ids of rules that go, then new ones in their order."""

    delete: list[str]
    create: list[InboxRule]


def wanted(source: Sequence[InboxRule], ids: Mapping[str, str]) -> tuple[list[InboxRule], list[KeptAside]]:
    """The rules as the to side is to have them, and those that cannot be there.

    `ids`: for folders and items of the from side their counterparts.
    """
    able, aside = _kept((rule, _reason(rule, ids)) for rule in source)
    rules = []
    for rule in able:
        content = rule.content
        for each in (*rule.folders, *rule.items):
            content = content.replace(f"Id={quoteattr(each)}", f"Id={quoteattr(ids[each])}")
        folders, items = (tuple(ids[each] for each in some) for some in (rule.folders, rule.items))
        rules.append(rule._replace(id="", content=content, folders=folders, items=items))
    return rules, aside


def without(rules: Sequence[InboxRule], refused: Mapping[int, str]) -> tuple[list[InboxRule], list[KeptAside]]:
    """The rules that are left when the to side's server refuses some, by place and with the reason; and the others."""
    return _kept((rule, refused.get(place, "")) for place, rule in enumerate(rules))


def _kept(rules: Iterable[tuple[InboxRule, str]]) -> tuple[list[InboxRule], list[KeptAside]]:
    """In their order, those that come over, and those that do not; each with the reason why it cannot.

    A rule that ends the processing keeps mail from those after it. Where it is missing, these would act on that mail,
    too, so none that sends mail out, or deletes it, comes over behind it.
    """
    kept, aside = [], []
    missing = ""
    for rule, reason in rules:
        if not reason and missing and rule.enabled and any(f"<t:{each}" in rule.content for each in _FOR_GOOD):
            reason = (
                f"the rule {missing!r} before it, which may end the processing, cannot come over, and without that this"
                " one would act on more mail; make both anew"
            )
        if not reason:
            kept.append(rule)
            continue
        aside.append(KeptAside("", rule.name, reason))
        if rule.enabled and not rule.in_error and (_ENDS in rule.content or not rule.supported):
            missing = rule.name
    return kept, aside


_ENDS = "<t:StopProcessingRules>true<"
_FOR_GOOD = ("Forward", "Redirect", "SendSMS", "ServerReply", "Delete>", "PermanentDelete>")
"""How the actions begin that nobody can take back ([MS-OXWSRULES] 2.2.4.9)."""


def plan(want: Sequence[InboxRule], ours: Collection[str], present: Sequence[InboxRule]) -> Plan:
    """What is to be done to the `present` rules of the to side; `ours`: names of those that were brought before.

    Rules that its owner has there stay. When anything differs all of ours are made anew, so that their order is right.
    """
    known = {_essence(rule) for rule in want}
    brought = [rule for rule in present if rule.name in ours or _essence(rule) in known]
    if list(map(_essence, brought)) == list(map(_essence, want)):
        return Plan([], [])
    return Plan([rule.id for rule in brought], list(want))


def _reason(rule: InboxRule, ids: Mapping[str, str]) -> str:
    """Why a rule cannot come over; empty when it can."""
    if rule.in_error:
        return "it is in error: it names something that does not exist any more"
    if not rule.supported:
        return "the server cannot tell what it does: its folder is gone, or EWS has no words for it; make it anew"
    if any(folder not in ids for folder in rule.folders):
        return "it moves or copies into a folder that is not in this mailbox"
    if any(item not in ids for item in rule.items):
        return "the template that it answers with has not been copied"
    return ""


def _essence(rule: InboxRule) -> tuple[str, bool, str]:
    """Servers number priorities anew, and rules; their order says it."""
    return rule.name, rule.enabled, rule.content
