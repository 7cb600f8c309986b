"""GetFolder ([MS-OXWSFOLD] 3.1.4.6): who may do what in folders, and their other properties."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lxml import etree

from ..errors import EwsError
from ..folder_permissions import read_permission_set
from ..folder_properties import PROPERTIES, path
from ..names import M, T
from ..shapes import folder_id, read_extended
from ..soap import Element, check, child
from ..values import FolderSettings
from .operation import Operation

LIMIT = 100
"""Folders that a request should ask for, at most."""


@dataclass(frozen=True)
class GetFolderSettings(Operation["list[FolderSettings | EwsError]"]):
    """Answers the settings or an error for each folder, in the order asked."""

    folders: tuple[str, ...]
    name = "GetFolder"

    def body(self, _newer: bool, /) -> str:
        return (
            "<m:GetFolder><m:FolderShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties>"
            f'<t:FieldURI FieldURI="folder:PermissionSet"/>{"".join(path(each) for each in PROPERTIES)}'
            "</t:AdditionalProperties></m:FolderShape>"
            f"<m:FolderIds>{''.join(folder_id(each) for each in self.folders)}</m:FolderIds></m:GetFolder>"
        )

    def answer(self, messages: Sequence[Element], /) -> list[FolderSettings | EwsError]:
        return [check(message) or _settings(child(message, f"{M}Folders")[0]) for message in messages]


def _settings(folder: Element) -> FolderSettings:
    told = folder.find(f"{T}PermissionSet")
    permissions, unknown = (None, []) if told is None else read_permission_set(told)
    found = read_extended(folder)
    properties = {name: found[tag] for name, (tag, _) in PROPERTIES.items() if tag in found}
    return FolderSettings(etree.QName(folder).localname, permissions, unknown, properties)
