"""The contents of a mailbox's items: small ones in the database, large ones in a file beside it.

SQLite writes each byte twice, to its log and then to its place, and that is what uploads of large items would wait
for. So what does not fit on a page of the database goes to the end of `GUID.contents`, all of a transaction at
once, before the rows that say where it stands are committed. A content is never changed, an item gets another one.
The place of one that is gone is given back to the disk (the file is sparse) once that is committed. What the end of
the process left undone is done when the mailbox is opened: places are given back, and what no row knows at the end
of the file is cut off.
"""

import ctypes
import os
import sqlite3
from typing import TYPE_CHECKING, Final

from isthmus_lab.processor import PROCESSOR
from isthmus_lab.store.errors import StoreError

if TYPE_CHECKING:
    from isthmus_lab.store.mailbox import Mailbox

PAGE: Final = 16384  # bytes of the database's pages
_BLOCK: Final = 4096  # of the file system: a content begins at one, so that all of its place can be given back
_MOST, _MOST_BYTES = 340, 1 << 24  # contents and bytes that are written at once; the kernel takes 1024 pieces
_TABLES: Final = (
    "CREATE TABLE IF NOT EXISTS large (number INTEGER PRIMARY KEY, place INTEGER NOT NULL, length INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS freed (place INTEGER PRIMARY KEY, length INTEGER NOT NULL)",
)
Pieces = tuple[bytes | memoryview, ...]
"""One content, in one or two pieces that are written one behind the other."""
OF_ITEM: Final = (
    "coalesce((SELECT data FROM content WHERE content.number = item.content),"
    " (SELECT large_content(place, length) FROM large WHERE large.number = item.content))"
)
"""The content of a record of table item in SQL."""


class Contents:
    """`mailbox.contents`, for the parts of this package; only with the mailbox's lock held.

    What is added and deleted belongs to the mailbox's transaction, which says how that ended.
    """

    def __init__(self, mailbox: "Mailbox") -> None:
        self._mailbox = mailbox
        self._path = mailbox.path.with_suffix(".contents")
        self._file: int | None = None
        self._end = 0  # where the next large content goes
        self._unwritten: list[tuple[int, Pieces]] = []  # places and contents, one behind the other up to the end
        self._freed: list[tuple[int, int]] = []  # places and lengths that the transaction gave up

    def recover(self) -> None:
        """Finishes what an ended process left undone. StoreError when large contents are missing."""
        for table in _TABLES:
            self._mailbox.sql(table)
        needed = 0
        for place, length in self._mailbox.sql("SELECT place, length FROM large ORDER BY number DESC LIMIT 1"):
            needed = place + length
        there = self._path.stat().st_size if self._path.exists() else 0
        if there < needed:
            raise StoreError(
                f"{self._path} has {there} of {needed} bytes: a mailbox is {self._mailbox.path.name} and this file, "
                "copied while no server runs; restore both from the same copy"
            )
        if there > needed:
            os.ftruncate(self._opened(), needed)
        self._end = _whole(needed)
        self._freed = self._mailbox.sql("SELECT place, length FROM freed")
        self.committed()

    def register(self, connection: sqlite3.Connection) -> None:
        """Gives a connection the function that OF_ITEM uses."""
        connection.create_function("large_content", 2, self._read)

    def release(self) -> None:
        """Closes the file until it is needed again."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def add(self, number: int, content: Pieces) -> None:
        """Keeps a content under a new number, greater than all before."""
        length = sum(map(len, content))
        if length <= PAGE:
            self._mailbox.sql("INSERT INTO content VALUES (?, ?)", (number, b"".join(content)))
            return
        self._mailbox.sql("INSERT INTO large VALUES (?, ?, ?)", (number, self._end, length))
        self._unwritten.append((self._end, content))
        self._end += _whole(length)
        if len(self._unwritten) >= _MOST or self._end - self._unwritten[0][0] >= _MOST_BYTES:
            self.write()

    def get(self, number: int) -> bytes:
        """The content of that number."""
        for (data,) in self._mailbox.sql("SELECT data FROM content WHERE number = ?", (number,)):
            return bytes(data)
        [(place, length)] = self._mailbox.sql("SELECT place, length FROM large WHERE number = ?", (number,))
        return self._read(place, length)

    def delete(self, number: int) -> None:
        """The content of that number is not needed any more."""
        self._mailbox.sql("DELETE FROM content WHERE number = ?", (number,))
        for gone in self._mailbox.sql("DELETE FROM large WHERE number = ? RETURNING place, length", (number,)):
            self._mailbox.sql("INSERT INTO freed VALUES (?, ?)", gone)
            self._freed.append(gone)

    # What the transaction says.

    def write(self) -> None:
        """Before it is committed: what was added is in the file."""
        if self._unwritten:
            at, pieces = self._unwritten[0][0], list[memoryview]()
            for _, content in self._unwritten:
                pieces += map(memoryview, content)
                pieces.append(_FILLING[: -sum(map(len, content)) % _BLOCK])
            pieces.pop()  # behind the last one nothing is filled
            with PROCESSOR.waiting():
                _write(self._opened(), pieces, at)
            self._unwritten = []

    def mark(self) -> tuple[int, int]:
        """To be given to `undo`."""
        return self._end, len(self._freed)

    def undo(self, mark: tuple[int, int]) -> None:
        """What was added and deleted since is taken back."""
        self._end = mark[0]
        self._unwritten = [each for each in self._unwritten if each[0] < self._end]
        del self._freed[mark[1] :]

    def committed(self) -> None:
        """What was deleted is gone for good."""
        if self._freed:
            for place, length in self._freed:
                _give_back(self._opened(), place, length)
            self._freed = []
            self._mailbox.sql("DELETE FROM freed")

    # Within

    def _opened(self) -> int:
        if self._file is None:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        return self._file

    def _read(self, place: int, length: int) -> bytes:
        self.write()
        content = os.pread(self._opened(), length, place)
        if len(content) != length:
            raise StoreError(f"{self._path} ends inside the content of {length} bytes at byte {place}")
        return content


_FILLING: Final = memoryview(bytes(_BLOCK))
_KEEP_SIZE, _PUNCH_HOLE = 1, 2  # linux/falloc.h
_fallocate = ctypes.CDLL(None).fallocate
_fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)


def _whole(length: int) -> int:
    """In whole blocks."""
    return -(-length // _BLOCK) * _BLOCK


def _write(file: int, pieces: list[memoryview], at: int) -> None:
    """All of them, one behind the other from ``at`` on."""
    while pieces:
        written = os.pwritev(file, pieces, at)
        at += written
        while pieces and written >= len(pieces[0]):
            written -= len(pieces.pop(0))
        if pieces:
            pieces[0] = pieces[0][written:]


def _give_back(file: int, place: int, length: int) -> None:
    """Makes a hole in the file, fallocate(2); where the file system cannot, the space stays taken."""
    _fallocate(file, _KEEP_SIZE | _PUNCH_HOLE, place, _whole(length))
