"""What both Sync operations are asked: of which folder, and since which state.

A SyncState is the store's state in base64, which is all a client may know about it.
"""

from __future__ import annotations

import base64

from isthmus_lab.store import Folder, Mailbox, Rights

from .call import Call
from .errors import EwsError
from .values import parse_base64


def synced_folder(call: Call, default: str | None = None, need: Rights = Rights.VISIBLE) -> tuple[Mailbox, Folder]:
    """The folder of SyncFolderId. Raises EwsError ErrorSyncFolderNotFound for one that is gone."""
    try:
        return call.target_folder("SyncFolderId", default, need)
    except EwsError as error:
        if error.code == "ErrorFolderNotFound":
            raise EwsError("ErrorSyncFolderNotFound") from None
        raise


def pack(state: bytes) -> str:
    """The text of a SyncState element."""
    return base64.b64encode(state).decode()


def unpack(written: str | None) -> bytes:
    """The state; none written is the beginning. Raises EwsError ErrorInvalidSyncStateData."""
    try:
        return parse_base64(written or "")
    except ValueError:
        raise EwsError("ErrorInvalidSyncStateData") from None
