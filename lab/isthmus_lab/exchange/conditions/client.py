"""Replaces the conditions of a running server, through its control page."""

from __future__ import annotations

import base64
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urljoin

from .model import CONTROL_PATH, Conditions


class ControlError(Exception):
    """The server did not take them; the message says why."""


def replace(ews: str, authority: Path, user: str, password: str, conditions: Conditions) -> None:
    """All sections, as somebody who may impersonate. Raises ControlError."""
    request = urllib.request.Request(  # noqa: S310 - an https URL of the lab's own
        urljoin(ews, CONTROL_PATH), conditions.model_dump_json().encode(), method="PUT"
    )
    request.add_header("Authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode())
    try:
        with urllib.request.urlopen(  # noqa: S310
            request, timeout=20, context=ssl.create_default_context(cafile=authority)
        ):
            return
    except (urllib.error.URLError, OSError) as error:
        raise ControlError(f"{ews} does not take other conditions: {error}") from None
