"""What changed since a sync state: SyncFolderHierarchy and SyncFolderItems.

Numbers of items and of changes come from one rising counter. An item's number is given when it comes into its folder,
its change whenever something happens to it. A client that has been told everything up to a number `base` knows just the
items with number <= base. It is brought up to date in two parts, page by page, while changes go on:
    1. what it knows and what changed after base, in the order of change: deletions, updates, read flags.
       When nothing is left of these, `high` is set to the counter.
    2. the items with base < number <= high, newest first, as they are now. Then base is high.
An item that goes before its turn in part 2 is told as a deletion later, which means nothing to the client.
"""

import struct
import zlib
from typing import TYPE_CHECKING, NamedTuple

from isthmus_lab.store.errors import InvalidSyncStateError
from isthmus_lab.store.items import SELECT
from isthmus_lab.store.model import ChangeKind, FolderChanges, ItemChange, ItemChanges

if TYPE_CHECKING:
    from isthmus_lab.store.mailbox import Mailbox

_ITEMS = struct.Struct("<4s16sQBQQQI")
_FOLDERS = struct.Struct("<4s16sQQI")


class _Place(NamedTuple):
    base: int
    place: int  # the last change told in part 1, the last number told in part 2
    high: int  # 0 in part 1


class Sync:
    """`mailbox.sync`. A state is opaque bytes, b"" to begin with; InvalidSyncStateError for one of something else.

    `reach` says of how many changes of the mailbox a state may know nothing; one that is older has expired, which is
    the same error.
    """

    def __init__(self, mailbox: "Mailbox") -> None:
        self._mailbox = mailbox

    def items(
        self,
        folder_id: bytes,
        state: bytes,
        *,
        limit: int = 512,
        normal: bool = True,
        associated: bool = False,
        reach: int | None = None,
    ) -> ItemChanges:
        """At most `limit` changes of the folder's items since the state, which belongs to the folder and the scopes.

        Deletions, updates and read flags come first, then new items, newest first.
        """
        scopes = [scope for scope, wanted in ((0, normal), (1, associated)) if wanted]
        changes: list[ItemChange] = []
        with self._mailbox.lock:
            folder = self._mailbox.ids.folder_number(self._mailbox.folders.get(folder_id).id)
            at = self._unpack(state, folder, scopes)
            if state:
                self._hold(max(at.base, at.high or at.place), reach)
            while True:
                part, room = self._came if at.high else self._changed, limit - len(changes)
                told = part(folder, scopes, at, room + 1)
                changes += [change for _, change in told[:room]]
                if len(told) > room:
                    at = at._replace(place=told[room - 1][0] if room else at.place)
                    return ItemChanges(changes, self._pack(folder, scopes, at), last=False)
                now = self._mailbox.last_number
                if not at.high:
                    at = _Place(at.base, now + 1, now)
                elif at.high == now:
                    return ItemChanges(changes, self._pack(folder, scopes, _Place(now, now, 0)), last=True)
                else:  # more has happened since part 2 began
                    at = _Place(at.high, at.high, 0)

    def _changed(self, folder: int, scopes: list[int], at: _Place, limit: int) -> list[tuple[int, ItemChange]]:
        """What the client knows and what changed after the place reached, by change number."""
        found: list[tuple[int, ItemChange]] = []
        window = (at.place, at.base, limit)
        items = SELECT.replace(" FROM", ", content_change FROM")
        for scope in scopes:
            for *record, content_change in self._mailbox.sql(
                f"{items} WHERE folder = ? AND associated = ? AND change > ? AND number <= ? ORDER BY change LIMIT ?",
                (folder, scope, *window),
            ):
                row = self._mailbox.items.from_record(tuple(record))
                kind = ChangeKind.UPDATE if content_change > at.base else ChangeKind.READ_FLAG
                found.append((record[1], ItemChange(kind, row.id, row)))
            for change, number in self._mailbox.sql(
                "SELECT change, number FROM tombstone WHERE folder = ? AND associated = ? AND change > ?"
                " AND number <= ? ORDER BY change LIMIT ?",
                (folder, scope, *window),
            ):
                found.append((change, ItemChange(ChangeKind.DELETE, self._mailbox.ids.item(folder, number), None)))
        return sorted(found, key=lambda pair: pair[0])[:limit]

    def _came(self, folder: int, scopes: list[int], at: _Place, limit: int) -> list[tuple[int, ItemChange]]:
        """Items new to the client below the place reached, newest first."""
        found: list[tuple[int, ItemChange]] = []
        for scope in scopes:
            for record in self._mailbox.sql(
                f"{SELECT} WHERE folder = ? AND associated = ? AND number > ? AND number < ?"
                " ORDER BY number DESC LIMIT ?",
                (folder, scope, at.base, at.place, limit),
            ):
                row = self._mailbox.items.from_record(record)
                found.append((record[0], ItemChange(ChangeKind.CREATE, row.id, row)))
        return sorted(found, key=lambda pair: -pair[0])[:limit]

    def _pack(self, folder: int, scopes: list[int], at: _Place) -> bytes:
        fields = (b"ITM1", self._mailbox.guid.bytes, folder, _bits(scopes), *at)
        return _ITEMS.pack(*fields, zlib.crc32(repr(fields).encode()))

    def _unpack(self, state: bytes, folder: int, scopes: list[int]) -> _Place:
        if not state:
            return _Place(0, 0, 0)
        if len(state) != _ITEMS.size:
            raise InvalidSyncStateError("not a sync state of this server; begin with an empty one")
        *fields, check = _ITEMS.unpack(state)
        at = _Place(*fields[4:])
        belongs = fields[:4] == [b"ITM1", self._mailbox.guid.bytes, folder, _bits(scopes)]
        if not belongs or zlib.crc32(repr(tuple(fields)).encode()) != check or at.base > self._mailbox.last_number:
            raise InvalidSyncStateError("the sync state is damaged or of another folder; begin with an empty one")
        return at

    def _hold(self, since: int, reach: int | None) -> None:
        if reach is not None and self._mailbox.last_number - since > reach:
            raise InvalidSyncStateError(f"the sync state knows nothing of the last {reach} changes; begin anew")

    def folders(self, folder_id: bytes, state: bytes, *, reach: int | None = None) -> FolderChanges:
        """Folders created, updated, deleted below `folder_id` since the state.

        The state holds the folders the client knows, so one that is moved out of the tree is deleted for it, and one
        that is moved into it is new.
        """
        with self._mailbox.lock:
            ids, folders = self._mailbox.ids, self._mailbox.folders
            top = ids.folder_number(folders.get(folder_id).id)
            since, known = self._unpack_folders(state, top)
            if state:
                self._hold(since, reach)
            present = folders.numbers_below(top)
            gone = known - present
            created = (
                [f for f in folders.children(folder_id, deep=True) if ids.folder_number(f.id) not in known]
                if (present - known)
                else []
            )
            updated = folders.changed_since(present & known, since)
            upto = self._mailbox.last_number
        head = (b"FLD1", self._mailbox.guid.bytes, top, upto)
        packed = zlib.compress(struct.pack(f"<{len(present)}Q", *sorted(present)))
        return FolderChanges(
            created,
            updated,
            [ids.folder(number) for number in sorted(gone, reverse=True)],
            _FOLDERS.pack(*head, zlib.crc32(repr(head).encode() + packed)) + packed,
        )

    def _unpack_folders(self, state: bytes, top: int) -> tuple[int, set[int]]:
        if not state:
            return 0, set()
        if len(state) < _FOLDERS.size:
            raise InvalidSyncStateError("not a sync state of this server; begin with an empty one")
        *head, check = _FOLDERS.unpack_from(state)
        packed = state[_FOLDERS.size :]
        kind, guid, of_folder, since = head
        belongs = (kind, guid, of_folder) == (b"FLD1", self._mailbox.guid.bytes, top)
        if zlib.crc32(repr(tuple(head)).encode() + packed) != check or not belongs or since > self._mailbox.last_number:
            raise InvalidSyncStateError("the sync state is damaged or of another folder; begin with an empty one")
        numbers = zlib.decompress(packed)
        return since, set(struct.unpack(f"<{len(numbers) // 8}Q", numbers))


def _bits(scopes: list[int]) -> int:
    return sum(1 << scope for scope in scopes)
