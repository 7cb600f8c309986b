"""The keys that certificates are signed and checked with, as files of a secrets folder."""

from __future__ import annotations

import os
from pathlib import Path

from isthmus_sync.mailbox.certificate import KEY_FILE, PUBLIC_FILE, new_keys


def make_keys(secrets: Path) -> bool:
    """Make both files unless the private one is there; False when it is. A key is never replaced: what it signed could
    not be told from forgeries any more.
    """
    private, public = new_keys()
    try:
        handle = os.open(secrets / KEY_FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    # The public one first: a private key without it could sign what nobody can check.
    (secrets / PUBLIC_FILE).write_bytes(public)
    with os.fdopen(handle, "wb") as file:
        file.write(private)
    return True
