"""The trees of folders that a mailbox consists of, and how a side's server tells them."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import NamedTuple

from isthmus_exchange.errors import EwsError
from isthmus_exchange.operations import FindFolderMarks, FindFolders, GetDistinguishedFolders, GetFolderMarks
from isthmus_exchange.values import Folder, FolderMark
from isthmus_sync.mailbox import hierarchy

from isthmus_mailbox.passing import Side, pages


class Tree(NamedTuple):
    """A tree by the role of its top, and what people call it. Not `deep`: the top is all of it."""

    name: str
    deep: bool


MAIN = "msgfolderroot"
TREES = {
    MAIN: Tree("", True),
    "recoverableitemsdeletions": Tree("Recoverable Items", False),
    "archivemsgfolderroot": Tree("Archive", True),
    "archiverecoverableitemsdeletions": Tree("Archive, Recoverable Items", False),
}
RECOVERABLE = ("recoverableitemsdeletions", "archiverecoverableitemsdeletions")
"""Of what can be recovered, Versions and Purges are not here: nobody but a server's own holds may write to them."""


async def tops(side: Side, roles: Collection[str] = ()) -> dict[str, Folder]:
    """Role -> folder of every distinguished folder, and of those of the other trees' tops that there are."""
    others = tuple(role for role in roles if role != MAIN)
    try:
        return await side.call(GetDistinguishedFolders(others))
    except EwsError as error:
        if not others or error.code != "ErrorSchemaValidation":
            raise
        # Before Exchange 2010 SP1 nobody has a name for them.
        return await side.call(GetDistinguishedFolders())


async def read(side: Side, roles: Collection[str] = (MAIN,)) -> list[Folder]:
    """Every folder of these trees, each after its top, with the roles of the distinguished ones."""
    found = await tops(side, roles)
    tree: list[Folder] = []
    for top in roles:
        if top in found:
            tree.append(found[top])
            if TREES[top].deep:
                tree += await below(side, top)
    return hierarchy.with_roles(tree, found)


async def below(side: Side, top: str, *, only_search: bool = False) -> list[Folder]:
    """Every folder at any depth below the one of this role; or the search folders among them."""
    tree: list[Folder] = []
    async for page in pages(side, partial(FindFolders, top=top, only_search=only_search)):
        tree += page.folders
    return tree


async def marks(side: Side, roles: Collection[str] = (MAIN,), top_ids: Collection[str] = ()) -> dict[str, FolderMark]:
    """The mark of every folder of these trees, by its id; `top_ids`: of their tops."""
    found = await side.call(GetFolderMarks(tuple(top_ids))) if top_ids else {}
    for top in roles:
        if TREES[top].deep:
            async for page in pages(side, partial(FindFolderMarks, top=top)):
                found.update(page.folders)
    return found
