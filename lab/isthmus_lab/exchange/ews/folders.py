"""Fields of folders, and the folder elements made of them ([MS-OXWSFOLD])."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from isthmus_lab import schema
from isthmus_lab.mapi import tags
from isthmus_lab.mapi.tags import PropertyKey
from isthmus_lab.store import Ace, Folder, Rights

from . import extended, search_folders
from .errors import EwsError
from .ids import ObjectId
from .names import Element, child, elements, local, t, text
from .permissions import check_kind, folder_rights, joined, parse
from .permissions import show as show_permissions
from .rights import Access
from .shapes import folder_id, uri_of

_ELEMENTS: Final = {
    "IPF.Appointment": "CalendarFolder",
    "IPF.Contact": "ContactsFolder",
    "IPF.Task": "TasksFolder",
}
CLASSES: Final = {element: container for container, element in _ELEMENTS.items()} | {
    "Folder": "IPF.Note",
    "SearchFolder": "IPF.Note",
}
_WITH_UNREAD: Final = {"Folder", "SearchFolder", "TasksFolder"}
_DEFAULT: Final = {"FolderId", "DisplayName", "TotalCount", "ChildFolderCount", "UnreadCount"}
_ROLES: Final = schema.choices("DistinguishedFolderIdNameType")

# Properties that the folder itself answers, not what was set on it.
_OWN: Final[dict[PropertyKey, str]] = {
    tags.PidTagDisplayName: "name",
    tags.PidTagContainerClass: "container_class",
    tags.PidTagContentCount: "total",
    tags.PidTagContentUnreadCount: "unread",
    tags.PidTagAssociatedContentCount: "associated",
    tags.PidTagFolderChildCount: "children",
    tags.PidTagSubfolders: "children",
    tags.PidTagCreationTime: "created",
    tags.PidTagLastModificationTime: "modified",
    tags.PidTagLocalCommitTimeMax: "committed",
    tags.PidTagDeletedCountTotal: "deleted",
    tags.PidTagEntryId: "id",
    tags.PidTagParentEntryId: "parent_id",
    tags.PidTagChangeKey: "change_key",
}


@dataclass(frozen=True)
class FolderShape:
    """A FolderShape: IdOnly, Default or AllProperties, and what is asked for beyond it."""

    base: str
    uris: frozenset[str]
    properties: tuple[tuple[Element, PropertyKey], ...]
    _elements: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def parse(cls, node: Element | None) -> FolderShape:
        """Reads a FolderShape element."""
        if node is None:
            return cls("IdOnly", frozenset(), ())
        uris, properties = set[str](), list[tuple[Element, PropertyKey]]()
        for path in elements(child(node, "AdditionalProperties")):
            if local(path) == "ExtendedFieldURI":
                properties.append((path, extended.key_of(path)))
            else:
                uris.add(uri_of(path).rpartition(":")[2])
        return cls(text(node, "BaseShape") or "IdOnly", frozenset(uris), tuple(properties))

    def wants(self, element: str) -> bool:
        """Whether the shape has this element."""
        if element == "FolderId" or element in self.uris:
            return True
        if self.base == "AllProperties":
            return element != "PermissionSet"  # since Exchange 2013 it must be asked for by name
        return self.base == "Default" and element in _DEFAULT

    def elements(self, element: str) -> list[str]:
        """What of a folder shown as that element it has, in the order of the schema; ExtendedProperty always."""
        if element not in self._elements:
            names = schema.order(f"{element}Type")
            self._elements[element] = [each for each in names if each == "ExtendedProperty" or self.wants(each)]
        return self._elements[element]


def element_of(folder: Folder) -> str:
    """The element that shows a folder of its class, ``Folder`` for most."""
    if folder.is_search:
        return "SearchFolder"
    parts = folder.container_class.split(".")
    return _ELEMENTS.get(".".join(parts[:2]), "Folder")


def _role(access: Access, folder: Folder) -> str | None:
    """Its DistinguishedFolderId, which is a name in the caller's own mailbox or archive only."""
    if access.mailbox.public:
        return folder.role if folder.role == "publicfoldersroot" else None
    archive = access.mailbox.guid == access.person.archive
    if not archive and access.mailbox.guid != access.person.mailbox:
        return None
    role = f"archive{folder.role}" if archive else folder.role
    return role if role in _ROLES else None


def is_calendar(folder: Folder) -> bool:
    """Whether its permissions are those of a calendar."""
    return element_of(folder) == "CalendarFolder"


def value(folder: Folder, key: PropertyKey) -> Any:
    """A property of a folder, None when it has no such property."""
    if key == tags.PidTagSubfolders:
        return folder.children > 0
    if key == tags.PidTagFolderType:
        if folder.is_search:
            return 2
        return 1 if folder.parent_id is not None else 0
    return getattr(folder, _OWN[key]) if key in _OWN else folder.properties.get(key)


def show(access: Access, folder: Folder, shape: FolderShape) -> Element:
    """The folder's element, for somebody with this access to its mailbox."""
    mailbox = access.mailbox
    if folder.is_search and (shape.wants("TotalCount") or shape.wants("UnreadCount")):
        folder = search_folders.counted(mailbox, folder)
    element = element_of(folder)
    node = t(element)
    plain: dict[str, str | None] = {
        "FolderClass": folder.container_class or None,
        "DisplayName": folder.name,
        "TotalCount": str(folder.total),
        "ChildFolderCount": str(folder.children),
        "DistinguishedFolderId": _role(access, folder),
        "UnreadCount": str(folder.unread) if element in _WITH_UNREAD else None,
    }
    for name in shape.elements(element):
        if name == "ExtendedProperty":
            for path, key in shape.properties:
                found = value(folder, key)
                if found is not None:
                    node.append(extended.show(path, key, found))
        elif name == "FolderId":
            node.append(folder_id(mailbox.guid, folder))
        elif name == "ParentFolderId":
            if folder.parent_id is not None:
                node.append(t("ParentFolderId", Id=str(ObjectId(mailbox.guid, folder.parent_id))))
        elif name == "EffectiveRights":
            node.append(folder_rights(access, folder))
        elif name == "ReplicaList":
            if mailbox.public:
                node.append(t(name, t("String", folder.properties[tags.PidTagReplicaList][:36].decode())))
        elif name == "SearchParameters":
            node.append(search_folders.show(folder))
        elif name == "PermissionSet":
            if Rights.OWNER in access.on(folder):
                aces = mailbox.permissions.of(folder.id)
                node.append(show_permissions(aces, access.directory, calendar=is_calendar(folder)))
        elif plain.get(name) is not None:
            node.append(t(name, plain[name]))
    return node


@dataclass
class Wanted:
    """What a request sets on a folder, read from one folder element after the other."""

    name: str | None = None
    container_class: str | None = None
    properties: dict[PropertyKey, Any] = field(default_factory=dict)

    def take(self, node: Element) -> None:
        """Adds what a folder element sets."""
        self.name = text(node, "DisplayName") or self.name
        self.container_class = text(node, "FolderClass") or self.container_class
        for each in elements(node):
            if local(each) == "ExtendedProperty":
                key, found = extended.read(each)
                self.properties[key] = found
            elif local(each) not in ("DisplayName", "FolderClass", "PermissionSet", "SearchParameters"):
                raise EwsError("ErrorInvalidPropertySet", f"{local(each)} of a folder cannot be set.")


def set_permissions(access: Access, folder: Folder, node: Element | None, *, append: bool = False) -> None:
    """Puts what a PermissionSet element says in the place of a folder's list, or adds it to that; None empties it."""
    aces: list[Ace] = []
    if node is not None:
        check_kind(node, calendar=is_calendar(folder))
        before = access.mailbox.permissions.of(folder.id) if append else []
        aces = joined(before, parse(node, access.directory))
    access.mailbox.permissions.set(folder.id, aces)
