"""Where a system is kept on this machine unless somebody says otherwise."""

from __future__ import annotations

import os
from pathlib import Path


def default_data_folder() -> Path:
    """Where `isthmus up` keeps a system unless told otherwise: /var/lib/isthmus for root, else the XDG data folder."""
    if os.geteuid() == 0:
        return Path("/var/lib/isthmus")
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "isthmus"
