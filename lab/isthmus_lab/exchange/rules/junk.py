"""The junk mail rule: mail of blocked senders goes to the junk mail ([MS-OXCSPAM] 3.1.4.2)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from isthmus_lab.mapi import tags
from isthmus_lab.store import Compare, Mailbox, Or

from . import table
from .model import Action, Kind, Rule, State, some

_NAME: Final = "Junk E-mail Rule"
_PROVIDER: Final = "JunkEmailRule"
_FIRST: Final = 0  # asked before the owner's own rules


def block(mailbox: Mailbox, address: str, *, blocked: bool) -> None:
    """Puts a sender on the list of the blocked ones, or takes them off it."""
    rule = next((each for each in table.rules(mailbox) if each.provider == _PROVIDER), None)
    condition = Compare(tags.PidTagSentRepresentingSmtpAddress, "=", address.lower())
    known = rule.condition.parts if rule is not None and isinstance(rule.condition, Or) else ()
    wanted = [each for each in known if each != condition] + ([condition] if blocked else [])
    if rule is not None:
        table.replace(mailbox, replace(rule, condition=some(wanted)))
    elif blocked:
        action = Action(Kind.MOVE, folder=mailbox.folders.role("junkemail").id)
        state = State.ENABLED | State.EXIT_LEVEL
        new = Rule(_NAME, _FIRST, some(wanted), (action,), state, _PROVIDER, message_class=table.EXTENDED)
        table.add(mailbox, new)
