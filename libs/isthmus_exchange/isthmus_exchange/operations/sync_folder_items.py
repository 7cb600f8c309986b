"""SyncFolderItems ([MS-OXWSSYNC] 3.1.4.2): what changed in a folder since a sync state, ids only."""

from __future__ import annotations

from ..client import Mailbox
from ..model import ItemChange, ItemChanges, Kind
from ..names import SEARCH_KEY, M, T
from ..shapes import folder_id, read_item_ref, read_search_key
from ..soap import Element, child, single, text

MOST_CHANGES = 512
"""What a server gives at most in one answer."""

_SHAPE = (
    "<m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties>"
    '<t:FieldURI FieldURI="item:Size"/><t:FieldURI FieldURI="item:IsAssociated"/>'
    f"{SEARCH_KEY}</t:AdditionalProperties></m:ItemShape>"
)


async def sync_folder_items(mailbox: Mailbox, folder: str, state: str) -> ItemChanges:
    """A page of changes of normal and associated items; an empty state asks for every item.

    Raises EwsError: ErrorInvalidSyncStateData when the server does not know the state any more,
    ErrorSyncFolderNotFound when the folder is gone.
    """
    known = f"<m:SyncState>{text(state)}</m:SyncState>" if state else ""
    body = (
        f"<m:SyncFolderItems>{_SHAPE}<m:SyncFolderId>{folder_id(folder)}</m:SyncFolderId>{known}"
        f"<m:MaxChangesReturned>{MOST_CHANGES}</m:MaxChangesReturned>"
        "<m:SyncScope>NormalAndAssociatedItems</m:SyncScope></m:SyncFolderItems>"
    )
    message = single(await mailbox.read("SyncFolderItems", body))
    return ItemChanges(
        changes=[_change(element) for element in child(message, f"{M}Changes")],
        state=message.findtext(f"{M}SyncState") or "",
        last=message.findtext(f"{M}IncludesLastItemInRange") != "false",
    )


def _change(element: Element) -> ItemChange:
    kind = Kind(str(element.tag).removeprefix(T))
    if kind is Kind.DELETED:
        return ItemChange(kind, read_item_ref(element))
    if kind is Kind.READ_FLAG:
        return ItemChange(kind, read_item_ref(element), is_read=element.findtext(f"{T}IsRead") == "true")
    item = element[0]
    return ItemChange(
        kind,
        read_item_ref(item),
        size=int(item.findtext(f"{T}Size") or 0),
        associated=item.findtext(f"{T}IsAssociated") == "true",
        search_key=read_search_key(item),
    )
