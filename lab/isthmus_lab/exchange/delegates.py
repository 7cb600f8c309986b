"""Delegates of a mailbox, where Exchange keeps them ([MS-OXODLGT] 2.2.2, 2.2.3).

Who they are and who may see private items is in the message "LocalFreebusy"; who gets copies of meeting messages is in
a rule; what they may do in which folder is in the folders' access control lists, like everybody's rights.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from isthmus_lab.mapi import tags
from isthmus_lab.mapi.bag import Bag, Properties
from isthmus_lab.store import Compare, Contains, Exists, Mailbox, Not, Row

from .rules import table
from .rules.model import Action, Kind, Rule, State, every

_CLASS: Final = "IPM.Microsoft.ScheduleData.FreeBusy"
_PROVIDER: Final = "Schedule+ EMS Interface"
_SEES_PRIVATE: Final = 1
_PRIVATE: Final = 2  # PidTagSensitivity
# Meeting messages that were not delegated before and are nobody's private affair, [MS-OXODLGT] 2.2.3.1.5.
_CONDITION: Final = every(
    (
        Contains(tags.PidTagMessageClass, "IPM.Schedule.Meeting", "prefix"),
        Not(Exists(tags.PidTagDelegatedByRule)),
        Not(Compare(tags.PidTagSensitivity, "=", _PRIVATE)),
    )
)


class Delivery(Enum):
    """Who gets meeting messages."""

    DELEGATES = "DelegatesOnly"
    BOTH = "DelegatesAndMe"
    DELEGATES_AND_INFORMATION = "DelegatesAndSendInformationToMe"
    OWNER = "NoForward"


# PidTagScheduleInfoDontMailDelegates, …DelegatorWantsCopy, …DelegatorWantsInfo
_SWITCHES: Final = {
    Delivery.DELEGATES: (False, False, False),
    Delivery.BOTH: (False, True, False),
    Delivery.DELEGATES_AND_INFORMATION: (False, True, True),
    Delivery.OWNER: (True, True, False),
}


@dataclass(frozen=True)
class Delegate:
    """Somebody who acts for the owner. ``address`` are the properties by which mail reaches them."""

    entry_id: bytes
    name: str
    sees_private: bool
    gets_copies: bool
    address: Properties


@dataclass(frozen=True)
class Delegation:
    """All delegates of a mailbox, and who gets meeting messages."""

    delegates: tuple[Delegate, ...] = ()
    delivery: Delivery = Delivery.DELEGATES_AND_INFORMATION


def folder(mailbox: Mailbox) -> bytes:
    """The folder of the message, which delegates with rights on the calendar may write too."""
    return mailbox.folders.path(mailbox.folders.role("root").id, ["Freebusy Data"], "").id


def read(mailbox: Mailbox) -> Delegation:
    """The delegates of a mailbox."""
    row = _row(mailbox)
    if row is None:
        return Delegation()
    bag, rule = mailbox.items.get(row.id).bag, _rule(mailbox)
    copies = {each.get(tags.PidTagEntryId): each for each in rule.actions[0].recipients} if rule else {}
    names = bag.get(tags.PidTagScheduleInfoDelegateNames, [])
    flags = bag.get(tags.PidTagDelegateFlags, [])
    delegates = tuple(
        Delegate(
            entry_id,
            names[at] if at < len(names) else "",
            at < len(flags) and bool(flags[at] & _SEES_PRIVATE),
            entry_id in copies,
            copies.get(entry_id, {}),
        )
        for at, entry_id in enumerate(bag.get(tags.PidTagScheduleInfoDelegateEntryIds, []))
    )
    keys = (
        tags.PidTagScheduleInfoDontMailDelegates,
        tags.PidTagScheduleInfoDelegatorWantsCopy,
        tags.PidTagScheduleInfoDelegatorWantsInfo,
    )
    switches = tuple(bool(bag.get(key)) for key in keys)
    delivery = next((each for each, wanted in _SWITCHES.items() if wanted == switches), Delivery.DELEGATES)
    return Delegation(delegates, delivery)


def owner_is_informed(mailbox: Mailbox, applying: Iterable[Rule]) -> bool:
    """Whether the delegates have what comes, and the owner's copy is only for information."""
    delegated = any(rule.provider == _PROVIDER for rule in applying)
    return delegated and read(mailbox).delivery is Delivery.DELEGATES_AND_INFORMATION


def write(mailbox: Mailbox, delegation: Delegation) -> None:
    """Puts these delegates in the place of those there were."""
    with mailbox.transaction():
        dont, copy, info = _SWITCHES[delegation.delivery]
        properties: Properties = {
            tags.PidTagScheduleInfoDelegateEntryIds: [each.entry_id for each in delegation.delegates],
            tags.PidTagScheduleInfoDelegateNames: [each.name for each in delegation.delegates],
            tags.PidTagDelegateFlags: [_SEES_PRIVATE * each.sees_private for each in delegation.delegates],
            tags.PidTagScheduleInfoDontMailDelegates: dont,
            tags.PidTagScheduleInfoDelegatorWantsCopy: copy,
            tags.PidTagScheduleInfoDelegatorWantsInfo: info,
        }
        row = _row(mailbox)
        if row is not None:
            mailbox.items.update(row.id, properties)
        else:
            properties |= {tags.PidTagMessageClass: _CLASS, tags.PidTagSubject: "LocalFreebusy"}
            row = mailbox.items.add(folder(mailbox), Bag(properties))
            for role in ("root", "inbox"):
                ids: Properties = {tags.PidTagFreeBusyEntryIds: [b"", row.id, b"", folder(mailbox)]}
                mailbox.folders.update(mailbox.folders.role(role).id, properties=ids)
        _write_rule(mailbox, delegation)


def _write_rule(mailbox: Mailbox, delegation: Delegation) -> None:
    before = _rule(mailbox)
    people = tuple(
        {**each.address, tags.PidTagEntryId: each.entry_id} for each in delegation.delegates if each.gets_copies
    )
    if not people:
        if before is not None:
            table.remove(mailbox, before.number)
        return
    actions = [Action(Kind.DELEGATE, recipients=people)]
    if delegation.delivery is Delivery.DELEGATES:
        actions.append(Action(Kind.DELETE))
    state = State(0) if delegation.delivery is Delivery.OWNER else State.ENABLED
    if before is None:
        table.add(mailbox, Rule("", 0, _CONDITION, tuple(actions), state, _PROVIDER))
    else:
        table.replace(mailbox, Rule("", 0, _CONDITION, tuple(actions), state, _PROVIDER, before.number))


def _rule(mailbox: Mailbox) -> Rule | None:
    return next((rule for rule in table.rules(mailbox) if rule.provider == _PROVIDER and rule.actions), None)


def _row(mailbox: Mailbox) -> Row | None:
    place = mailbox.folders.find(mailbox.folders.role("root").id, "Freebusy Data")
    if place is None:
        return None
    rows = mailbox.items.find(place.id, Compare(tags.PidTagMessageClass, "=", _CLASS), limit=1).rows
    return rows[0] if rows else None
