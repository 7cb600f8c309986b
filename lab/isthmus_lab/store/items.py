"""The items of a mailbox."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from isthmus_lab.mapi.bag import Attachment, Bag, Properties, Value
from isthmus_lab.mapi.tags import PropertyKey
from isthmus_lab.store.model import Delete, Item, Page, Row
from isthmus_lab.store.restriction import Restriction

if TYPE_CHECKING:
    from isthmus_lab.store.mailbox import Mailbox


class Items:
    """`mailbox.items`. Methods raise NotFoundError for an unknown item or folder.

    One call is one transaction, unless it is inside `mailbox.transaction()`.
    """

    def __init__(self, mailbox: "Mailbox") -> None:
        raise NotImplementedError

    def add(self, folder_id: bytes, bag: Bag, *, associated: bool = False, delivered: bool = False) -> Row:
        """Saves a new item. What a server adds is added to `bag` if missing: search key, creation and modification
        time, message flags, class. `delivered` makes it new mail: delivery time now, unread, NewMail event.
        """
        raise NotImplementedError

    def upload(self, folder_id: bytes, content: bytes, *, associated: bool = False) -> Row:
        """Saves an exported item as it is, with the search key and times it has. ValueError for a broken stream."""
        raise NotImplementedError

    def upload_over(self, item_id: bytes, content: bytes, *, associated: bool = False) -> Row:
        """Replaces an item's content by an exported one (UploadItems Update); the id stays, the change key is new."""
        raise NotImplementedError

    def row(self, item_id: bytes) -> Row:
        """The item's columns without its content."""
        raise NotImplementedError

    def rows(self, item_ids: Sequence[bytes]) -> list[Row | None]:
        """Many at once, None for one that is not there."""
        raise NotImplementedError

    def get(self, item_id: bytes) -> Item:
        """The item with its bag; PidTagMessageFlags in it is up to date."""
        raise NotImplementedError

    def content(self, item_id: bytes) -> bytes:
        """The item's FastTransfer stream, as ExportItems gives it."""
        raise NotImplementedError

    def contents(self, item_ids: Iterable[bytes]) -> Iterator[bytes | None]:
        """Many streams one after the other, None for an item that is not there."""
        raise NotImplementedError

    def update(
        self,
        item_id: bytes,
        properties: Mapping[PropertyKey, Value | None] | None = None,
        *,
        recipients: list[Properties] | None = None,
        attachments: list[Attachment] | None = None,
        change_key: bytes | None = None,
    ) -> Row:
        """Sets properties or (None) takes them away; recipients and attachments, when given, replace all.

        Sets the modification time. StaleChangeKeyError if `change_key` is given and not the item's own.
        """
        raise NotImplementedError

    def set_read(self, item_ids: Iterable[bytes], read: bool) -> list[Row]:
        """Marks as read or unread, not touching the modification time; an item that is so already stays unchanged."""
        raise NotImplementedError

    def move(self, item_ids: Iterable[bytes], folder_id: bytes) -> list[Row]:
        """Into another folder, with new ids and the old search keys."""
        raise NotImplementedError

    def copy(self, item_ids: Iterable[bytes], folder_id: bytes) -> list[Row]:
        """Once more, with new ids and the same search keys ([MS-OXCPRPT] 2.2.1.9)."""
        raise NotImplementedError

    def delete(self, item_ids: Iterable[bytes], how: Delete) -> list[Row | None]:
        """For each its row in Deleted Items or the recoverable items, None once gone. What already lies there is gone
        with MOVE resp. SOFT.
        """
        raise NotImplementedError

    def find(
        self,
        folder_id: bytes,
        restriction: Restriction | None = None,
        *,
        sort: Sequence[tuple[PropertyKey, bool]] = (),
        offset: int = 0,
        limit: int | None = None,
        associated: bool = False,
    ) -> Page:
        """A part of the folder's contents. `sort` holds (property, descending); newest received first without."""
        raise NotImplementedError

    def search(self, restriction: Restriction, *, limit: int = 100) -> list[Row]:
        """Normal items anywhere in the mailbox that match (search key, message id)."""
        raise NotImplementedError
