"""Objects as people name them: by an SMTP address, a distinguished name, an objectGUID or a sAMAccountName."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from isthmus_sync.directory.index import Index
    from isthmus_sync.directory.objects import DirectoryObject


def named(index: Index, name: str) -> list[DirectoryObject]:
    """The objects that a name means; more than one when it is ambiguous."""
    kind, value = kind_of(name)
    if kind == "objectGUID":
        found = index.get(UUID(value).bytes_le)
        return [found] if found is not None else []
    return index.holders(kind, value)


def kind_of(name: str) -> tuple[str, str]:
    """What a name is, as the kinds of Index.holders or objectGUID, and the name as it is looked for."""
    name = name.strip()
    try:
        return "objectGUID", str(UUID(name))
    except ValueError:
        pass
    if "=" in name:
        return "dn", name
    return ("address" if "@" in name else "sAMAccountName"), name
