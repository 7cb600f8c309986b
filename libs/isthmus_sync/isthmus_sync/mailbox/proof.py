"""Two sides compared by what their servers say: counts and search keys, folder by folder."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

from isthmus_exchange.values import Item


class Difference(NamedTuple):
    """The items of one folder that share a search key, when the sides have different numbers of them."""

    from_items: list[Item]
    to_items: list[Item]

    @property
    def missing(self) -> int:
        return max(0, len(self.from_items) - len(self.to_items))

    @property
    def surplus(self) -> int:
        return max(0, len(self.to_items) - len(self.from_items))


def compare(from_items: Iterable[Item], to_items: Iterable[Item]) -> tuple[list[Difference], list[Item]]:
    """As multisets: an item that is twice on one side and once on the other is a difference of one.

    Also the from side's items whose only counterpart has another read flag.
    """
    sides: dict[tuple[bool, bytes, int], Difference] = {}
    for item in from_items:
        sides.setdefault(_key(item), Difference([], [])).from_items.append(item)
    for item in to_items:
        sides.setdefault(_key(item), Difference([], [])).to_items.append(item)
    different = [each for each in sides.values() if len(each.from_items) != len(each.to_items)]
    flags = [
        each.from_items[0]
        for each in sides.values()
        if len(each.from_items) == len(each.to_items) == 1 and each.from_items[0].is_read != each.to_items[0].is_read
    ]
    return different, flags


def line(folder: str, item: Item) -> bytes:
    """An item in a manifest: place, kind, key."""
    return f"{folder}\t{'associated' if item.associated else 'item'}\t{item.search_key.hex()}\n".encode()


class Manifest:
    """One side, folder by folder, as a digest that does not depend on the order of anything."""

    def __init__(self) -> None:
        self._folders: dict[str, bytes] = {}
        self.items = 0

    def add(self, folder: str, items: Iterable[Item]) -> None:
        digest = hashlib.sha256()
        for written in sorted(line(folder, item) for item in items):
            digest.update(written)
            self.items += 1
        self._folders[folder] = digest.digest()

    @property
    def digest(self) -> bytes:
        """SHA-256 over the sorted folders, each with the SHA-256 of its sorted lines."""
        whole = hashlib.sha256()
        for folder in sorted(self._folders):
            whole.update(folder.encode() + b"\0" + self._folders[folder])
        return whole.digest()


def _key(item: Item) -> tuple[bool, bytes, int]:
    # An item without a search key is told apart by its size, which is better than not at all.
    return item.associated, item.search_key, 0 if item.search_key else item.size
