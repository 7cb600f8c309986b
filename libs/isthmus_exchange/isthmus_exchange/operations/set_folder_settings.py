"""UpdateFolder ([MS-OXWSFOLD] 3.1.4.8): access control lists and properties of folders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..errors import EwsError
from ..folder_permissions import permission_set
from ..folder_properties import path
from ..shapes import folder_id
from ..soap import Element, check, text
from ..values import Permission
from .operation import Operation


@dataclass(frozen=True)
class FolderUpdate:
    """The whole new list of a folder that `element` shows, or properties of it; a value of None takes one away."""

    folder: str
    element: str
    permissions: Sequence[Permission] | None = None
    properties: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class SetFolderSettings(Operation["list[EwsError | None]"]):
    """Answers None or an error for each update, in the order given. Can be made twice without harm."""

    updates: tuple[FolderUpdate, ...]
    name = "UpdateFolder"
    writes = True

    def body(self, _newer: bool, /) -> str:
        changes = "".join(
            f"<t:FolderChange>{folder_id(each.folder)}<t:Updates>{_fields(each)}</t:Updates></t:FolderChange>"
            for each in self.updates
        )
        return f"<m:UpdateFolder><m:FolderChanges>{changes}</m:FolderChanges></m:UpdateFolder>"

    def answer(self, messages: Sequence[Element], /) -> list[EwsError | None]:
        return [check(message) for message in messages]


def _fields(update: FolderUpdate) -> str:
    fields = []
    if update.permissions is not None:
        value = permission_set(update.element, update.permissions)
        fields.append(_set(update.element, '<t:FieldURI FieldURI="folder:PermissionSet"/>', value))
    for name, given in update.properties.items():
        if given is None:
            fields.append(f"<t:DeleteFolderField>{path(name)}</t:DeleteFolderField>")
        else:
            value = f"<t:ExtendedProperty>{path(name)}<t:Value>{text(given)}</t:Value></t:ExtendedProperty>"
            fields.append(_set(update.element, path(name), value))
    return "".join(fields)


def _set(element: str, field_path: str, value: str) -> str:
    return f"<t:SetFolderField>{field_path}<t:{element}>{value}</t:{element}></t:SetFolderField>"
