"""The folder tree: followed on the from side, carried out on the to side."""

from __future__ import annotations

from dataclasses import replace

from isthmus_exchange.errors import EwsError, InDoubtError, Kind
from isthmus_exchange.operations import (
    CreateFolder,
    DeleteFolder,
    FindFolders,
    GetDistinguishedFolders,
    MoveFolder,
    RenameFolder,
    SyncFolderHierarchy,
)
from isthmus_exchange.values import Folder
from isthmus_sync.mailbox import hierarchy
from isthmus_sync.mailbox.hierarchy import Adopt, Create, FolderAction, Move, Rename
from isthmus_sync.mailbox.model import ROOT, FolderRow, LedgerChange, Outcome

from isthmus_mailbox.passing import MailboxBlocked, Pass

_PLANS = 5
"""How often a plan may meet a tree that changed under it."""


async def follow(p: Pass) -> None:
    """Write down what changed in the from side's tree."""
    rows = await p.ledger.folders()
    state = await p.ledger.hierarchy_state()
    change = LedgerChange()
    roles: dict[str, Folder] = {}
    if state is None:
        roles = await p.from_side.call(GetDistinguishedFolders())
        rows = _rooted(rows, roles["msgfolderroot"], change)
    changed: list[Folder] = []
    deleted: list[str] = []
    complete = state is None
    while True:
        try:
            answer = await p.from_side.call(SyncFolderHierarchy(state))
        except EwsError as error:
            if error.code != "ErrorInvalidSyncStateData" or state is None:
                raise
            p.log.warning("the state of the folder tree was lost; it is compared anew", reason=str(error))
            roles = await p.from_side.call(GetDistinguishedFolders())
            rows = _rooted(rows, roles["msgfolderroot"], change)
            state, complete, changed, deleted = None, True, [], []
            continue
        changed += answer.changed
        deleted += answer.deleted
        state = answer.state
        if answer.last:
            break
    for folder in changed:
        if folder.search:
            p.log.info("a search folder is not copied; it holds no items of its own", folder=folder.name)
    if changed or deleted or complete:
        if changed and not roles:
            roles = await p.from_side.call(GetDistinguishedFolders())
        changed = hierarchy.with_roles(changed, roles)
        rows_changed, change.gone_folders = hierarchy.follow(rows, changed, deleted, complete=complete)
        change.folders += rows_changed
        change.hierarchy_state = state
        await p.write(change)


def _rooted(rows: list[FolderRow], root: Folder, change: LedgerChange) -> list[FolderRow]:
    """The rows with the root among them. Raises MailboxBlocked when it is another mailbox's root."""
    known = next((row for row in rows if row.number == ROOT), None)
    if known is None:
        known = FolderRow(ROOT, None, root.name, root.folder_class, "msgfolderroot", root.id, None)
    elif known.from_id is None:
        known = replace(known, from_id=root.id)
    elif known.from_id != root.id:
        raise MailboxBlocked(
            "The mailbox that is copied from is not the one it was: its folders have other ids. If it was created anew "
            "on purpose, take the mailbox out of its collection and put it in again to copy it from the beginning."
        )
    else:
        return rows
    change.folders.append(known)
    return [known, *(row for row in rows if row.number != ROOT)]


async def settle(p: Pass) -> None:
    """Make the to side's tree hold every folder of the from side, in its place and under its name."""
    for _ in range(_PLANS):
        rows = await p.ledger.folders()
        unsettled = [row for row in rows if not row.settled and not row.gone]
        if unsettled:
            await p.breathe()
            tree = await _tree(p)
            done = await _carry_out(p, rows, tree, hierarchy.plan(rows, tree))
            if not done:
                continue
        break
    else:
        p.problems.append("The folder tree of the other side changes faster than it can be followed; see the log.")
    p.to_folders = {row.number: row.to_id for row in await p.ledger.folders() if row.to_id and not row.gone}


async def _carry_out(p: Pass, rows: list[FolderRow], tree: list[Folder], actions: list[FolderAction]) -> bool:
    """False when the tree is not what the plan took it for: look again."""
    present = {folder.id for folder in tree}
    by_number = {row.number: row for row in rows}
    # In the ledger's words every folder is settled once all its actions are done, so they are marked at the end.
    at = {row.number: row.to_id for row in rows if row.to_id is not None and row.to_id in present}
    failed = set[int]()
    for action in actions:
        try:
            match action:
                case Adopt(number, to_id):
                    at[number] = to_id
                    await _place(p, by_number, number, to_id)
                case Create(number, parent, name, folder_class):
                    above = at.get(parent)
                    if above is None:
                        failed.add(number)
                        continue
                    to_id = await p.to_side.call(CreateFolder(above, name, folder_class))
                    at[number] = to_id
                    await _place(p, by_number, number, to_id)
                case Rename(to_id, name):
                    await p.to_side.call(RenameFolder(to_id, name))
                case Move(to_id, parent):
                    await p.to_side.call(MoveFolder(to_id, at[parent]))
        except InDoubtError as error:
            # The tree tells whether it happened.
            p.log.info("a change of a folder got no answer; looking again", reason=str(error))
            return False
        except EwsError as error:
            if error.kind is Kind.MAILBOX:
                raise MailboxBlocked(str(error)) from error
            if error.kind is not Kind.PERMANENT or error.code == "ErrorFolderExists":
                return False
            failed |= _concerned(rows, at, action)
            p.problems.append(f"{_words(rows, action)}: {error}")
    settled = [
        replace(row, settled=True)
        for row in by_number.values()
        if not row.settled and not row.gone and row.number not in failed and row.to_id
    ]
    await p.write(LedgerChange(folders=settled))
    return True


async def _place(p: Pass, rows: dict[int, FolderRow], number: int, to_id: str) -> None:
    """The folder has its counterpart. One that had another before has lost everything in that."""
    before = rows[number]
    rows[number] = replace(before, to_id=to_id)
    change = LedgerChange(folders=[rows[number]])
    if before.to_id is not None and before.to_id != to_id:
        rows[number] = replace(rows[number], sync_state=None)
        change = LedgerChange(folders=[rows[number]], reset_folders=[number])
    await p.write(change)


async def remove(p: Pass) -> None:
    """Delete on the to side the folders that the from side has no more, with what is left in them."""
    rows = await p.ledger.folders()
    if not any(row.gone for row in rows):
        return
    await p.breathe()
    doomed, forgotten = hierarchy.removals(rows, await _tree(p))
    for row in doomed:
        change = LedgerChange(removed_folders=[row.number])
        change.outcomes[Outcome.DELETED] = len(await p.ledger.known_in(row.number))
        try:
            await p.to_side.call(DeleteFolder(row.to_id or ""))
        except InDoubtError:
            return  # still gone at the next pass
        except EwsError as error:
            if error.kind is not Kind.GONE:
                p.problems.append(f"The folder {hierarchy.path(rows, row.number)!r} could not be deleted: {error}")
                continue
        await p.write(change)
    await p.write(LedgerChange(removed_folders=[row.number for row in forgotten]))


async def _tree(p: Pass) -> list[Folder]:
    """The to side's whole tree, its root first."""
    roles = await p.to_side.call(GetDistinguishedFolders())
    tree = [roles["msgfolderroot"]]
    offset = 0
    while True:
        page = await p.to_side.call(FindFolders(offset))
        tree += page.folders
        if page.last:
            return hierarchy.with_roles(tree, roles)
        offset = page.next


def _concerned(rows: list[FolderRow], at: dict[int, str], action: FolderAction) -> set[int]:
    if isinstance(action, Adopt | Create):
        return {action.number}
    return {row.number for row in rows if at.get(row.number) == action.to_id}


def _words(rows: list[FolderRow], action: FolderAction) -> str:
    """What could not be done, for people."""
    match action:
        case Create(number):
            return f"The folder {hierarchy.path(rows, number)!r} could not be created"
        case Rename(to_id, name):
            number = next((row.number for row in rows if row.to_id == to_id), ROOT)
            return f"The folder {hierarchy.path(rows, number)!r} could not be renamed to {name!r}"
        case Move(to_id):
            number = next((row.number for row in rows if row.to_id == to_id), ROOT)
            return f"The folder {hierarchy.path(rows, number)!r} could not be moved"
        case Adopt(number):
            return f"The folder {hierarchy.path(rows, number)!r} could not be matched"
