"""What a switch does not bring along, named before it: what Exchange Web Services cannot set, and what was kept aside.

An item's and a folder's id (PidTagEntryId) is given by the server that holds it, and no request sets it ([MS-OXCDATA]
2.2.4); the target's mailbox has a MailboxGuid of its own, as both mailboxes exist at the same time. So whatever names
things by these ids ends with the old mailbox: first of all the offline copy that Outlook keeps (OST).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

OFFLINE_CACHE = "offline cache"
SET_ASIDE = "items set aside"
LEFT_OUT = "items left out by filters"
MOST_EXAMPLES = 10

_ASIDE = {
    "search folder": (
        "search folders",
        "look in folders that are not on the target, or were refused; people make them anew",
    ),
    "folder": ("rights and properties of folders", "wait for people who do not exist on the target, or were refused"),
    "rules": ("inbox rules", "cannot be made on the target"),
    "delegates": ("delegates", "wait for people who do not exist on the target, or were refused"),
    "archive": ("archive", "stays on the source until the target's mailbox has one"),
    "out of office": ("automatic replies", "cannot be handed over"),
}


class Aside(NamedTuple):
    """Something of the surroundings that is kept aside."""

    kind: str
    place: str
    who: str
    what: str

    @property
    def words(self) -> str:
        """For people: "Inbox: carl@alpha.example, Reviewer"."""
        about = ", ".join(filter(None, (self.who, self.what)))
        return f"{self.place}: {about}" if self.place and about else self.place or about


@dataclass(frozen=True)
class Loss:
    """One thing that a switch does not bring: `count` of what `kind` says, `size` in bytes where it has one."""

    kind: str
    count: int
    size: int
    words: str
    examples: tuple[str, ...] = ()


class LeftOut(NamedTuple):
    """Items that a filter of the collection leaves out, by the filter's words."""

    words: str
    items: int
    size: int


def not_brought(
    items: int, size: int, set_aside: int, aside: Iterable[Aside], left_out: Sequence[LeftOut] = ()
) -> list[Loss]:
    """What a switch of a mailbox with so many `items` of `size` bytes would not bring; empty for an empty mailbox.

    `items` are those that Outlook keeps offline: without archive and recoverable items.
    """
    found: list[Loss] = []
    if items:
        found.append(Loss(OFFLINE_CACHE, items, size, "is built anew: Outlook downloads the mailbox once more"))
    if set_aside:
        found.append(
            Loss(SET_ASIDE, set_aside, 0, "cannot be copied and stay on the source ('isthmus mailbox errors')")
        )
    if left_out:
        filters = tuple(f"{each.items} {each.words}" for each in sorted(left_out, key=lambda each: -each.items))
        words = "stay on the source, as the filters of the collection say"
        sums = sum(each.items for each in left_out), sum(each.size for each in left_out)
        found.append(Loss(LEFT_OUT, *sums, words, filters[:MOST_EXAMPLES]))
    for kind, members in _by_kind(aside).items():
        name, words = _ASIDE.get(kind, (kind, "cannot be set on the target"))
        examples = tuple(each.words for each in members[:MOST_EXAMPLES])
        found.append(Loss(name, len(members), 0, words, examples))
    return found


def _by_kind(aside: Iterable[Aside]) -> Mapping[str, Sequence[Aside]]:
    found: dict[str, list[Aside]] = {}
    for each in sorted(aside):
        found.setdefault(each.kind, []).append(each)
    order = [*_ASIDE, *sorted(found.keys() - _ASIDE.keys())]
    return {kind: found[kind] for kind in order if kind in found}
