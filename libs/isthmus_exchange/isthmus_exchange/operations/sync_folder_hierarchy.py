"""SyncFolderHierarchy ([MS-OXWSSYNC] 3.1.4.1): what changed in the folder tree since a sync state."""

from __future__ import annotations

from ..client import Mailbox
from ..model import FolderChange, FolderChanges
from ..names import M, T
from ..shapes import distinguished, read_folder
from ..soap import child, single, text
from .get_folders import FOLDER_FIELDS, ROOT


async def sync_folder_hierarchy(mailbox: Mailbox, state: str) -> FolderChanges:
    """A page of changes below the top of the mailbox; an empty state asks for every folder.

    Raises EwsError with ErrorInvalidSyncStateData when the server does not know the state any more.
    """
    known = f"<m:SyncState>{text(state)}</m:SyncState>" if state else ""
    body = (
        f"<m:SyncFolderHierarchy>{FOLDER_FIELDS}<m:SyncFolderId>{distinguished(ROOT)}</m:SyncFolderId>{known}"
        "</m:SyncFolderHierarchy>"
    )
    message = single(await mailbox.read("SyncFolderHierarchy", body))
    changes = []
    for change in child(message, f"{M}Changes"):
        if change.tag == f"{T}Delete":
            changes.append(FolderChange(child(change, f"{T}FolderId").get("Id", ""), None))
        else:
            folder = read_folder(change[0])
            changes.append(FolderChange(folder.id, folder))
    return FolderChanges(
        changes,
        state=message.findtext(f"{M}SyncState") or "",
        last=message.findtext(f"{M}IncludesLastFolderInRange") != "false",
    )
