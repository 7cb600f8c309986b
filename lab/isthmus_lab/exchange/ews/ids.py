"""The ids that EWS gives out: a mailbox, an object in it, and for attachments where in the object they are.

They are laid out as Exchange lays them out, so that tools which look inside them find what they expect: a compression
byte (0), a type byte (3: by mailbox GUID), the GUID in letters with its length before it, an instruction byte (1 for
an occurrence of a series), the entry id with its length, and for an attachment a count and each step's key with its
length; all in base64.
"""

from __future__ import annotations

import binascii
import struct
from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple
from uuid import UUID

from isthmus_lab.store import PUBLIC, Folder, Row
from isthmus_lab.store.ids import ITEM_ID_LENGTH, is_public, public_folder_of

from .errors import EwsError
from .kinds import kind_of

_HEAD: Final = struct.Struct("<BBH36sBH")
_LENGTH: Final = struct.Struct("<H")
_INSTANCE: Final = struct.Struct("<Q")
_CHANGE: Final = struct.Struct("<ii")
_FOLDER_TYPE: Final = 1
_PUBLIC_FOLDER, _PUBLIC_ITEM = 1, 2  # types of ids, [MS-OXWSITEMID]


class ObjectId(NamedTuple):
    """What an id names. ``entry`` has 46 bytes for a folder and 70 for an item ([MS-OXCDATA] 2.2.4).

    ``path`` is empty but for attachments: the number of the attachment, and of the attachments inside it on the way.
    ``occurrence`` is 0 but for one of a series: the FILETIME at which it would begin by the series' rule.
    """

    mailbox: UUID
    entry: bytes
    path: tuple[int, ...] = ()
    occurrence: int = 0

    def __str__(self) -> str:
        if is_public(self.entry):
            return binascii.b2a_base64(self._public() + self._steps(), newline=False).decode()
        entry = self.entry + _INSTANCE.pack(self.occurrence) if self.occurrence else self.entry
        raw = _HEAD.pack(0, 3, 36, _letters(self.mailbox), bool(self.occurrence), len(entry)) + entry
        return binascii.b2a_base64(raw + self._steps(), newline=False).decode()

    def _steps(self) -> bytes:
        if not self.path:
            return b""
        steps = b"".join(_LENGTH.pack(4) + number.to_bytes(4, "little") for number in self.path)
        return bytes([len(self.path)]) + steps

    def _public(self) -> bytes:
        """Of a public folder, or of an item and its folder; they name no mailbox."""
        raw = bytes((0, _PUBLIC_FOLDER if self.is_folder else _PUBLIC_ITEM, 0))
        raw += _LENGTH.pack(len(self.entry)) + self.entry
        if not self.is_folder:
            folder = public_folder_of(self.entry)
            raw += _LENGTH.pack(len(folder)) + folder
        return raw

    @classmethod
    def parse(cls, written: str) -> ObjectId:
        """Reads an id. Raises EwsError ErrorInvalidIdMalformed, ErrorInvalidIdEmpty."""
        if not written:
            raise EwsError("ErrorInvalidIdEmpty", "Id must be non-empty.")
        try:
            raw = binascii.a2b_base64(written, strict_mode=True)
            if raw[:1] == b"\0" and raw[1] in (_PUBLIC_FOLDER, _PUBLIC_ITEM):
                return cls._parse_public(raw)
            compression, kind, _, guid, instruction, length = _HEAD.unpack_from(raw)
            entry, rest = raw[_HEAD.size : _HEAD.size + length], raw[_HEAD.size + length :]
            if (compression, kind) != (0, 3) or len(entry) != length or instruction not in (0, 1):
                raise ValueError("not a mailbox id")
            occurrence = 0
            if instruction == 1:
                entry, (occurrence,) = entry[:-8], _INSTANCE.unpack(entry[-8:])
            return cls(_guid(guid), entry, _path(rest), occurrence)
        except (ValueError, IndexError, struct.error):
            raise EwsError("ErrorInvalidIdMalformed") from None

    @classmethod
    def _parse_public(cls, raw: bytes) -> ObjectId:
        (length,) = _LENGTH.unpack_from(raw, 3)
        entry, rest = raw[5 : 5 + length], raw[5 + length :]
        if raw[1] == _PUBLIC_ITEM:
            rest = rest[2 + _LENGTH.unpack_from(rest)[0] :]
        if len(entry) != length or length not in (46, 70) or not is_public(entry):
            raise ValueError("not an id of a public folder")
        return cls(PUBLIC, entry, _path(rest))

    @staticmethod
    def prefix(mailbox: UUID) -> str:
        """How every id in a mailbox begins."""
        return binascii.b2a_base64(_HEAD.pack(0, 3, 36, _letters(mailbox), 0, 0)[:39], newline=False).decode()

    @property
    def is_folder(self) -> bool:
        """Whether this is a folder's id: they are shorter than those of items."""
        return len(self.entry) == 46


def ids_of(mailbox: UUID) -> Callable[[bytes], str]:
    """What writes the ids of a mailbox's items by their entry ids: they differ in these only."""
    if mailbox == PUBLIC:
        return lambda entry: str(ObjectId(mailbox, entry))
    head = _HEAD.pack(0, 3, 36, _letters(mailbox), 0, ITEM_ID_LENGTH)
    return lambda entry: binascii.b2a_base64(head + entry, newline=False).decode()


def _path(rest: bytes) -> tuple[int, ...]:
    """The steps to an attachment behind an id."""
    if rest and len(rest) != 1 + 6 * rest[0]:
        raise ValueError("not an attachment id")
    return tuple(int.from_bytes(rest[at + 2 : at + 6], "little") for at in range(1, len(rest), 6))


# Nearly all ids of a request are of one mailbox.
@lru_cache
def _letters(mailbox: UUID) -> bytes:
    return str(mailbox).encode()


@lru_cache
def _guid(letters: bytes) -> UUID:
    return UUID(letters.decode("ascii"))


def item_change_key(row: Row) -> str:
    """An item's ChangeKey: its type, and the XID of its last change."""
    return _change_key(kind_of(row.item_class).number, row.change_key)


def folder_change_key(folder: Folder) -> str:
    """A folder's ChangeKey."""
    return _change_key(_FOLDER_TYPE, folder.change_key)


def read_change_key(written: str) -> bytes:
    """The XID in a ChangeKey. Raises EwsError ErrorInvalidChangeKey."""
    try:
        raw = binascii.a2b_base64(written, strict_mode=True)
        _, length = _CHANGE.unpack_from(raw)
        if len(raw) != _CHANGE.size + length:
            raise ValueError("length")
        return raw[_CHANGE.size :]
    except (ValueError, struct.error):
        raise EwsError("ErrorInvalidChangeKey", "The change key is invalid.") from None


def _change_key(kind: int, xid: bytes) -> str:
    return binascii.b2a_base64(_CHANGE.pack(kind, len(xid)) + xid, newline=False).decode()
