"""Where rules are kept: each in a message of its own among the associated ones of the Inbox ([MS-OXORULE] 2.2.4).

So they are copied with the other associated messages, as clients do that move a mailbox.
"""

from __future__ import annotations

from typing import Final

import structlog

from isthmus_lab.mapi import tags
from isthmus_lab.mapi.bag import Bag
from isthmus_lab.store import Compare, Delete, Mailbox, Row

from .format import read_actions, read_condition, write_actions, write_condition
from .model import Rule, State

_log = structlog.get_logger()

EXTENDED: Final = "IPM.ExtendedRule.Message"
"""The class of a client's own rules that people do not see, like the junk mail rule."""
_CLASSES: Final = (Rule.message_class, EXTENDED)
OUTLOOK_BLOB: Final = "IPM.RuleOrganizer"
"""The class of the message in which Outlook keeps its own picture of all rules."""
BY_OUTLOOK: Final = "RuleOrganizer"
"""The provider of the rules that people make; others are a client's own, like a delegate rule."""


def rules(mailbox: Mailbox) -> list[Rule]:
    """All rules by their sequence; one that cannot be read is left out, and the log says so."""
    rows = [row for each in _CLASSES for row in _rows(mailbox, each)]
    found = [rule for row in rows if (rule := _read(mailbox, row)) is not None]
    return sorted(found, key=lambda rule: (rule.sequence, rule.number))


def add(mailbox: Mailbox, rule: Rule) -> None:
    """A new rule."""
    mailbox.items.add(_inbox(mailbox), bag_of(rule), associated=True)


def replace(mailbox: Mailbox, rule: Rule) -> None:
    """Puts the rule in the place of the one with its number."""
    mailbox.items.update(_row(mailbox, rule.number).id, bag_of(rule).properties)


def remove(mailbox: Mailbox, number: int) -> None:
    """Takes a rule away. KeyError when there is none of that number, as for `replace`."""
    mailbox.items.delete([_row(mailbox, number).id], Delete.HARD)


def has_outlook_blob(mailbox: Mailbox) -> bool:
    """Whether Outlook's own picture of the rules is there: it knows more of them than the server does."""
    return bool(_rows(mailbox, OUTLOOK_BLOB))


def remove_outlook_blob(mailbox: Mailbox) -> None:
    """Forgets Outlook's picture, and with it what only Outlook knew: its client's rules and those turned off."""
    mailbox.items.delete([row.id for row in _rows(mailbox, OUTLOOK_BLOB)], Delete.HARD)


def _inbox(mailbox: Mailbox) -> bytes:
    return mailbox.folders.role("inbox").id


def _rows(mailbox: Mailbox, message_class: str) -> list[Row]:
    of_class = Compare(tags.PidTagMessageClass, "=", message_class)
    return mailbox.items.find(_inbox(mailbox), of_class, associated=True).rows


def _row(mailbox: Mailbox, number: int) -> Row:
    for each in _CLASSES:
        for row in _rows(mailbox, each):
            if row.number == number:
                return row
    raise KeyError(number)


def _read(mailbox: Mailbox, row: Row) -> Rule | None:
    bag = mailbox.items.get(row.id).bag
    try:
        return Rule(
            bag.get(tags.PidTagRuleMessageName, ""),
            bag.get(tags.PidTagRuleMessageSequence, 0),
            read_condition(bag.get(tags.PidTagExtendedRuleMessageCondition, b"")),
            read_actions(bag.get(tags.PidTagExtendedRuleMessageActions, b"")),
            State(bag.get(tags.PidTagRuleMessageState, 0)),
            bag.get(tags.PidTagRuleMessageProvider, ""),
            row.number,
            row.item_class,
        )
    except ValueError as error:
        _log.warning("unreadable rule", mailbox=str(mailbox.guid), item=row.number, reason=str(error))
        return None


def bag_of(rule: Rule) -> Bag:
    """The message that keeps a rule."""
    return Bag(
        {
            tags.PidTagMessageClass: rule.message_class,
            tags.PidTagSubject: rule.name,
            tags.PidTagRuleMessageName: rule.name,
            tags.PidTagRuleMessageProvider: rule.provider,
            tags.PidTagRuleMessageSequence: rule.sequence,
            tags.PidTagRuleMessageState: int(rule.state),
            tags.PidTagRuleMessageLevel: 0,
            tags.PidTagRuleMessageUserFlags: 0,
            tags.PidTagExtendedRuleMessageCondition: write_condition(rule.condition),
            tags.PidTagExtendedRuleMessageActions: write_actions(rule.actions),
        }
    )
