"""The folder tree of a mailbox."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from isthmus_lab.mapi.bag import Value
from isthmus_lab.mapi.tags import PropertyKey
from isthmus_lab.store.model import Delete, Folder

if TYPE_CHECKING:
    from isthmus_lab.store.mailbox import Mailbox


class Folders:
    """`mailbox.folders`. Methods raise NotFoundError for an unknown folder."""

    def __init__(self, mailbox: "Mailbox") -> None:
        raise NotImplementedError

    def get(self, folder_id: bytes) -> Folder:
        """The folder with its counts."""
        raise NotImplementedError

    def role(self, role: str) -> Folder:
        """The distinguished folder of an EWS DistinguishedFolderId: "inbox", "recoverableitemsdeletions"."""
        raise NotImplementedError

    def find(self, parent_id: bytes, name: str) -> Folder | None:
        """The child of that name, upper and lower case alike."""
        raise NotImplementedError

    def children(self, folder_id: bytes, *, deep: bool = False) -> list[Folder]:
        """Direct children by name, or the whole subtree with parents before children."""
        raise NotImplementedError

    def create(
        self,
        parent_id: bytes,
        name: str,
        container_class: str = "IPF.Note",
        properties: Mapping[PropertyKey, Value] | None = None,
    ) -> Folder:
        """A new folder; FolderExistsError when the parent has one of that name."""
        raise NotImplementedError

    def path(self, parent_id: bytes, names: list[str], container_class: str = "IPF.Note") -> Folder:
        """The folder at that path below the parent; what is missing is created."""
        raise NotImplementedError

    def update(
        self,
        folder_id: bytes,
        *,
        name: str | None = None,
        container_class: str | None = None,
        properties: Mapping[PropertyKey, Value | None] | None = None,
        change_key: bytes | None = None,
    ) -> Folder:
        """Renames it, sets properties or (None) takes them away. StaleChangeKeyError if `change_key` is not its own."""
        raise NotImplementedError

    def move(self, folder_id: bytes, parent_id: bytes) -> Folder:
        """Below another parent; the id stays. NotAllowedError for distinguished folders and into itself."""
        raise NotImplementedError

    def copy(self, folder_id: bytes, parent_id: bytes) -> Folder:
        """The folder with everything below it once more; FolderExistsError when the name is taken there."""
        raise NotImplementedError

    def delete(self, folder_id: bytes, how: Delete) -> None:
        """With everything below: MOVE puts it into Deleted Items (numbered if the name is taken), SOFT and HARD end it."""
        raise NotImplementedError

    def empty(self, folder_id: bytes, how: Delete, *, subfolders: bool = False) -> None:
        """Deletes all normal items, and with `subfolders` all folders below."""
        raise NotImplementedError
