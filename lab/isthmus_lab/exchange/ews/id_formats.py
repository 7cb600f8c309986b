"""The forms in which ids of mailboxes' objects are written ([MS-OXWSCVTID] 2.2.5.1, [MS-OXWSITEMID]).

EntryId and HexEntryId are the entry id alone; StoreId has its length before it and the type of the object behind it,
and OwaId is that for a URL. EwsId names the mailbox by GUID, EwsLegacyId by SMTP address as Exchange 2007 did.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable
from typing import Final
from urllib.parse import quote, unquote
from uuid import UUID

from .errors import EwsError
from .ids import ObjectId
from .values import parse_base64

FORMATS: Final = ("EwsLegacyId", "EwsId", "EntryId", "HexEntryId", "StoreId", "OwaId")
_FOLDER, _ITEM = 1, 9


def write(found: ObjectId, form: str, address: str) -> str:
    """The id in a format; ``address`` is the mailbox's."""
    match form:
        case "EwsId":
            return str(found)
        case "EwsLegacyId":
            owner = address.encode()
            return _base64(
                bytes((0, 0)) + len(owner).to_bytes(2, "little") + owner + b"\0"
                + len(found.entry).to_bytes(2, "little") + found.entry
            )  # fmt: skip
        case "EntryId":
            return _base64(found.entry)
        case "HexEntryId":
            return found.entry.hex().upper()
    stored = _base64(bytes([len(found.entry)]) + found.entry + bytes([_FOLDER if found.is_folder else _ITEM]))
    if form == "StoreId":
        return stored
    return re.sub("%..", lambda match: match[0].lower(), quote(stored, safe=""))


def read(written: str, form: str, mailbox: Callable[[str | None], UUID]) -> ObjectId:
    """What an id names; ``mailbox`` tells that of an address, None for the one beside the id. Raises EwsError."""
    if form == "EwsId":
        return ObjectId.parse(written)
    try:
        if form == "EwsLegacyId":
            return _legacy(parse_base64(written), mailbox)
        if form == "HexEntryId":
            return ObjectId(mailbox(None), _entry(bytes.fromhex(written)))
        raw = parse_base64(unquote(written) if form == "OwaId" else written)
        if form == "EntryId":
            return ObjectId(mailbox(None), _entry(raw))
        if len(raw) != raw[0] + 2:
            raise ValueError("length")
        return ObjectId(mailbox(None), _entry(raw[1:-1]))
    except (ValueError, IndexError):
        code = "ErrorInvalidIdMalformedEwsLegacyIdFormat" if form == "EwsLegacyId" else "ErrorInvalidIdMalformed"
        raise EwsError(code, "Id is malformed.") from None


def _legacy(raw: bytes, mailbox: Callable[[str | None], UUID]) -> ObjectId:
    length = int.from_bytes(raw[2:4], "little")
    entry = _entry(raw[4 + length + 3 :])
    if raw[:2] != b"\0\0" or len(entry) != int.from_bytes(raw[4 + length + 1 : 4 + length + 3], "little"):
        raise ValueError("not an id of Exchange 2007")
    return ObjectId(mailbox(raw[4 : 4 + length].decode()), entry)


def _entry(raw: bytes) -> bytes:
    if len(raw) not in (46, 70):
        raise ValueError("no entry id of a folder or an item")
    return raw


def _base64(raw: bytes) -> str:
    return binascii.b2a_base64(raw, newline=False).decode()
