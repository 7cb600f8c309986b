"""Ids and change keys of a mailbox's objects, as bytes and as numbers."""

from uuid import UUID

from isthmus_lab.store.errors import NotFoundError

_FLAGS = b"\0\0\0\0"
_PRIVATE_FOLDER = b"\1\0"
_PRIVATE_MESSAGE = b"\7\0"
_PUBLIC_FOLDER = b"\3\0"
_PUBLIC_MESSAGE = b"\x09\0"
# The provider of all public folders, [MS-OXCDATA] 2.2.4: their ids name no mailbox.
PUBLIC = UUID(bytes_le=bytes.fromhex("1a447390aa6611cd9bc800aa002fc45a"))
FOLDER_ID_LENGTH = 46
ITEM_ID_LENGTH = 70


class Ids:
    """Entry ids ([MS-OXCDATA] 2.2.4.1, 2.2.4.2) and XIDs ([MS-OXCFXICS] 2.2.2.2) of one mailbox."""

    def __init__(self, mailbox: UUID, replica: UUID, *, public: bool = False) -> None:
        self._replica = replica.bytes_le
        provider = _FLAGS + (PUBLIC if public else mailbox).bytes_le
        self._folder = provider + (_PUBLIC_FOLDER if public else _PRIVATE_FOLDER) + self._replica
        self._item = provider + (_PUBLIC_MESSAGE if public else _PRIVATE_MESSAGE) + self._replica

    def folder(self, number: int) -> bytes:
        return self._folder + number.to_bytes(6, "big") + b"\0\0"

    def item(self, folder: int, number: int) -> bytes:
        return self._item + folder.to_bytes(6, "big") + b"\0\0" + self._replica + number.to_bytes(6, "big") + b"\0\0"

    def xid(self, number: int) -> bytes:
        """The change key of a change number, the source key of an object's number: 22 bytes."""
        return self._replica + number.to_bytes(6, "big")

    def folder_number(self, folder_id: bytes) -> int:
        """NotFoundError for what is no folder id of this mailbox."""
        if len(folder_id) != FOLDER_ID_LENGTH or not folder_id.startswith(self._folder):
            raise NotFoundError(f"{folder_id.hex()} is not the id of a folder in this mailbox")
        return int.from_bytes(folder_id[38:44], "big")

    def item_numbers(self, item_id: bytes) -> tuple[int, int]:
        """The folder's and the item's number; NotFoundError for what is no item id of this mailbox."""
        if len(item_id) != ITEM_ID_LENGTH or not item_id.startswith(self._item):
            raise NotFoundError(f"{item_id.hex()} is not the id of an item in this mailbox")
        return int.from_bytes(item_id[38:44], "big"), int.from_bytes(item_id[62:68], "big")


def is_public(any_id: bytes) -> bool:
    """Whether it is the id of a public folder or of an item in one."""
    return any_id[4:20] == PUBLIC.bytes_le


def public_folder_of(item_id: bytes) -> bytes:
    """The folder of an item in a public folder."""
    return item_id[:20] + _PUBLIC_FOLDER + item_id[22:46]


def mailbox_of(any_id: bytes) -> UUID:
    """The msExchMailboxGuid in a folder's or an item's id; NotFoundError for what is neither."""
    if len(any_id) not in (FOLDER_ID_LENGTH, ITEM_ID_LENGTH):
        raise NotFoundError(f"{any_id.hex()} is not an id of a folder or an item")
    return UUID(bytes_le=any_id[4:20])


def is_item_id(any_id: bytes) -> bool:
    return len(any_id) == ITEM_ID_LENGTH
