"""The items of a mailbox."""

# ruff: noqa: S608 - statements are put together from names of this package only

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from isthmus_lab.mapi import fasttransfer, tags
from isthmus_lab.mapi.bag import Attachment, Bag, Properties, Value, now
from isthmus_lab.mapi.tags import PropertyKey
from isthmus_lab.store import columns, completion, contents
from isthmus_lab.store.contents import Pieces
from isthmus_lab.store.errors import NotFoundError
from isthmus_lab.store.model import Delete, Event, EventKind, Item, Page, Row
from isthmus_lab.store.restriction import Restriction, order, where

if TYPE_CHECKING:
    from isthmus_lab.store.mailbox import Mailbox

SELECT = f"SELECT number, change, folder, associated, {columns.VALUES} FROM item"
# OR FAIL: nothing has to be taken back of one row, so SQLite keeps no copy of the pages that it writes.
_INSERT = (
    f"INSERT OR FAIL INTO item (number, change, content_change, content, folder, associated, {columns.VALUES})"
    f" VALUES ({', '.join('?' * (6 + columns.VALUE_COUNT))})"
)
_COPY = (
    f"INSERT INTO item (number, change, content_change, content, folder, associated, {columns.VALUES})"
    f" SELECT ?, ?, ?, ?, ?, associated, {columns.VALUES.replace('deleted', '0')} FROM item WHERE number = ?"
)
_UPDATE = (
    f"UPDATE item SET (change, content_change, content, {columns.VALUES})"
    f" = ({', '.join('?' * (3 + columns.VALUE_COUNT))}) WHERE number = ?"
)
_CONTENT = "SELECT content, message_flags FROM item WHERE number = ? AND folder = ?"


class Items:
    """`mailbox.items`. Methods raise NotFoundError for an unknown item or folder.

    One call is one transaction, unless it is inside `mailbox.transaction()`.
    """

    def __init__(self, mailbox: "Mailbox") -> None:
        self._mailbox = mailbox
        self._ids = mailbox.ids

    # Coming in

    def add(self, folder_id: bytes, bag: Bag, *, associated: bool = False, delivered: bool = False) -> Row:
        """Saves a new item. What a server adds is added to `bag` if missing: search key, creation and modification
        time, message flags, class. `delivered` makes it new mail: delivery time now, unread, NewMail event.
        """
        completion.complete(bag, now(), associated=associated, delivered=delivered)
        return self._insert(folder_id, bag, (fasttransfer.encode(bag),), associated, delivered)

    def upload(self, folder_id: bytes, content: bytes, *, associated: bool = False) -> Row:
        """Saves an exported item as it is, with the search key and times it has. ValueError for a broken stream."""
        bag, kept = completion.uploaded(content, now(), associated=associated)
        return self._insert(folder_id, bag, kept, associated, delivered=False)

    def upload_over(self, item_id: bytes, content: bytes) -> Row:
        """Replaces an item's content by an exported one (UploadItems Update); the id stays, the change key is new."""
        with self._mailbox.transaction():
            row = self.row(item_id)
            bag, kept = completion.uploaded(content, now(), associated=row.associated)
            return self._replace(row, bag, kept)

    # Reading

    def row(self, item_id: bytes) -> Row:
        """The item's columns without its content."""
        folder, number = self._ids.item_numbers(item_id)
        for record in self._mailbox.sql(f"{SELECT} WHERE number = ? AND folder = ?", (number, folder)):
            return self.from_record(record)
        raise NotFoundError(f"item {number} does not exist in folder {folder} of mailbox {self._mailbox.guid}")

    def rows(self, item_ids: Sequence[bytes]) -> list[Row | None]:
        """Many at once, None for one that is not there."""
        with self._mailbox.lock:
            return [self._row_or_none(item_id) for item_id in item_ids]

    def get(self, item_id: bytes) -> Item:
        """The item with its bag; PidTagMessageFlags in it is up to date."""
        with self._mailbox.lock:
            return Item(self.row(item_id), fasttransfer.decode(self.content(item_id)))

    def content(self, item_id: bytes) -> bytes:
        """The item's FastTransfer stream, as ExportItems gives it."""
        folder, number = self._ids.item_numbers(item_id)
        with self._mailbox.lock:
            for content, flags in self._mailbox.sql(_CONTENT, (number, folder)):
                return completion.with_flags(self._mailbox.contents.get(content), flags)
        raise NotFoundError(f"item {number} does not exist in folder {folder} of mailbox {self._mailbox.guid}")

    def contents(self, item_ids: Iterable[bytes]) -> Iterator[bytes | None]:
        """Many streams one after the other, None for an item that is not there."""
        for item_id in item_ids:
            try:
                yield self.content(item_id)
            except NotFoundError:
                yield None

    def find(
        self,
        folders: bytes | Sequence[bytes],
        restriction: Restriction | None = None,
        *,
        sort: Sequence[tuple[PropertyKey, bool]] = (),
        offset: int = 0,
        limit: int | None = None,
        associated: bool = False,
    ) -> Page:
        """A part of the contents of a folder, or of several together. `sort` holds (property, descending); newest
        received first without.
        """
        values: list[object] = []
        with self._mailbox.lock:
            matching = self._matching(folders, restriction, associated, values)
            if restriction is None and isinstance(folders, bytes):
                folder = self._mailbox.folders.get(folders)
                total = folder.associated if associated else folder.total
            else:
                total = self._mailbox.sql(f"SELECT count(*) {matching}", values)[0][0]
            statement = (
                f"{SELECT.removesuffix(' FROM item')} {matching} ORDER BY {_order(sort, values)} LIMIT ? OFFSET ?"
            )
            records = self._mailbox.sql(statement, [*values, -1 if limit is None else limit, offset])
        rows = [self.from_record(record) for record in records]
        return Page(rows, offset, total, offset + len(rows) >= total)

    def position(
        self,
        folders: bytes | Sequence[bytes],
        condition: Restriction,
        restriction: Restriction | None = None,
        *,
        sort: Sequence[tuple[PropertyKey, bool]] = (),
        associated: bool = False,
        last: bool = False,
    ) -> int | None:
        """Where in what `find` gives the first (or last) item is that meets a condition; None when there is none."""
        values: list[object] = []
        meets = where(condition, values)
        by = _order(sort, values)
        places = f"SELECT {meets} AS meets, row_number() OVER (ORDER BY {by}) - 1 AS place"
        places += f" {self._matching(folders, restriction, associated, values)}"
        chosen = "max" if last else "min"
        [(place,)] = self._mailbox.sql(f"SELECT {chosen}(place) FROM ({places}) WHERE meets", values)
        return None if place is None else int(place)

    def search(self, restriction: Restriction, *, limit: int = 100) -> list[Row]:
        """Normal items anywhere in the mailbox that match (search key, message id)."""
        values: list[object] = []
        statement = f"{SELECT} WHERE {where(restriction, values)} AND associated = 0 LIMIT ?"
        return [self.from_record(record) for record in self._mailbox.sql(statement, [*values, limit])]

    def holding(self, folder_id: bytes, data: bytes) -> list[Row]:
        """Normal items of a folder in whose content these bytes stand somewhere: a quick choice before reading them."""
        statement = f"{SELECT} WHERE folder = ? AND associated = 0 AND instr({contents.OF_ITEM}, ?) > 0"
        records = self._mailbox.sql(statement, (self._ids.folder_number(folder_id), data))
        return [self.from_record(record) for record in records]

    def topics(self) -> list[str]:
        """The conversation topics of all items, each once."""
        return [topic for (topic,) in self._mailbox.sql("SELECT DISTINCT conversation_topic FROM item")]

    # Changing

    def update(
        self,
        item_id: bytes,
        properties: Mapping[PropertyKey, Value | None] | None = None,
        *,
        recipients: list[Properties] | None = None,
        attachments: list[Attachment] | None = None,
    ) -> Row:
        """Sets properties or (None) takes them away; recipients and attachments, when given, replace all.

        Sets the modification time.
        """
        with self._mailbox.transaction():
            row, bag = self.get(item_id)
            bag.set({tags.PidTagLastModificationTime: now(), **(properties or {})})
            bag.recipients = bag.recipients if recipients is None else recipients
            bag.attachments = bag.attachments if attachments is None else attachments
            completion.complete(bag, now(), associated=row.associated)
            return self._replace(row, bag, (fasttransfer.encode(bag),))

    def set_read(self, item_ids: Iterable[bytes], read: bool) -> list[Row]:
        """Marks as read or unread, not touching the modification time; an item that is so already stays unchanged."""
        with self._mailbox.transaction():
            return [self._set_read(self.row(item_id), read) for item_id in item_ids]

    def move(self, item_ids: Iterable[bytes], folder_id: bytes) -> list[Row]:
        """Into another folder, with new ids and the old search keys."""
        with self._mailbox.transaction():
            target = self._folder(folder_id)
            return [self._move(self.row(item_id), target) for item_id in item_ids]

    def copy(self, item_ids: Iterable[bytes], folder_id: bytes) -> list[Row]:
        """Once more, with new ids and the same search keys ([MS-OXCPRPT] 2.2.1.9)."""
        with self._mailbox.transaction():
            target = self._folder(folder_id)
            return [self._copy(self.row(item_id), target) for item_id in item_ids]

    def delete(self, item_ids: Iterable[bytes], how: Delete) -> list[Row | None]:
        """For each its row in Deleted Items or the recoverable items, None once gone. What lies in Deleted Items
        already becomes recoverable with MOVE, what is recoverable already is gone with any of the three.
        """
        with self._mailbox.transaction():
            rows = [self.row(item_id) for item_id in item_ids]
            places = {folder: self._place(folder, how) for folder in {row.folder_id for row in rows}}
            return [self._delete(row, places[row.folder_id]) for row in rows]

    # For the parts of this package

    def from_record(self, record: tuple[Any, ...]) -> Row:
        number, change, folder, associated = record[:4]
        ids, *values, has_attachments, recurring = self._ids, *record[4:]
        head = (ids.item(folder, number), ids.xid(change), ids.folder(folder), number, associated == 1)
        return Row._make((*head, *values, has_attachments == 1, recurring == 1))

    def copy_all(self, folder: int, target: int) -> None:
        """All items of a folder once more in another one."""
        for row in self._all(folder, associated=True):
            self._copy(row, target)

    def delete_all(self, folder: int, how: Delete, *, associated: bool = False) -> None:
        """All normal items of a folder, and with `associated` those too, which are gone at once."""
        place = self._place(self._ids.folder(folder), how)
        for row in self._all(folder, associated):
            self._delete(row, None if row.associated else place)

    # Within

    def _matching(
        self,
        folders: bytes | Sequence[bytes],
        restriction: Restriction | None,
        associated: bool,
        values: list[object],
    ) -> str:
        numbers = [self._ids.folder_number(each) for each in ([folders] if isinstance(folders, bytes) else folders)]
        values += (*numbers, associated)
        matching = f"FROM item WHERE folder IN ({', '.join('?' * len(numbers))}) AND associated = ?"
        return matching if restriction is None else f"{matching} AND {where(restriction, values)}"

    def _all(self, folder: int, associated: bool) -> list[Row]:
        records = self._mailbox.sql(f"{SELECT} WHERE folder = ? AND associated <= ?", (folder, associated))
        return [self.from_record(record) for record in records]

    def _folder(self, folder_id: bytes) -> int:
        number = self._ids.folder_number(folder_id)
        if not self._mailbox.sql("SELECT 1 FROM folder WHERE number = ?", (number,)):
            raise NotFoundError(f"folder {number} does not exist in mailbox {self._mailbox.guid}")
        return number

    def _row_or_none(self, item_id: bytes) -> Row | None:
        try:
            return self.row(item_id)
        except NotFoundError:
            return None

    def _insert(self, folder_id: bytes, bag: Bag, content: Pieces, associated: bool, delivered: bool) -> Row:
        described = columns.values(bag, sum(map(len, content)))
        with self._mailbox.joined():
            folder, number = self._folder(folder_id), self._mailbox.next_number()
            self._mailbox.contents.add(number, content)
            self._mailbox.sql(_INSERT, (number, number, number, number, folder, associated, *described))
            row = self.from_record((number, number, folder, associated, *described))
            self._tell(EventKind.CREATED, row)
            if delivered:
                self._tell(EventKind.NEW_MAIL, row)
        return row

    def _replace(self, row: Row, bag: Bag, content: Pieces) -> Row:
        described = columns.values(bag, sum(map(len, content)))
        change, folder = self._mailbox.next_number(), self._ids.folder_number(row.folder_id)
        self._mailbox.contents.delete(self._content(row))
        self._mailbox.contents.add(change, content)
        self._mailbox.sql(_UPDATE, (change, change, change, *described, row.number))
        changed = self.from_record((row.number, change, folder, row.associated, *described))
        self._tell(EventKind.MODIFIED, changed)
        return changed

    def _set_read(self, row: Row, read: bool) -> Row:
        if row.is_read == read:
            return row
        flags, change = row.message_flags ^ tags.MSGFLAG_READ, self._mailbox.next_number()
        self._mailbox.sql("UPDATE item SET change = ?, message_flags = ? WHERE number = ?", (change, flags, row.number))
        changed = row._replace(change_key=self._ids.xid(change), message_flags=flags)
        self._tell(EventKind.MODIFIED, changed)
        return changed

    def _move(self, row: Row, target: int, *, deleted: int = 0) -> Row:
        number = self._mailbox.next_number()
        self._bury(row)
        self._mailbox.sql(
            "UPDATE item SET number = ?, change = ?, content_change = ?, folder = ?, deleted = ? WHERE number = ?",
            (number, number, number, target, deleted, row.number),
        )
        moved = self._elsewhere(row._replace(deleted=deleted), target, number)
        self._tell(EventKind.MOVED, moved, row)
        return moved

    def _copy(self, row: Row, target: int) -> Row:
        number = self._mailbox.next_number()
        self._mailbox.contents.add(number, (self._mailbox.contents.get(self._content(row)),))
        self._mailbox.sql(_COPY, (number, number, number, number, target, row.number))
        copied = self._elsewhere(row._replace(deleted=0), target, number)
        self._tell(EventKind.COPIED, copied, row)
        return copied

    def _elsewhere(self, row: Row, folder: int, number: int) -> Row:
        return row._replace(
            id=self._ids.item(folder, number),
            change_key=self._ids.xid(number),
            folder_id=self._ids.folder(folder),
            number=number,
        )

    def _place(self, folder_id: bytes, how: Delete) -> int | None:
        """The folder that deleted items of this folder go to, None if they are gone."""
        folders, number = self._mailbox.folders, self._ids.folder_number(folder_id)
        if how is Delete.HARD or folders.is_below(number, self._role("recoverableitemsroot")):
            return None
        if how is Delete.MOVE and not folders.is_below(number, self._role("deleteditems")):
            return self._role("deleteditems")
        return self._role("recoverableitemsdeletions")

    def _content(self, row: Row) -> int:
        return int(self._mailbox.sql("SELECT content FROM item WHERE number = ?", (row.number,))[0][0])

    def _role(self, role: str) -> int:
        return int(self._mailbox.sql("SELECT number FROM folder WHERE role = ?", (role,))[0][0])

    def _delete(self, row: Row, place: int | None) -> Row | None:
        if place is not None:
            recoverable = self._mailbox.folders.is_below(place, self._role("recoverableitemsroot"))
            return self._move(row, place, deleted=now() if recoverable else 0)
        self._bury(row)
        self._mailbox.contents.delete(self._content(row))
        self._mailbox.sql("DELETE FROM item WHERE number = ?", (row.number,))
        self._tell(EventKind.DELETED, row)
        return None

    def _bury(self, row: Row) -> None:
        """Leaves a tombstone: a client that knows the item hears of its end from SyncFolderItems."""
        self._mailbox.sql(
            "INSERT INTO tombstone (folder, associated, change, number) VALUES (?, ?, ?, ?)",
            (self._ids.folder_number(row.folder_id), row.associated, self._mailbox.next_number(), row.number),
        )

    def _tell(self, kind: EventKind, row: Row, before: Row | None = None) -> None:
        old_id, old_folder = (before.id, before.folder_id) if before else (None, None)
        self._mailbox.tell(
            Event(self._mailbox.guid, kind, now(), row.folder_id, row.folder_id, row.id, old_id, old_folder)
        )


def _order(sort: Sequence[tuple[PropertyKey, bool]], values: list[object]) -> str:
    """ORDER BY; newest received first without a sort order, and then what came last first."""
    by = [f"{order(key, values)} {'DESC' if descending else 'ASC'}" for key, descending in sort]
    return ", ".join([*(by or ["received DESC"]), "number DESC"])
