"""What a switch says to people: what it waits for, what is wrong, what can be done. Times are UTC."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .saga import PassAnswered

_WAITING = {
    "PAUSE": "the next pass; people are at work, so the last one was not yet the last",
    "AWAIT_REDIRECTION": "directory synchronisation to redirect mail in both forests",
    "FIND_PROBE": "the probe mails to arrive",
}


def waiting_for(task: str, proving: bool) -> str:
    if task == "AWAIT_ANSWER":
        return "a pass that proves both sides equal" if proving else "the last pass"
    return _WAITING.get(task, "")


def refused(rounds: int, answer: PassAnswered) -> str:
    if not answer.proven:
        return (
            f"{rounds} passes were made and none could compare both sides: "
            "see 'isthmus logs mailbox', then request the switch again"
        )
    set_aside = ""
    if answer.set_aside:
        set_aside = f" {count(answer.set_aside, 'item is', 'items are')} set aside and cannot be copied as they are."
    if answer.equal:
        return (
            f"After {rounds} passes every certificate was too old when it arrived: compare the clocks of the machines, "
            "and see 'isthmus logs mailbox'; nothing was changed."
        )
    other = ""
    if answer.different:
        other += f", {answer.different} there with other content"
    if answer.missing_folders:
        other += f", {count(answer.missing_folders, 'folder', 'folders')} missing"
    if answer.unread_folders:
        other += f", {count(answer.unread_folders, 'folder', 'folders')} that cannot be compared"
    return (
        f"After {rounds} passes both sides still differ: {answer.missing} missing on the target, {answer.surplus} only "
        f"there{other}.{set_aside} {_differences(answer.differences)}Mend these, or wait for a quieter hour, "
        "and request the switch again; nothing was changed."
    )


def uncertified(doubt: str) -> str:
    return (
        f"Both sides are equal, but there is no certificate that says so: {doubt}. Then request the switch again; "
        "nothing was changed."
    )


def missing(answer: PassAnswered) -> str:
    if not answer.proven:
        return "The last pass could not compare both sides; it is made again. See 'isthmus logs mailbox'."
    left = f"{count(answer.missing - answer.removed_on_target, 'item', 'items')} of the source did not reach the target"
    if answer.unread_folders:
        left += f", and {count(answer.unread_folders, 'folder', 'folders')} could not be compared"
    return (
        f"{left}. {_differences(answer.differences)}"
        "The pass is made again every few minutes; mend what hinders it, or go back with 'isthmus switch --undo'."
    )


def left_behind(answer: PassAnswered) -> str:
    if not answer.surplus:
        return ""
    return (
        f"Mail is back on the source. {count(answer.surplus, 'item that', 'items that')} came to the target since the "
        "switch stay there and were not brought back. What was changed there meanwhile is again as the source has it."
    )


def no_answer(since: datetime, mailbox: str) -> str:
    stands = f" The mailbox says: {mailbox}." if mailbox else ""
    return (
        f"No answer from the mailbox service since {clock(since)}.{stands} "
        "It may be busy with a long pass; if not, see 'isthmus ps' and 'isthmus logs mailbox'."
    )


def no_redirection(side: str, since: datetime) -> str:
    return (
        f"The active side is the {side.lower()} since {clock(since)}, but directory synchronisation has not yet said "
        "that both forests redirect mail there. See 'isthmus ps' and 'isthmus logs dirsync'."
    )


def astray(active: str, inactive: str) -> str:
    return (
        f"A probe mail arrived on the {inactive.lower()} side although the {active.lower()} is active: redirection "
        "is not in effect there yet (replication between domain controllers takes its time). Another probe follows."
    )


def not_arrived(late: Sequence[str], active: str, since: datetime) -> str:
    through = " and ".join(late)
    return (
        f"A probe mail sent at {clock(since)} through the {through} did not arrive on the {active.lower()} side. Look "
        "at the mail queues and the connector for the redirection domain. Another probe follows."
    )


def clock(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _differences(differences: Sequence[str]) -> str:
    if not differences:
        return ""
    shown = "; ".join(differences[:5])
    more = f"; and {len(differences) - 5} more" if len(differences) > 5 else ""
    return f"{shown}{more}. "
