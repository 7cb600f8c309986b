"""Search folders: folders that hold nothing, and show what a restriction finds in others ([MS-OXWSFOLD] 2.2.4.17).

What one looks for is kept with the folder, as the SearchParameters element that EWS gives and takes, with folders by
their ids. It finds what there is at the moment of asking.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from lxml import etree

from isthmus_lab.mapi import tags
from isthmus_lab.store import SEARCH, And, Compare, Folder, Mailbox, NotFoundError, Restriction

from .call import Call
from .errors import EwsError
from .ids import ObjectId
from .names import Element, child, elements, t
from .restrictions import read


def keep(call: Call, mailbox: Mailbox, node: Element | None) -> str:
    """A SearchParameters element as it is kept, once it makes sense. Raises EwsError."""
    if node is None:
        raise EwsError("ErrorSearchFolderNotInitialized", "A search folder needs SearchParameters.")
    _restriction(node)
    bases = []
    for named in elements(child(node, "BaseFolderIds")):
        there, folder = call.folder(named)
        if there is not mailbox:
            raise EwsError("ErrorInvalidFolderTypeForOperation", "A search folder looks into its own mailbox only.")
        if folder.is_search:
            raise EwsError("ErrorCannotSpecifySearchFolderAsSourceFolder")
        bases.append(folder)
    restriction = child(node, "Restriction")
    assert restriction is not None
    return written(mailbox, restriction, bases, node.get("Traversal") or "Shallow")


def written(mailbox: Mailbox, restriction: Element, folders: Iterable[Folder], traversal: str) -> str:
    """The element as it is kept, for the property SEARCH of a folder."""
    bases = t("BaseFolderIds")
    bases.extend(t("FolderId", Id=str(ObjectId(mailbox.guid, each.id))) for each in folders)
    kept = t("SearchParameters", Traversal=traversal)
    kept.extend((etree.fromstring(etree.tostring(restriction)), bases))
    return etree.tostring(kept, encoding="unicode")


def show(folder: Folder) -> Element:
    """The element that was kept."""
    return etree.fromstring(folder.properties[SEARCH])


def within(mailbox: Mailbox, folder: Folder) -> tuple[list[bytes], Restriction]:
    """The folders that a search folder looks into, without those that are gone, and what it looks for there."""
    node = show(folder)
    places: dict[bytes, None] = {}
    for named in elements(child(node, "BaseFolderIds")):
        base = ObjectId.parse(named.get("Id", "")).entry
        try:
            below = mailbox.folders.children(base, deep=True) if node.get("Traversal") == "Deep" else []
        except NotFoundError:
            continue
        places |= dict.fromkeys((base, *(each.id for each in below if not each.is_search)))
    return list(places), _restriction(node)


def counted(mailbox: Mailbox, folder: Folder) -> Folder:
    """The folder with the counts of what it shows."""
    places, wanted = within(mailbox, folder)
    unread = And((wanted, Compare(tags.PidTagRead, "=", value=False)))
    total, new = (mailbox.items.find(places, each, limit=0).total for each in (wanted, unread))
    return replace(folder, total=total, unread=new)


def _restriction(node: Element) -> Restriction:
    wanted = child(node, "Restriction")
    if wanted is None or not elements(wanted):
        raise EwsError("ErrorInvalidRestriction", "SearchParameters have no restriction.")
    return read(elements(wanted)[0])
