"""Directory objects on their way into a forest, as plain values."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Value = str | bytes
Attributes = Mapping[str, Sequence[Value]]


@dataclass(frozen=True)
class Entry:
    """An object to create; left alone when it is already there."""

    dn: str
    attributes: Attributes


@dataclass(frozen=True)
class Change:
    """Attributes to replace on an object that exists; an empty list of values clears one."""

    dn: str
    attributes: Attributes


@dataclass(frozen=True)
class Grant:
    """A right given to an account. `ace` is SDDL in which {sid} stands for the account's SID."""

    account: str
    on: str
    ace: str


REPLICATION_GET_CHANGES = "(OA;;CR;1131f6aa-9c07-11d1-f79f-00c04fc2dcd2;;{sid})"
FULL_CONTROL = "(A;CI;GA;;;{sid})"


def as_json(steps: Iterable[Entry | Change | Grant]) -> list[dict[str, Any]]:
    """The steps as directory_tool.py reads them."""
    return [_step(step) for step in steps]


def _step(step: Entry | Change | Grant) -> dict[str, Any]:
    if isinstance(step, Grant):
        return {"do": "grant", "account": step.account, "on": step.on, "ace": step.ace}
    return {
        "do": "add" if isinstance(step, Entry) else "replace",
        "dn": step.dn,
        "attributes": {
            name: [base64.b64encode(v if isinstance(v, bytes) else v.encode()).decode() for v in values]
            for name, values in step.attributes.items()
        },
    }


def quoted_password(password: str) -> bytes:
    """A password as unicodePwd takes it ([MS-ADTS] 3.1.1.3.1.5.1)."""
    return f'"{password}"'.encode("utf-16-le")


def escape_rdn(value: str) -> str:
    """A value made safe inside a distinguished name (RFC 4514 2.4).

    "#" is escaped wherever it stands, though only the first one must be: ldap3 refuses it otherwise.
    """
    escaped = "".join(f"\\{c}" if c in '\\,+"<>;=#' else c for c in value)
    if escaped.startswith(" "):
        escaped = "\\" + escaped
    if escaped.endswith(" ") and not escaped.endswith("\\ "):
        escaped = escaped[:-1] + "\\ "
    return escaped
