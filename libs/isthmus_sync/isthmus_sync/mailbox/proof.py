"""Two sides compared by what their servers say, folder by folder, item by item.

What is compared, and why it is enough:

place, kind, search key   which items there are. A search key (PidTagSearchKey) is made once for each item and stays
                          through export, upload, copy and move; two sides with the same keys as often in the same
                          folders have the same items.
content                   that a copy is of the item it should be of: a digest of what its row tells (Entry.content).
modified                  that a copy is not of an earlier state. A server keeps the original's modification time at an
                          upload or gives the time of the upload; a source newer than its copy is right in neither.
read                      the read flag, which changes none of the others.

A stream is copied whole and opaque or not at all (a server takes in an item or refuses it), so what one row tells of
an item stands for all of it. Sizes are written down and not compared: each server counts its own overhead.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import merge
from itertools import groupby
from operator import attrgetter, itemgetter
from types import MappingProxyType
from typing import NamedTuple

from isthmus_exchange.values import Entry, Folder

from isthmus_sync.mailbox import hierarchy
from isthmus_sync.mailbox.model import ROOT, FolderRow

_CONTENT, _CONTENT_AND_FLAG = attrgetter("content"), attrgetter("content", "is_read")


class Difference(NamedTuple):
    """The items of one folder that share a search key, when the sides have different numbers of them."""

    from_items: list[Entry]
    to_items: list[Entry]

    @property
    def missing(self) -> int:
        return max(0, len(self.from_items) - len(self.to_items))

    @property
    def surplus(self) -> int:
        return max(0, len(self.to_items) - len(self.from_items))


@dataclass
class Comparison:
    """What a folder's two sides differ in."""

    # As multisets: an item that is twice on one side and once on the other is a difference of one.
    numbers: list[Difference] = field(default_factory=list)
    # Of the from side: those whose copies are older, or tell something else of themselves.
    different: list[Entry] = field(default_factory=list)
    # Of the from side: those whose counterpart has another read flag; of several with one key, those that may be meant.
    flags: list[Entry] = field(default_factory=list)


def compare(from_items: list[Entry], to_items: list[Entry]) -> Comparison:
    """A folder's two sides, which are sorted for it: nothing is built beside them but what differs."""
    from_items.sort(key=_key)
    to_items.sort(key=_key)
    ours = ((_key(item), True, item) for item in from_items)
    theirs = ((_key(item), False, item) for item in to_items)
    found = Comparison()
    for _, group in groupby(merge(ours, theirs, key=itemgetter(0)), itemgetter(0)):
        both = list(group)
        same = Difference(*([item for _, on_from_side, item in both if on_from_side is side] for side in (True, False)))
        _judge(same, found)
    return found


def _judge(same: Difference, found: Comparison) -> None:
    """What the items of one key differ in."""
    if len(same.from_items) != len(same.to_items):
        found.numbers.append(same)
    elif len(same.from_items) == 1:
        ours, theirs = same.from_items[0], same.to_items[0]
        if ours.content != theirs.content or _newer(ours, theirs):
            found.different.append(ours)
        elif ours.is_read != theirs.is_read:
            found.flags.append(ours)
    elif unmatched := _unmatched(same, _CONTENT) or _outdated(same):
        found.different += unmatched
    else:
        lacking = {_CONTENT_AND_FLAG(item) for item in _unmatched(same, _CONTENT_AND_FLAG)}
        found.flags += [item for item in same.from_items if _CONTENT_AND_FLAG(item) in lacking]


class Place(NamedTuple):
    """A folder of the from side and its counterpart. `to_id` is None where the to side has none."""

    path: str
    from_id: str
    to_id: str | None
    # Of the ledger; None when the ledger does not know the folder.
    number: int | None
    # Where the counterpart is instead, when it is elsewhere or has another name.
    instead: str


def places(
    rows: Sequence[FolderRow],
    from_tree: Sequence[Folder],
    to_tree: Sequence[Folder],
    tops: Mapping[str, str] = MappingProxyType({}),
) -> list[Place]:
    """Every folder of the from side that holds items of its own, the tops of its trees included. `tops`: what people
    call these, by their roles; the mailbox itself has no name.

    The trees are the servers'; of the ledger's `rows` comes only which folder is the counterpart of which, and folders
    that were brought and are gone from the from side: what is in their counterparts is surplus.
    """
    known = {row.from_id: row for row in rows if row.from_id and not row.gone}
    ours, theirs = _Paths(from_tree, tops), _Paths(to_tree, tops)
    found = []
    for folder in from_tree:
        row = known.pop(folder.id, None)
        to_id = row.to_id if row and row.to_id in theirs.folders else None
        instead = ""
        if to_id is not None and not _same(ours.steps(folder.id), theirs.steps(to_id)):
            instead = theirs.words(to_id)
        if not folder.search:
            found.append(Place(ours.words(folder.id), folder.id, to_id, row.number if row else None, instead))
    for from_id, row in known.items():
        if from_id and row.number != ROOT:
            found.append(Place(hierarchy.path(rows, row.number), from_id, row.to_id, row.number, ""))
    return found


def manifest(folder: str, entries: Iterable[Entry]) -> bytes:
    """One side of a folder as the SHA-256 of its sorted lines."""
    digest = hashlib.sha256()
    for written in sorted(line(folder, entry) for entry in entries):
        digest.update(written)
    return digest.digest()


def whole(folders: Iterable[tuple[str, bytes]]) -> bytes:
    """One side as the SHA-256 over its sorted folders, each with that of its manifest. A folder that is gone may have
    had the path of one that is there.
    """
    digest = hashlib.sha256()
    for folder, its_manifest in sorted(folders):
        digest.update(folder.encode() + b"\0" + its_manifest)
    return digest.digest()


def line(folder: str, entry: Entry) -> bytes:
    """An item in a manifest: place, kind, key, content."""
    kind = "associated" if entry.associated else "item"
    return f"{folder}\t{kind}\t{entry.search_key.hex()}\t{entry.content.hex()}\n".encode()


def _unmatched(same: Difference, told: Callable[[Entry], object]) -> list[Entry]:
    """Of several items with one key, those of which the other side has less that tell the same."""
    theirs = Counter(told(item) for item in same.to_items)
    unmatched = []
    for item in same.from_items:
        if theirs[told(item)] == 0:
            unmatched.append(item)
        else:
            theirs[told(item)] -= 1
    return unmatched


def _outdated(same: Difference) -> list[Entry]:
    """Of several items with one key, alike on both sides, where one is newer than what is there in its place: those
    that may be it. Nobody knows which copy is whose, so that is each that is newer than the oldest copy.
    """
    ours, theirs = (sorted(items, key=attrgetter("content", "modified")) for items in same)
    late = {item.content for item, copy in zip(ours, theirs, strict=True) if _newer(item, copy)}
    oldest = {copy.content: copy for copy in reversed(theirs) if copy.modified}
    return [item for item in ours if item.content in late and _newer(item, oldest[item.content])]


def _newer(ours: Entry, theirs: Entry) -> bool:
    # Both are times in UTC to the second, written alike: they order as texts.
    return bool(ours.modified and theirs.modified) and ours.modified > theirs.modified


def _key(item: Entry) -> tuple[bool, bytes, bytes]:
    # An item without a search key is known by what it tells, which is better than not at all.
    return item.associated, item.search_key, b"" if item.search_key else item.content


class _Paths:
    """Where the folders of a tree are."""

    def __init__(self, tree: Sequence[Folder], tops: Mapping[str, str]) -> None:
        self.folders = {folder.id: folder for folder in tree}
        self._tops = tops

    def _way(self, folder: str) -> list[Folder]:
        """From the top of its tree down."""
        found: list[Folder] = []
        at = self.folders.get(folder)
        while at is not None and len(found) < len(self.folders):
            found.append(at)
            at = self.folders.get(at.parent)
        return found[::-1]

    def steps(self, folder: str) -> list[tuple[str, str]]:
        """Role and name of each step from the top down; of the top its role."""
        top, *below = self._way(folder)
        return [(top.role, ""), *((each.role, each.name.casefold()) for each in below)]

    def words(self, folder: str) -> str:
        """As hierarchy.joined has it."""
        top, *below = self._way(folder)
        return hierarchy.joined((each.name for each in below), self._tops.get(top.role, ""))


def _same(ours: list[tuple[str, str]], theirs: list[tuple[str, str]]) -> bool:
    """The same place: by role where there is one, whatever its name in the mailbox's language, else by name. A name
    that was taken there has a number: "Travel (2)".
    """
    if len(ours) != len(theirs):
        return False
    for (role, name), (other_role, other) in zip(ours, theirs, strict=True):
        if role and role == other_role:
            continue
        if name != other and not re.fullmatch(rf"{re.escape(name)} \(\d+\)", other):
            return False
    return True
