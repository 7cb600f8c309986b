"""The folder tree of a mailbox."""

# ruff: noqa: S608 - statements are put together from names of this package only

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from isthmus_lab.mapi import fasttransfer, tags
from isthmus_lab.mapi.bag import Bag, Value, now
from isthmus_lab.mapi.tags import PropertyKey
from isthmus_lab.store.errors import (
    FolderExistsError,
    NotAllowedError,
    NotFoundError,
    StaleChangeKeyError,
    StoreError,
)
from isthmus_lab.store.model import Delete, Event, EventKind, Folder

if TYPE_CHECKING:
    from isthmus_lab.store.mailbox import Mailbox

_SELECT = """
    SELECT number, change, parent, role, name, container_class, total, unread, associated,
        (SELECT count(*) FROM folder AS child WHERE child.parent = folder.number), size, created, modified,
        max(committed, modified), deleted, properties
    FROM folder
"""
_BELOW = """
    WITH RECURSIVE below (number, depth) AS (
        SELECT number, 1 FROM folder WHERE parent = ?
        UNION ALL SELECT folder.number, depth + 1 FROM folder JOIN below ON folder.parent = below.number
    )
"""


class Folders:
    """`mailbox.folders`. Methods raise NotFoundError for an unknown folder."""

    def __init__(self, mailbox: "Mailbox") -> None:
        self._mailbox = mailbox

    def get(self, folder_id: bytes) -> Folder:
        """The folder with its counts."""
        return self.by_number(self._mailbox.ids.folder_number(folder_id))

    def by_number(self, number: int) -> Folder:
        """For the parts of this package: the folder of that number."""
        for record in self._mailbox.sql(f"{_SELECT} WHERE number = ?", (number,)):
            return self._folder(record)
        raise NotFoundError(f"folder {number} does not exist in mailbox {self._mailbox.guid}")

    def role(self, role: str) -> Folder:
        """The distinguished folder of an EWS DistinguishedFolderId: "inbox", "recoverableitemsdeletions"."""
        for record in self._mailbox.sql(f"{_SELECT} WHERE role = ?", (role,)):
            return self._folder(record)
        raise NotFoundError(f"mailbox {self._mailbox.guid} has no distinguished folder {role!r}")

    def find(self, parent_id: bytes, name: str) -> Folder | None:
        """The child of that name, upper and lower case alike."""
        parent = self._number(parent_id)
        for record in self._mailbox.sql(f"{_SELECT} WHERE parent = ? AND folded = ?", (parent, name.casefold())):
            return self._folder(record)
        return None

    def children(self, folder_id: bytes, *, deep: bool = False) -> list[Folder]:
        """Direct children by name, or the whole subtree with parents before children."""
        number = self._number(folder_id)
        if deep:
            statement = f"{_BELOW} {_SELECT} JOIN below USING (number) ORDER BY depth, folded"
        else:
            statement = f"{_SELECT} WHERE parent = ? ORDER BY folded"
        return [self._folder(record) for record in self._mailbox.sql(statement, (number,))]

    def create(
        self,
        parent_id: bytes,
        name: str,
        container_class: str = "IPF.Note",
        properties: Mapping[PropertyKey, Value] | None = None,
    ) -> Folder:
        """A new folder; FolderExistsError when the parent has one of that name."""
        content = fasttransfer.encode(Bag(dict(properties or {})))
        with self._mailbox.transaction():
            parent = self._number(parent_id)
            self._free_name(parent, name)
            number, moment = self._mailbox.next_number(), now()
            if self._mailbox.public:  # its content is where its parent's is
                kept = self.by_number(parent).properties[tags.PidTagReplicaList]
                content = fasttransfer.encode(Bag({tags.PidTagReplicaList: kept, **(properties or {})}))
            self._mailbox.sql(
                "INSERT INTO folder (number, parent, name, folded, container_class, properties, change, created,"
                " modified) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (number, parent, name, name.casefold(), container_class, content, number, moment, moment),
            )
            self._mailbox.permissions.inherit(number, parent)
            self._tell(EventKind.CREATED, number, parent)
            return self.by_number(number)

    def committed(self, events: Iterable[Event]) -> None:
        """For the parts of this package: notes in which folders a transaction changed items, and when."""
        moment = now()
        of_items = [event for event in events if event.item_id is not None]
        touched = {event.parent_id for event in of_items}
        touched |= {event.old_parent_id for event in of_items if event.kind is EventKind.MOVED and event.old_parent_id}
        for folder in touched:
            number = self._mailbox.ids.folder_number(folder)
            self._mailbox.sql("UPDATE folder SET committed = ? WHERE number = ?", (moment, number))

    def path(self, parent_id: bytes, names: list[str], container_class: str = "IPF.Note") -> Folder:
        """The folder at that path below the parent; what is missing is created."""
        with self._mailbox.transaction():
            folder = self.get(parent_id)
            for name in names:
                folder = self.find(folder.id, name) or self.create(folder.id, name, container_class)
            return folder

    def update(
        self,
        folder_id: bytes,
        *,
        name: str | None = None,
        container_class: str | None = None,
        properties: Mapping[PropertyKey, Value | None] | None = None,
        change_key: bytes | None = None,
    ) -> Folder:
        """Renames it, sets properties or (None) takes them away. StaleChangeKeyError if `change_key` is not its own."""
        with self._mailbox.transaction():
            folder = self.get(folder_id)
            if change_key is not None and change_key != folder.change_key:
                raise StaleChangeKeyError(f"folder {folder.name!r} has changed in the meantime; read it again")
            if name is not None and name != folder.name:
                if folder.role:
                    raise NotAllowedError(f"{folder.name!r} is a distinguished folder and keeps its name")
                if name.casefold() != folder.name.casefold():
                    self._free_name(self._number(folder.parent_id or b""), name)
            bag = Bag(folder.properties)
            bag.set(properties or {})
            name = folder.name if name is None else name
            number = self._number(folder_id)
            self._mailbox.sql(
                "UPDATE folder SET name = ?, folded = ?, container_class = ?, properties = ?, change = ?, modified = ?"
                " WHERE number = ?",
                (
                    name,
                    name.casefold(),
                    folder.container_class if container_class is None else container_class,
                    fasttransfer.encode(bag),
                    self._mailbox.next_number(),
                    now(),
                    number,
                ),
            )
            changed = self.by_number(number)
            self._tell(EventKind.MODIFIED, number, self._parent(changed))
            return changed

    def move(self, folder_id: bytes, parent_id: bytes) -> Folder:
        """Below another parent; the id stays. NotAllowedError for distinguished folders and into itself."""
        with self._mailbox.transaction():
            folder, parent = self.get(folder_id), self._number(parent_id)
            self._movable(folder, parent)
            if self._parent(folder) == parent:
                return folder
            self._free_name(parent, folder.name)
            return self._reparent(folder, parent, folder.name)

    def copy(self, folder_id: bytes, parent_id: bytes) -> Folder:
        """The folder with everything below it once more; FolderExistsError when the name is taken there."""
        with self._mailbox.transaction():
            source = self.get(folder_id)
            self._outside(source, self._number(parent_id))
            copy = self.create(parent_id, source.name, source.container_class, source.properties)
            self._mailbox.items.copy_all(self._number(source.id), self._number(copy.id))
            for child in self.children(source.id):
                self.copy(child.id, copy.id)
            return self.get(copy.id)

    def delete(self, folder_id: bytes, how: Delete) -> None:
        """With everything below: MOVE puts it into Deleted Items (numbered if the name is taken), else it is gone; SOFT
        keeps its normal items among the recoverable ones, and so does MOVE for what lies in Deleted Items already.
        """
        with self._mailbox.transaction():
            folder, deleted = self.get(folder_id), self.role("deleteditems")
            bin_number = self._number(deleted.id)
            self._movable(folder, bin_number)
            if how is Delete.MOVE and not self.is_below(self._number(folder_id), bin_number):
                name, count = folder.name, 0
                while self.find(deleted.id, name):
                    count += 1
                    name = f"{folder.name} ({count})"
                self._reparent(folder, bin_number, name)
                return
            for child in reversed([folder, *self.children(folder_id, deep=True)]):
                self._remove(child, Delete.HARD if how is Delete.HARD else Delete.SOFT)

    def empty(self, folder_id: bytes, how: Delete, *, subfolders: bool = False) -> None:
        """Deletes all normal items, and with `subfolders` all folders below."""
        with self._mailbox.transaction():
            self._mailbox.items.delete_all(self._number(folder_id), how)
            for child in self.children(folder_id) if subfolders else ():
                self.delete(child.id, how)

    def is_below(self, number: int, ancestor: int) -> bool:
        """For the parts of this package: a folder is another one or lies somewhere below it."""
        return number == ancestor or number in self.numbers_below(ancestor)

    def numbers_below(self, number: int) -> set[int]:
        """For the parts of this package: all folders below one."""
        return {below for (below,) in self._mailbox.sql(f"{_BELOW} SELECT number FROM below", (number,))}

    def changed_since(self, numbers: Iterable[int], change: int) -> list[Folder]:
        """For the parts of this package: those of the folders that changed after a change number."""
        records = self._mailbox.sql(f"{_SELECT} WHERE change > ?", (change,))
        wanted = set(numbers)
        return [self._folder(record) for record in records if record[0] in wanted]

    def counted(self, events: list[Event]) -> list[Event]:
        """For the parts of this package: what item events mean for the counts of their folders."""
        ids = self._mailbox.ids
        touched = {folder for event in events if event.item_id for folder in (event.parent_id, event.old_parent_id)}
        numbers = sorted(ids.folder_number(folder) for folder in touched if folder)
        moment = now()
        return [
            Event(
                self._mailbox.guid,
                EventKind.MODIFIED,
                moment,
                ids.folder(number),
                ids.folder(parent or 0),
                None,
                unread=unread,
            )
            for number in numbers
            for parent, unread in self._mailbox.sql("SELECT parent, unread FROM folder WHERE number = ?", (number,))
        ]

    # Within

    def _number(self, folder_id: bytes) -> int:
        number = self._mailbox.ids.folder_number(folder_id)
        if not self._mailbox.sql("SELECT 1 FROM folder WHERE number = ?", (number,)):
            raise NotFoundError(f"folder {number} does not exist in mailbox {self._mailbox.guid}")
        return number

    def _parent(self, folder: Folder) -> int:
        return self._mailbox.ids.folder_number(folder.parent_id) if folder.parent_id else 0

    def _folder(self, record: tuple[Any, ...]) -> Folder:
        number, change, parent, role, name, container_class, *counts, properties = record
        ids = self._mailbox.ids
        total, unread, associated, children, size, created, modified, committed, deleted = counts
        return Folder(
            ids.folder(number),
            ids.xid(change),
            None if parent is None else ids.folder(parent),
            role,
            name,
            container_class,
            total,
            unread,
            associated,
            children,
            size,
            created,
            modified,
            committed,
            deleted,
            fasttransfer.decode(properties).properties,
        )

    def _free_name(self, parent: int, name: str) -> None:
        if not name:
            raise StoreError("a folder needs a name")
        taken = "SELECT name FROM folder WHERE parent = ? AND folded = ?"
        for (other,) in self._mailbox.sql(taken, (parent, name.casefold())):
            raise FolderExistsError(f"there is a folder {other!r} already")

    def _movable(self, folder: Folder, parent: int) -> None:
        if folder.role:
            raise NotAllowedError(f"{folder.name!r} is a distinguished folder and stays where it is")
        self._outside(folder, parent)

    def _outside(self, folder: Folder, parent: int) -> None:
        if self.is_below(parent, self._number(folder.id)):
            raise NotAllowedError(f"{folder.name!r} cannot go below itself")

    def _reparent(self, folder: Folder, parent: int, name: str) -> Folder:
        number = self._number(folder.id)
        self._mailbox.sql(
            "UPDATE folder SET parent = ?, name = ?, folded = ?, change = ?, modified = ? WHERE number = ?",
            (parent, name, name.casefold(), self._mailbox.next_number(), now(), number),
        )
        self._tell(EventKind.MOVED, number, parent, self._parent(folder))
        return self.by_number(number)

    def _remove(self, folder: Folder, how: Delete) -> None:
        number = self._number(folder.id)
        self._mailbox.items.delete_all(number, how, associated=True)
        self._mailbox.sql("DELETE FROM tombstone WHERE folder = ?", (number,))
        self._mailbox.sql("DELETE FROM permission WHERE folder = ?", (number,))
        self._mailbox.sql("DELETE FROM folder WHERE number = ?", (number,))
        self._mailbox.next_number()  # so that a hierarchy's state made before is older than this
        self._tell(EventKind.DELETED, number, self._parent(folder))

    def _tell(self, kind: EventKind, number: int, parent: int, old_parent: int | None = None) -> None:
        ids = self._mailbox.ids
        self._mailbox.tell(
            Event(
                self._mailbox.guid,
                kind,
                now(),
                ids.folder(number),
                ids.folder(parent),
                None,
                old_parent_id=None if old_parent is None else ids.folder(old_parent),
            )
        )
