"""One mailbox: a SQLite file with folders and items."""

from contextlib import AbstractContextManager
from pathlib import Path
from uuid import UUID

from isthmus_lab.store.folders import Folders
from isthmus_lab.store.items import Items
from isthmus_lab.store.sync import Sync


class Mailbox:
    """A mailbox, opened by `Store.mailbox`. Safe to call from several threads; one works at a time."""

    guid: UUID  # msExchMailboxGuid
    path: Path
    locale: str
    folders: Folders
    items: Items
    sync: Sync

    def transaction(self) -> AbstractContextManager[None]:
        """Everything inside is one transaction: committed at the end, nothing of it kept after an exception. May nest.
        Holds the mailbox's lock: keep network I/O out of it.
        """
        raise NotImplementedError

    @property
    def size(self) -> int:
        """Bytes of all items' content."""
        raise NotImplementedError
