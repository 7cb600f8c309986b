"""Looks at the conditions of a running server and replaces them, through its control page."""

from __future__ import annotations

import base64
import json
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from .model import CONTROL_PATH, Conditions


class ControlError(Exception):
    """The server did not tell or take them; the message says why."""


def look(ews: str, authority: Path, user: str, password: str) -> tuple[Conditions, dict[str, int]]:
    """What applies, and how often each rule has struck, for somebody who may impersonate. Raises ControlError."""
    told = _ask(ews, authority, user, password, None)
    return Conditions.model_validate(told["conditions"]), told["injected"]


def put(ews: str, authority: Path, user: str, password: str, conditions: Conditions) -> None:
    """Replace all sections, as somebody who may impersonate. Raises ControlError."""
    _ask(ews, authority, user, password, conditions.model_dump_json().encode())


def _ask(ews: str, authority: Path, user: str, password: str, body: bytes | None) -> Any:
    request = urllib.request.Request(  # noqa: S310 - an https URL of the lab's own
        urljoin(ews, CONTROL_PATH), body, method="GET" if body is None else "PUT"
    )
    request.add_header("Authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode())
    try:
        with urllib.request.urlopen(  # noqa: S310
            request, timeout=20, context=ssl.create_default_context(cafile=authority)
        ) as answer:
            return json.load(answer)
    except (urllib.error.URLError, OSError, ValueError) as error:
        what = "tell its conditions" if body is None else "take other conditions"
        raise ControlError(f"{ews} does not {what}: {error}; see 'isthmus ps', 'isthmus lab up'") from None
