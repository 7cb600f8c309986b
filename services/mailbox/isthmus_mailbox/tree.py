"""The folder tree: followed on the from side, carried out on the to side."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Literal

from isthmus_exchange.client import Announce
from isthmus_exchange.errors import EwsError, InDoubtError, Kind
from isthmus_exchange.operations import (
    CreateFolders,
    DeleteFolder,
    MoveFolder,
    RenameFolder,
    SyncFolderHierarchy,
)
from isthmus_exchange.values import Folder, NewFolder
from isthmus_sync.mailbox import hierarchy
from isthmus_sync.mailbox.batches import by_count
from isthmus_sync.mailbox.folder_settings import KeptAside
from isthmus_sync.mailbox.hierarchy import Adopt, Create, FolderAction, Move, Rename
from isthmus_sync.mailbox.model import ROOT, FolderIntent, FolderRow, FolderWrite, LedgerChange, Outcome

from isthmus_mailbox import around, doubts, stores, trees
from isthmus_mailbox.passing import NOT_DONE, MailboxBlocked, Pass

_PLANS = 5
"""How often a plan may meet a tree that changed under it."""
_CREATED_AT_ONCE = 50


async def see(p: Pass) -> None:
    """Which trees there are to be followed, and whether those of the to side are the ones that they were. Looked up
    once a sweep.
    """
    found = p.marks.trees
    if found is None or p.eager or p.marks.sweep_due(p.clock()):
        rows = await p.ledger.folders()
        wanted = stores.present(p, p.wanted_trees)
        if not p.heal:
            # After the switch the trees are those that were brought; nothing new is begun.
            known = {row.role for row in rows if row.parent is None}
            wanted = tuple(top for top in wanted if top == trees.MAIN or top in known)
        theirs = await trees.tops(p.to_side, wanted)
        found = await _common(p, wanted, theirs)
        await _meet_again(p, rows, wanted, theirs)
        if not p.without:
            p.marks.trees = found
    p.trees = stores.present(p, found)


async def _meet_again(p: Pass, rows: list[FolderRow], wanted: Collection[str], theirs: Mapping[str, Folder]) -> None:
    """Where the to side's mailbox, or its archive, was made anew, everything is to be put there again. Raises
    MailboxBlocked when its owner has been switched.
    """
    for top in rows:
        here = theirs.get(top.role) if top.role in wanted and top.parent is None else None
        if here is None or top.to_id in (None, here.id):
            continue
        if not p.heal:
            raise MailboxBlocked(
                f"The mailbox that is copied to, {p.to_side.address}, is not the one it was: its folders have other "
                "ids. Nothing is copied, as nobody can tell what its owner has deleted from what went with the former "
                "one. Connect that again (Connect-Mailbox), or, when this is the right one, lead its owner back, and "
                f"it is filled again: isthmus switch {p.from_side.address} --undo",
                top.number,
            )
        p.log.warning("the other side's mailbox is another one than before; it is filled again", tree=top.role)
        below = [row for row in hierarchy.below(rows, {top.number}) if not row.gone]
        await p.write(LedgerChange(folders=[replace(row, settled=False) for row in below]))


async def follow(p: Pass) -> None:
    """Write down what changed in the from side's trees."""
    for top in p.trees:
        if trees.TREES[top].deep:
            await _follow(p, top)
        else:
            await _single(p, top)


async def _common(p: Pass, wanted: Sequence[str], theirs: Mapping[str, Folder]) -> tuple[str, ...]:
    """Of the trees that are wanted, those that both sides have. An archive that the to side lacks is kept aside."""
    others = [top for top in wanted if top != trees.MAIN]
    if not others or not p.heal:
        return (trees.MAIN, *others)
    ours = await trees.tops(p.from_side, others)
    if p.around is not None and not p.without:
        lacking = "archivemsgfolderroot" in ours.keys() & set(others) - theirs.keys()
        aside = [KeptAside("", "archive", _NO_ARCHIVE)] if lacking else []
        await p.around.kept.agreed("archive")
        await p.around.kept.keep("archive", "", "Archive", "", aside)
    return (trees.MAIN, *(top for top in others if top in ours and top in theirs))


_NO_ARCHIVE = (
    "the mailbox on the other side has no archive, so that of this side is not copied: set target.create.archives "
    "to all, enable one there (Enable-Mailbox -Archive), or set mailbox.surroundings.archive to false"
)


async def _single(p: Pass, top: str) -> None:
    """A tree of one folder: known as soon as its top is."""
    rows = await p.ledger.folders()
    if all(row.role != top or row.parent is not None for row in rows):
        folder = (await trees.tops(p.from_side, (top,)))[top]
        await p.write(LedgerChange(folders=[_new_top(rows, top, folder)]))


async def _follow(p: Pass, top: str) -> None:
    rows = await p.ledger.folders()
    state = await p.ledger.hierarchy_state(top)
    change = LedgerChange()
    roles: dict[str, Folder] = {}
    if state is None:
        roles = await trees.tops(p.from_side, (top,))
        rows = _rooted(p, rows, top, roles[top], change)
    changed: list[Folder] = []
    deleted: list[str] = []
    complete = state is None
    while True:
        try:
            answer = await p.from_side.call(SyncFolderHierarchy(state, top))
        except EwsError as error:
            if error.code != "ErrorInvalidSyncStateData" or state is None:
                raise
            p.log.warning("the state of the folder tree was lost; it is compared anew", reason=str(error))
            roles = await trees.tops(p.from_side, (top,))
            rows = _rooted(p, rows, top, roles[top], change)
            state, complete, changed, deleted = None, True, [], []
            continue
        changed += answer.changed
        deleted += answer.deleted
        state = answer.state
        if answer.last:
            break
    if changed or deleted or complete:
        if changed and not roles:
            roles = await trees.tops(p.from_side, (top,))
        changed = hierarchy.with_roles(changed, roles)
        number = next(row.number for row in rows if row.role == top and row.parent is None)
        rows_changed, change.gone_folders = hierarchy.follow(rows, changed, deleted, complete=complete, top=number)
        change.folders += rows_changed
        change.hierarchy_states[top] = state
        p.marks.around_due = True
        await p.write(change)


def _new_top(rows: list[FolderRow], top: str, folder: Folder) -> FolderRow:
    number = ROOT if top == trees.MAIN else max([ROOT, *(row.number for row in rows)]) + 1
    return FolderRow(number, None, trees.TREES[top].name or folder.name, folder.folder_class, top, folder.id, None)


def _rooted(p: Pass, rows: list[FolderRow], top: str, folder: Folder, change: LedgerChange) -> list[FolderRow]:
    """The rows with the tree's top among them. Raises MailboxBlocked when it is another mailbox's."""
    known = next((row for row in rows if row.role == top and row.parent is None), None)
    if known is None:
        known = _new_top(rows, top, folder)
    elif known.from_id is None:
        known = replace(known, from_id=folder.id)
    elif known.from_id != folder.id:
        raise MailboxBlocked(
            "The mailbox that is copied from is not the one it was: its folders have other ids. Nothing is copied, "
            "as what the former one had would be deleted on the other side. Connect the former one again "
            "(Connect-Mailbox), or, when this is the right one, begin it again: "
            f"isthmus mailbox restart {p.from_side.address}",
            known.number,
        )
    else:
        return rows
    change.folders.append(known)
    return [known, *(row for row in rows if row.number != known.number)]


async def settle(p: Pass) -> None:
    """Make the to side's trees hold every folder of the from side, in its place and under its name."""
    in_vain = set[FolderAction]()
    for _ in range(_PLANS):
        rows = await p.folders()
        if all(row.settled or row.gone for row in rows):
            break
        await p.breathe()
        present = await trees.read(p.to_side, p.trees)
        builder = _Builder(p, rows, present, in_vain)
        if await builder.carry_out(hierarchy.plan(rows, present, heal=p.heal)):
            rows = builder.rows
            break
        await doubts.settle_folders(p)
    else:
        p.problems.append("The folder tree of the other side changes faster than it can be followed; see the log.")
        rows = await p.folders()
    p.to_folders = {row.number: row.to_id for row in rows if row.to_id and not row.gone and row.number not in p.held}


def _together(actions: Iterable[FolderAction]) -> Iterator[list[FolderAction]]:
    """What is one request: new folders of one parent, or one of the other actions."""
    for parent, some in groupby(actions, lambda each: each.parent if isinstance(each, Create) else None):
        yield from by_count(some, 1 if parent is None else _CREATED_AT_ONCE)


class _Builder:
    """Carries out a plan, and keeps the ledger's rows as it goes."""

    def __init__(self, p: Pass, rows: list[FolderRow], tree: list[Folder], in_vain: set[FolderAction]) -> None:
        present = {folder.id for folder in tree}
        self._p = p
        # What earlier plans were refused because of a folder that was not in the tree. It is still not seen: the server
        # takes names for the same that we do not ("Trips" and "Trips "), and the other folders do not wait for it.
        self._in_vain = in_vain
        self._rows = {row.number: row for row in rows}
        self._at = {row.number: row.to_id for row in rows if row.to_id is not None and row.to_id in present}
        # Folders that are in their places now, to be written down with the next one: should it not come to that,
        # another look finds them there.
        self._found: list[FolderRow] = []
        # What is not where it should be.
        self._failed = set[int]()

    async def carry_out(self, actions: list[FolderAction]) -> bool:
        """False when the tree is not what the plan took it for: look again."""
        for some in _together(actions):
            try:
                refused = await self._do(some)
            except InDoubtError as error:
                self._p.log.info("a change of a folder got no answer; looking again", reason=str(error))
                return await self._look_again()
            except EwsError as error:
                refused = [(action, error) for action in some]
            except NOT_DONE:
                await self._withdraw(some)
                raise
            await self._withdraw([action for action, _ in refused])
            for action, refusal in refused:
                if refusal.kind is Kind.MAILBOX:
                    raise MailboxBlocked(str(refusal), *self._concerned(action)) from refusal
                taken = refusal.code == "ErrorFolderExists" and action not in self._in_vain
                if taken:
                    self._in_vain.add(action)
                if taken or refusal.kind is not Kind.PERMANENT:
                    return await self._look_again()
                self._failed |= self._concerned(action)
                self._p.problems.append(f"{self._words(action)}: {refusal}")
        settled = [
            replace(row, settled=True)
            for row in self._rows.values()
            if not row.settled and not row.gone and row.number not in self._failed and row.to_id
        ]
        await self._p.write(LedgerChange(folders=[*self._found, *settled]))
        return True

    @property
    def rows(self) -> list[FolderRow]:
        """As the ledger has them now, but for which are settled."""
        return list(self._rows.values())

    async def _look_again(self) -> Literal[False]:
        await self._p.write(LedgerChange(folders=self._found))
        return False

    async def _do(self, some: list[FolderAction]) -> list[tuple[FolderAction, EwsError]]:
        """What one request does; those that were refused. Raises EwsError when all of it is."""
        to_side = self._p.to_side
        match some[0]:
            case Adopt(number, to_id):
                self._p.marks.adopted |= not self._rows[number].role
                await self._place(number, to_id)
            case Create(_, parent, _, _):
                above = self._at.get(parent)
                if above is not None:
                    return await self._create(above, [each for each in some if isinstance(each, Create)])
                self._failed |= {number for action in some for number in self._concerned(action)}
            case Rename(to_id, name):
                number = self._number(to_id)
                await to_side.call(RenameFolder(to_id, name), self._intend([number], FolderWrite.RENAME, "", [name]))
                await self._put(replace(self._rows[number], intent=None))
            case Move(to_id, parent):
                number, above = self._number(to_id), self._at.get(parent)
                if above is not None:
                    intend = self._intend([number], FolderWrite.MOVE, above, [""])
                    await to_side.call(MoveFolder(to_id, above), intend)
                    await self._put(replace(self._rows[number], intent=None))
                else:
                    self._failed.add(number)
        return []

    async def _create(self, above: str, some: list[Create]) -> list[tuple[FolderAction, EwsError]]:
        """New folders below one parent. Is that refused as a whole, they are made one by one."""
        names = [each.name for each in some]
        intend = self._intend([each.number for each in some], FolderWrite.CREATE, above, names)
        new = tuple(NewFolder(each.name, each.folder_class) for each in some)
        try:
            answers = await self._p.to_side.call(CreateFolders(above, new, self._p.closed), intend)
        except EwsError as error:
            if len(some) == 1 or error.kind is not Kind.PERMANENT:
                raise
            await self._withdraw(some)
            return [each for one in some for each in await self._alone(above, one)]
        refused: list[tuple[FolderAction, EwsError]] = []
        doubt: EwsError | None = None
        for each, answer in zip(some, answers, strict=True):
            if not isinstance(answer, EwsError):
                await self._place(each.number, answer)
            elif answer.kind is Kind.IN_DOUBT:
                doubt = answer  # its intent stays
            else:
                refused.append((each, answer))
        if doubt:
            await self._withdraw([each for each, _ in refused])
            raise InDoubtError(str(doubt))
        return refused

    async def _alone(self, above: str, one: Create) -> list[tuple[FolderAction, EwsError]]:
        try:
            return await self._create(above, [one])
        except EwsError as error:
            return [(one, error)]

    def _intend(self, numbers: list[int], write: FolderWrite, parent: str, names: list[str]) -> Announce:
        async def announce(until: float) -> None:
            intents = [FolderIntent(write, until, parent, name) for name in names]
            rows = zip(numbers, intents, strict=True)
            await self._put(*(replace(self._rows[number], intent=each, settled=False) for number, each in rows))

        return announce

    async def _withdraw(self, actions: Iterable[FolderAction]) -> None:
        """These writes did not happen."""
        numbers = {number for action in actions for number in self._concerned(action)}
        rows = [self._rows[number] for number in sorted(numbers) if self._rows[number].intent]
        if rows:
            await self._put(*(replace(row, intent=None) for row in rows))

    async def _place(self, number: int, to_id: str) -> None:
        """The folder has its counterpart. One that had another before has lost everything in that."""
        before = self._rows[number]
        replaced = before.to_id is not None and before.to_id != to_id
        row = replace(before, to_id=to_id, intent=None, sync_state=None if replaced else before.sync_state)
        if replaced:
            await around.lost(self._p, number)
            await self._put(row, reset=True)
        else:
            self._found.append(row)
            self._rows[number] = row
        self._at[number] = to_id

    async def _put(self, *rows: FolderRow, reset: bool = False) -> None:
        lost = [row.number for row in rows] if reset else []
        await self._p.write(LedgerChange(folders=[*self._found, *rows], reset_folders=lost))
        self._found.clear()
        self._rows.update((row.number, row) for row in rows)

    def _number(self, to_id: str) -> int:
        return next(row.number for row in self._rows.values() if row.to_id == to_id)

    def _concerned(self, action: FolderAction) -> set[int]:
        return {action.number if isinstance(action, Adopt | Create) else self._number(action.to_id)}

    def _words(self, action: FolderAction) -> str:
        """What could not be done, for people."""
        (number,) = self._concerned(action)
        path = hierarchy.path(list(self._rows.values()), number)
        match action:
            case Create():
                return f"The folder {path!r} could not be created"
            case Rename(_, name):
                return f"The folder {path!r} could not be renamed to {name!r}"
            case Move():
                return f"The folder {path!r} could not be moved"
            case Adopt():
                return f"The folder {path!r} could not be matched"


async def remove(p: Pass) -> None:
    """Delete on the to side the folders that the from side has no more, with what is left in them."""
    rows = await p.folders()
    if p.without or not any(row.gone for row in rows):
        return
    await p.breathe()
    if p.deletions != "mirror" and any([await p.ledger.count_in(row.number) for row in rows if row.gone]):
        return  # what is not moved out of them yet, or not deleted so that it can be recovered, is not to go with them
    if p.deletions == "keep":
        await p.write(LedgerChange(removed_folders=[row.number for row in rows if row.gone]))
        return
    doomed, forgotten = hierarchy.removals(rows, await trees.read(p.to_side, p.trees))
    for row in doomed:
        change = LedgerChange(removed_folders=[row.number])
        change.outcomes[Outcome.DELETED] = await p.ledger.count_in(row.number)

        async def announce(until: float, row: FolderRow = row) -> None:
            await p.write(LedgerChange(folders=[replace(row, intent=FolderIntent(FolderWrite.DELETE, until))]))

        try:
            await p.to_side.call(DeleteFolder(row.to_id or "", p.disposal), announce)
        except InDoubtError:
            return  # the next pass looks
        except EwsError as error:
            if error.kind is not Kind.GONE:
                await p.write(LedgerChange(folders=[row]))
                p.problems.append(f"The folder {hierarchy.path(rows, row.number)!r} could not be deleted: {error}")
                continue
        except NOT_DONE:
            await p.write(LedgerChange(folders=[row]))
            raise
        await p.write(change)
    await p.write(LedgerChange(removed_folders=[row.number for row in forgotten]))
