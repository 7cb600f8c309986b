"""SyncFolderHierarchy ([MS-OXWSSYNC] 3.1.4.1)."""

from __future__ import annotations

from collections.abc import Iterator

from isthmus_lab.store import Folder, Rights

from ..call import Call, not_public, reading
from ..folders import FolderShape, show
from ..ids import ObjectId
from ..names import Element, child, m, t, text
from ..soap import Answer
from ..syncstate import pack, synced_folder, unpack


@reading
def sync_folder_hierarchy(call: Call) -> Answer:
    """What changed in the folder tree since a state; without a folder the tree below msgfolderroot's parent."""
    shape = FolderShape.parse(child(call.element, "FolderShape"))

    def handle() -> Iterator[Element]:
        mailbox, top = synced_folder(call, "root")
        not_public(mailbox)
        access = call.access(mailbox)
        state = unpack(text(call.element, "SyncState"))
        found = mailbox.sync.folders(top.id, state, reach=call.services.sync_state_changes())

        def seen(folder: Folder) -> bool:
            return access.full or Rights.VISIBLE in access.on(folder)

        def change(name: str, folder: Folder) -> Element:
            return t(name, show(access, folder, shape))

        changes = m("Changes")
        changes.extend(change("Create", each) for each in filter(seen, found.created))
        changes.extend(change("Update", each) for each in filter(seen, found.updated))
        # A folder that may not be seen any more is gone for who asks.
        gone = [*found.deleted, *(each.id for each in found.updated if not seen(each))]
        changes.extend(t("Delete", t("FolderId", Id=str(ObjectId(mailbox.guid, each)))) for each in gone)
        yield m("SyncState", pack(found.state))
        yield m("IncludesLastFolderInRange", "true")
        yield changes

    return call.answer(handle, on_error={"SyncState": "", "IncludesLastFolderInRange": "true"})
