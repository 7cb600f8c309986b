"""What changed since a sync state: SyncFolderHierarchy and SyncFolderItems."""

from typing import TYPE_CHECKING

from isthmus_lab.store.model import FolderChanges, ItemChanges

if TYPE_CHECKING:
    from isthmus_lab.store.mailbox import Mailbox


class Sync:
    """`mailbox.sync`. A state is opaque bytes, b"" to begin with; InvalidSyncStateError for one of something else."""

    def __init__(self, mailbox: "Mailbox") -> None:
        raise NotImplementedError

    def folders(self, folder_id: bytes, state: bytes) -> FolderChanges:
        """Folders created, updated, deleted below `folder_id` since the state."""
        raise NotImplementedError

    def items(
        self, folder_id: bytes, state: bytes, *, limit: int = 512, normal: bool = True, associated: bool = False
    ) -> ItemChanges:
        """At most `limit` changes of the folder's items since the state, which belongs to the folder and the scopes.

        Deletions, updates and read flags come first, then new items, newest first.
        """
        raise NotImplementedError
