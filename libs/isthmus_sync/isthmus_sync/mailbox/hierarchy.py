"""The folder tree: what the from side's changes mean for the ledger, and what makes the to side's tree the same.

Folders are matched by the ledger. One that the ledger does not know yet is matched by its role (DistinguishedFolderId),
a person's own folder by its place; a distinguished folder is never renamed, moved or deleted, and matched by name only
where the from side's server is too old to tell its role.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from isthmus_exchange.operations.get_folder import SINCE_2013
from isthmus_exchange.values import Folder

from isthmus_sync.mailbox.model import ROOT, FolderRow


@dataclass(frozen=True, slots=True)
class Adopt:
    """The to side has the folder already."""

    number: int
    to_id: str


@dataclass(frozen=True, slots=True)
class Create:
    """A new folder below the to side's folder of `parent`."""

    number: int
    parent: int
    name: str
    folder_class: str


@dataclass(frozen=True, slots=True)
class Rename:
    to_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Move:
    """To the to side's folder of `parent`."""

    to_id: str
    parent: int


FolderAction = Adopt | Create | Rename | Move


def with_roles(folders: Iterable[Folder], roles: Mapping[str, Folder]) -> list[Folder]:
    """The folders with the roles that the server gives them."""
    role_of = {folder.id: role for role, folder in roles.items()}
    return [folder._replace(role=role_of.get(folder.id, "")) for folder in folders]


def follow(
    rows: Sequence[FolderRow], changed: Sequence[Folder], deleted: Iterable[str], *, complete: bool, top: int = ROOT
) -> tuple[list[FolderRow], list[int]]:
    """The rows that are new or different after the from side's changes, and the numbers of the folders that are gone.

    `complete`: the changes are the whole tree below the row `top`, which `rows` hold; what they do not name is gone.
    """
    known = {row.from_id: row for row in rows if row.from_id is not None}
    number = max(row.number for row in rows)
    own = [folder for folder in changed if not folder.search]
    before = dict(known)
    for folder in own:
        if folder.id not in known:
            number += 1
            known[folder.id] = FolderRow(number, top, "", "", "", folder.id, None)
    different: dict[int, FolderRow] = {}
    for folder in own:
        row = known[folder.id]
        parent = known.get(folder.parent)
        after = replace(
            row,
            parent=parent.number if parent else top,
            name=folder.name,
            folder_class=folder.folder_class,
            role=folder.role,
            gone=False,
            sync_state=None if row.gone else row.sync_state,
        )
        if after != row or folder.id not in before:
            known[folder.id] = different[row.number] = replace(after, settled=False)
    missing = set(deleted)
    if complete:
        tree = {row.from_id for row in below(rows, {top})}
        missing |= (before.keys() & tree) - {folder.id for folder in own}
    lost = [before[from_id] for from_id in missing if from_id in before]
    gone = [row.number for row in lost if row.parent is not None and not row.gone]
    return [row for row in different.values() if row.number not in gone], sorted(gone)


def plan(rows: Sequence[FolderRow], tree: Sequence[Folder], *, heal: bool = True) -> list[FolderAction]:
    """What makes the to side's `tree` (its root included) hold every living row, in an order that can be carried out.

    From the top down, so that a folder's new parent is in its place already. A folder that stands in another's way is
    renamed first. A name that stays taken gets a number: "Travel (2)". Not to `heal`: folders that were in their places
    once are where their owner wants them on the to side, or not there at all.
    """
    return list(_Planner(rows, tree, heal=heal).actions())


def removals(rows: Sequence[FolderRow], tree: Sequence[Folder]) -> tuple[list[FolderRow], list[FolderRow]]:
    """Of the rows that are gone: those whose folder is to be deleted on the to side, deepest first, and those of which
    only the row goes, because the to side has it no more or has put folders of its own below it. Search folders are
    none of these.
    """
    present = {folder.id: folder for folder in tree}
    gone = {row.to_id: row for row in rows if row.gone}
    keep = set[str]()
    for folder in tree:
        if folder.id not in gone and not folder.search:
            # Everything above a folder that stays has to stay.
            above = present.get(folder.parent)
            while above is not None and above.id not in keep:
                keep.add(above.id)
                above = present.get(above.parent)
    keep |= {folder.id for folder in tree if folder.role}
    doomed = [row for row in gone.values() if row.to_id in present and row.to_id not in keep and not row.role]
    doomed.sort(key=lambda row: -_depth(row.to_id or "", present))
    return doomed, [row for row in rows if row.gone and row not in doomed]


def below(rows: Sequence[FolderRow], tops: Collection[int]) -> list[FolderRow]:
    """The rows of the trees with these tops, the tops included."""
    by_number = {row.number: row for row in rows}

    def top_of(row: FolderRow) -> int:
        for _ in rows:
            if row.parent is None or row.parent not in by_number:
                break
            row = by_number[row.parent]
        return row.number

    return [row for row in rows if top_of(row) in tops]


def top(rows: Sequence[FolderRow], number: int) -> str:
    """The role of the top of the tree in which a folder is; empty when the rows do not tell."""
    by_number = {row.number: row for row in rows}
    row = by_number.get(number)
    for _ in rows:
        if row is None or row.parent is None:
            break
        row = by_number.get(row.parent)
    return row.role if row is not None else ""


def path(rows: Sequence[FolderRow], number: int) -> str:
    """A folder for people, `joined`."""
    return _path({row.number: row for row in rows}, number)


def paths(rows: Sequence[FolderRow]) -> dict[int, str]:
    """The `path` of every folder, by its number."""
    by_number = {row.number: row for row in rows}
    return {number: _path(by_number, number) for number in by_number}


def joined(names: Iterable[str], tree: str = "") -> str:
    """The names from the top of a tree down as one text, and no others as the same: "Inbox/Travel"; "A\\/B" is one
    folder of that name. The mailbox itself is "/"; other trees than the main one have their own name: "/Archive/Inbox".
    """
    below = [name.replace("\\", "\\\\").replace("/", "\\/") for name in names]
    return "/".join(["", tree, *below] if tree else below) or "/"


def _path(by_number: Mapping[int, FolderRow], number: int) -> str:
    names: list[str] = []
    row = by_number.get(number)
    while row is not None and row.parent is not None and len(names) < len(by_number):
        names.append(row.name)
        row = by_number.get(row.parent)
    in_another = row is not None and row.parent is None and row.number != ROOT
    return joined(reversed(names), row.name if row is not None and in_another else "")


def _depth(folder: str, present: dict[str, Folder]) -> int:
    depth = 0
    while folder in present and depth < len(present):
        folder, depth = present[folder].parent, depth + 1
    return depth


def _top_down(rows: Sequence[FolderRow]) -> Iterator[FolderRow]:
    """Living rows, parents before children."""
    children: dict[int | None, list[FolderRow]] = {}
    for row in sorted(rows, key=lambda row: row.number):
        if not row.gone:
            children.setdefault(row.parent, []).append(row)
    level = children.get(None, [])
    while level:
        yield from level
        level = [child for row in level for child in children.get(row.number, [])]


class _Planner:
    """The to side's tree as it will be after the actions so far."""

    def __init__(self, rows: Sequence[FolderRow], tree: Sequence[Folder], *, heal: bool) -> None:
        self._rows = rows
        self._heal = heal
        self._place: dict[str, tuple[str, str]] = {}
        # Who is in which place under which name, in lower case: mailboxes have thousands of folders.
        self._named: dict[tuple[str, str], set[str]] = {}
        for folder in tree:
            self._is_at(folder.id, folder.parent, folder.name)
        self._roles = {folder.role: folder.id for folder in tree if folder.role}
        # Search folders are none of this plan: they keep their names, and no folder becomes one.
        self._fixed = {folder.id for folder in tree if folder.role or folder.search}
        told = {row.role for row in rows}
        self._untold = {folder.id for folder in tree if folder.role in SINCE_2013 and told.isdisjoint(SINCE_2013)}
        self._owner = {row.to_id: row for row in rows if row.to_id in self._place}
        self._at: dict[int, str] = {}
        self._settled = set[str]() if heal else {row.to_id for row in rows if row.to_id and row.settled}

    def actions(self) -> Iterator[FolderAction]:
        for row in _top_down(self._rows):
            found = self._roles.get(row.role) if row.role else None
            if self._is_its_owner_s(row):
                if row.to_id in self._place:
                    self._at[row.number] = row.to_id or ""
                continue
            if found is not None:
                if row.to_id != found:
                    yield Adopt(row.number, found)
            elif row.to_id is not None and row.to_id in self._place:
                found = row.to_id
                yield from self._put(row, found)
            else:
                found = yield from self._new(row)
            self._at[row.number] = found
            self._settled.add(found)

    def _is_its_owner_s(self, row: FolderRow) -> bool:
        """Whether a folder is to be left alone, be it that it was there once, or that it would lie in one that was."""
        if self._heal:
            return False
        removed = row.to_id is not None and row.to_id not in self._place
        return row.settled or removed or (row.parent is not None and row.parent not in self._at)

    def _put(self, row: FolderRow, folder: str) -> Iterator[FolderAction]:
        """A folder that the to side has: into its place, under its name."""
        assert row.parent is not None
        parent = self._at[row.parent]
        here, name = self._place[folder]
        if here == parent and self._fits(folder, parent, name, row.name):
            return
        wanted = yield from self._free(parent, row.name, folder)
        if here != parent:
            if name.casefold() != wanted.casefold() and self._occupant(parent, name, folder):
                name = _aside(row)
                yield self._renamed(folder, name)
            self._is_at(folder, parent, name)
            yield Move(folder, row.parent)
        if name != wanted:
            yield self._renamed(folder, wanted)

    def _new(self, row: FolderRow) -> Generator[FolderAction, None, str]:
        assert row.parent is not None
        parent = self._at[row.parent]
        occupant = self._occupant(parent, row.name, "")
        fixed = self._fixed - self._untold
        if occupant and occupant not in self._owner and occupant not in fixed and occupant not in self._settled:
            yield Adopt(row.number, occupant)
            return occupant
        wanted = yield from self._free(parent, row.name, "")
        folder = f"new {row.number}"
        self._is_at(folder, parent, wanted)
        yield Create(row.number, row.parent, wanted, row.folder_class)
        return folder

    def _free(self, parent: str, name: str, folder: str) -> Generator[FolderAction, None, str]:
        """A name that `folder` can have there; makes room where that is possible."""
        wanted, count = name, 1
        while occupant := self._occupant(parent, wanted, folder):
            owner = self._owner.get(occupant)
            if owner is not None and occupant not in self._settled and occupant not in self._fixed:
                yield self._renamed(occupant, _aside(owner))
            else:
                count += 1
                wanted = f"{name} ({count})"
        return wanted

    def _fits(self, folder: str, parent: str, name: str, wanted: str) -> bool:
        if name == wanted:
            return True
        numbered = re.fullmatch(rf"{re.escape(wanted)} \(\d+\)", name)
        occupant = self._occupant(parent, wanted, folder)
        # It has a number because the name was taken; that is right for as long as it is so.
        return bool(numbered and occupant and (occupant in self._settled or occupant not in self._owner))

    def _occupant(self, parent: str, name: str, but: str) -> str | None:
        return min((each for each in self._named.get((parent, name.casefold()), ()) if each != but), default=None)

    def _renamed(self, folder: str, name: str) -> Rename:
        self._is_at(folder, self._place[folder][0], name)
        return Rename(folder, name)

    def _is_at(self, folder: str, parent: str, name: str) -> None:
        if before := self._place.get(folder):
            self._named[before[0], before[1].casefold()].discard(folder)
        self._place[folder] = parent, name
        self._named.setdefault((parent, name.casefold()), set()).add(folder)


def _aside(row: FolderRow) -> str:
    return f"{row.name} (making way {row.number})"
