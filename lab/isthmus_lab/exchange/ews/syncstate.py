"""SyncState: the store's state in base64, which is all a client may know about it."""

from __future__ import annotations

import base64

from .errors import EwsError
from .values import parse_base64


def pack(state: bytes) -> str:
    """The text of a SyncState element."""
    return base64.b64encode(state).decode()


def unpack(written: str | None) -> bytes:
    """The state; none written is the beginning. Raises EwsError ErrorInvalidSyncStateData."""
    try:
        return parse_base64(written or "")
    except ValueError:
        raise EwsError("ErrorInvalidSyncStateData") from None
