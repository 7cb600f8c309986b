"""One mailbox: a SQLite file with folders and items, and beside it a file of large contents."""

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from importlib.resources import files
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from isthmus_lab.mapi import fasttransfer, tags
from isthmus_lab.mapi.bag import Bag, Properties, now
from isthmus_lab.processor import Lock
from isthmus_lab.store import contents, restriction, roles
from isthmus_lab.store.errors import StoreError
from isthmus_lab.store.folders import Folders
from isthmus_lab.store.ids import Ids
from isthmus_lab.store.items import Items
from isthmus_lab.store.model import Event
from isthmus_lab.store.permissions import DEFAULT, Permissions, Rights
from isthmus_lab.store.sync import Sync

# What was committed survives the end of the process, however it comes, as the kernel has it; waiting for the disk would
# be for power failures, and cost a third of the speed of uploads.
_PRAGMAS = """
    PRAGMA synchronous = OFF;
    PRAGMA journal_mode = WAL;
    PRAGMA wal_autocheckpoint = 4000;
    PRAGMA journal_size_limit = 67108864;
    PRAGMA cache_size = -4096;
    PRAGMA temp_store = MEMORY;
"""


class Mailbox:
    """A mailbox, opened by `Store.mailbox`. Safe to call from several threads; one works at a time."""

    guid: UUID  # msExchMailboxGuid
    path: Path
    locale: str
    public: bool
    folders: Folders
    items: Items
    sync: Sync
    permissions: Permissions

    def __init__(self, path: Path, publish: Callable[[list[Event]], None], used: Callable[["Mailbox"], None]) -> None:
        """Opens an existing file. `publish` gets the events of each commit; `used` hears of each opened connection."""
        self.path = path
        self.lock = Lock()
        self._publish = publish
        self._used = used
        self._connection: sqlite3.Connection | None = None
        self._depth = 0
        self._changed = False
        self._events: list[Event] = []
        self._counter: int
        self.contents = contents.Contents(self)
        self._bring_up_to_date()
        [record] = self.sql("SELECT guid, replica, locale, public, counter FROM mailbox")
        guid, replica, self.locale, public, self._counter = record
        self.guid, self.public = UUID(bytes=guid), public == 1
        self.ids = Ids(self.guid, UUID(bytes=replica), public=self.public)
        self.folders = Folders(self)
        self.items = Items(self)
        self.sync = Sync(self)
        self.permissions = Permissions(self)
        self.contents.recover()

    def _bring_up_to_date(self) -> None:
        """Gives a file that an earlier version made what it lacks."""
        if all(name != "deleted" for _, name, *_ in self.sql("PRAGMA table_info(item)")):
            self.sql("ALTER TABLE item ADD COLUMN deleted INTEGER NOT NULL DEFAULT 0")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside is one transaction: committed at the end, nothing of it kept after an exception. May nest,
        then an exception takes back the inner part only. Holds the mailbox's lock: keep network I/O out of it.
        """
        with self.lock:
            begin, commit, undo = _STATEMENTS[self._depth > 0]
            told, kept = len(self._events), self.contents.mark()
            self.sql(begin)
            self._depth += 1
            try:
                yield
                if self._depth == 1 and self._changed:
                    self.contents.write()
                    self.folders.committed(self._events)
                    self.sql("UPDATE mailbox SET counter = ?", (self._counter,))
                self.sql(commit)
            except BaseException:
                with suppress(sqlite3.Error):  # SQLite may have rolled back on its own: disk full, I/O error
                    for statement in undo:
                        self.sql(statement)
                del self._events[told:]
                self.contents.undo(kept)
                raise
            finally:
                self._depth -= 1
            if self._depth == 0:
                self._changed = False
                self.contents.committed()
                events, self._events = self._events, []
                if events:
                    self._publish(events + self.folders.counted(events))

    @contextmanager
    def joined(self) -> Iterator[None]:
        """For what cannot fail half-way: the transaction at hand, without a part of its own, or a new one.

        A part of its own costs a copy of every page that is written in it, which uploads of many items would wait for.
        """
        with self.lock, nullcontext() if self._depth else self.transaction():
            yield

    @property
    def size(self) -> int:
        """Bytes of all items' content."""
        return int(self.sql("SELECT total(size) FROM folder")[0][0])

    # For the parts of this package: the file, the counter, the clock, the events.

    def sql(self, statement: str, values: Sequence[object] = ()) -> list[Any]:
        """Runs one statement and returns its records."""
        with self.lock:
            return self.connection().execute(statement, values).fetchall()

    def connection(self) -> sqlite3.Connection:
        """The file, opened when it is not; only with the lock held."""
        if self._connection is None:
            self._connection = _connect(self.path)
            restriction.register(self._connection)
            self.contents.register(self._connection)
            self._connection.create_function("entry_id_of_folder", 1, lambda number: self.ids.folder(number))
            self._used(self)
        return self._connection

    def release(self) -> bool:
        """Closes the file until it is needed again; False if somebody is at work in it."""
        if not self.lock.acquire(blocking=False):
            return False
        try:
            if self._depth:
                return False
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            self.contents.release()
            return True
        finally:
            self.lock.release()

    def next_number(self) -> int:
        """A new number for an object or a change; only inside a transaction."""
        self._counter += 1
        self._changed = True
        return self._counter

    @property
    def last_number(self) -> int:
        return self._counter

    def tell(self, event: Event) -> None:
        """Published when the transaction is committed."""
        self._events.append(event)


_STATEMENTS = {
    False: ("BEGIN IMMEDIATE", "COMMIT", ("ROLLBACK",)),
    True: ("SAVEPOINT inner", "RELEASE inner", ("ROLLBACK TO inner", "RELEASE inner")),
}


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path.as_uri() + "?mode=rw", uri=True, isolation_level=None, check_same_thread=False)
    connection.executescript(_PRAGMAS)
    return connection


def create(path: Path, guid: UUID, locale: str, replica: UUID | None = None) -> None:
    """Writes a new mailbox with its distinguished folders; the file is there complete or not at all.

    With a `replica` it is one of public folders; all of an organisation's have the same, and the same folder ids.
    """
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    connection = sqlite3.connect(draft, isolation_level=None)
    try:
        connection.executescript(f"PRAGMA page_size = {contents.PAGE}; PRAGMA journal_mode = OFF")
        connection.executescript("PRAGMA synchronous = OFF")
        schema = files("isthmus_lab.store").joinpath("schema.sql").read_text()
        connection.executescript(f"BEGIN; {schema}; COMMIT")
        moment = now()
        born = roles.ROLES if replica is None else roles.PUBLIC_ROLES
        numbers = {role.role: number for number, role in enumerate(born, start=1)}
        content: Properties = {} if replica is None else {tags.PidTagReplicaList: f"{replica}\0".encode()}
        properties = fasttransfer.encode(Bag(content))
        connection.execute("BEGIN")
        for role in born:
            number, name = numbers[role.role], roles.name(role, locale)
            connection.execute(
                "INSERT INTO folder (number, parent, role, name, folded, container_class, properties, change, created,"
                " modified) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    number,
                    numbers[role.parent] if role.parent else None,
                    role.role,
                    name,
                    name.casefold(),
                    role.container_class,
                    properties,
                    number,
                    moment,
                    moment,
                ),
            )
        if replica is not None:  # everybody may read and write, until somebody says otherwise
            for top in ("publicfoldersroot", "nonipmsubtree"):
                rights = (numbers[top], DEFAULT, b"", "", int(Rights.AUTHOR))
                connection.execute("INSERT INTO permission VALUES (?, ?, ?, ?, ?)", rights)
        connection.execute(
            "INSERT INTO mailbox VALUES (?, ?, ?, ?, ?)",
            (guid.bytes, (replica or uuid4()).bytes, locale, replica is not None, len(numbers)),
        )
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise StoreError(f"mailbox {guid} could not be created in {draft}: {error}") from error
    finally:
        connection.close()
    with draft.open("rb") as written:
        os.fsync(written.fileno())
    draft.replace(path)
