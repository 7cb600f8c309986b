"""A side's whole folder tree, as its server tells it."""

from __future__ import annotations

from isthmus_exchange.operations import FindFolderMarks, FindFolders, GetDistinguishedFolders
from isthmus_exchange.values import Folder, FolderMark
from isthmus_sync.mailbox import hierarchy

from isthmus_mailbox.passing import Side


async def read(side: Side) -> list[Folder]:
    """Every folder of the visible tree, the root first, with the roles of the distinguished ones."""
    roles = await side.call(GetDistinguishedFolders())
    tree = [roles["msgfolderroot"]]
    offset = 0
    while True:
        page = await side.call(FindFolders(offset))
        tree += page.folders
        if page.last:
            return hierarchy.with_roles(tree, roles)
        offset = page.next


async def marks(side: Side) -> dict[str, FolderMark]:
    """The mark of every folder below the root, by its id."""
    found: dict[str, FolderMark] = {}
    offset = 0
    while True:
        page = await side.call(FindFolderMarks(offset))
        found.update(page.folders)
        if page.last:
            return found
        offset = page.next
