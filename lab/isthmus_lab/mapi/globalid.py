"""PidLidGlobalObjectId: by what the copies of a meeting in all calendars are known ([MS-OXOCAL] 2.2.1.27, .28)."""

from __future__ import annotations

import os
import struct
from datetime import date
from typing import Final

_BEGIN: Final = bytes.fromhex("040000008200E00074C5B7101A82E008")
_FOREIGN_UID: Final = b"vCal-Uid\1\0\0\0"


def new(now: int) -> bytes:
    """An id that no other meeting has; ``now`` is a FILETIME."""
    data = os.urandom(16)
    return _BEGIN + bytes(4) + struct.pack("<Q", now) + bytes(8) + struct.pack("<I", len(data)) + data


def of_uid(uid: str) -> bytes:
    """The id of an iCalendar UID ([MS-OXCICAL] 2.1.3.1.1.20.26): the UID's own bytes, or the UID packed."""
    try:
        raw = bytes.fromhex(uid)
        if raw.startswith(_BEGIN):
            return raw
    except ValueError:
        pass
    data = _FOREIGN_UID + uid.encode("utf-8") + b"\0"
    return _BEGIN + bytes(20) + struct.pack("<I", len(data)) + data


def uid_of(global_id: bytes) -> str:
    """The iCalendar UID, the same for a series and its occurrences."""
    packed = global_id[40:]
    if packed.startswith(_FOREIGN_UID):
        return packed[len(_FOREIGN_UID) :].rstrip(b"\0").decode("utf-8", "replace")
    return clean(global_id).hex().upper()


def clean(global_id: bytes) -> bytes:
    """PidLidCleanGlobalObjectId: without the day of an occurrence."""
    return global_id[:16] + bytes(4) + global_id[20:]


def of_day(global_id: bytes, day: date) -> bytes:
    """The id of a series' occurrence: the day that the rule has it stands in four bytes."""
    return global_id[:16] + struct.pack(">HBB", day.year, day.month, day.day) + global_id[20:]
