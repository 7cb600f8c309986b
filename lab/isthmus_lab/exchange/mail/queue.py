"""The mail queue: what the server has accepted and not yet delivered, in one SQLite file.

A message is accepted when :meth:`Queue.put` has returned; from then on it survives the death of the process. Each
recipient is a delivery of its own, so that one that fails does not repeat another.
"""

from __future__ import annotations

import sqlite3
import threading
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS message (
    id BLOB PRIMARY KEY,
    sender TEXT NOT NULL,                -- '' for reports, which are never answered with a report
    content BLOB NOT NULL,
    accepted REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS delivery (
    id INTEGER PRIMARY KEY,
    message BLOB NOT NULL REFERENCES message (id),
    address TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    due REAL NOT NULL,
    error TEXT NOT NULL DEFAULT '',
    UNIQUE (message, address)
);
CREATE INDEX IF NOT EXISTS delivery_due ON delivery (due);
CREATE TABLE IF NOT EXISTS delivered (    -- mailboxes that have the message while other recipients still wait
    message BLOB NOT NULL,
    mailbox BLOB NOT NULL,
    PRIMARY KEY (message, mailbox)
) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Delivery:
    """One recipient of one message. ``attempts`` counts the begun ones, ``accepted`` is a Unix time."""

    id: int
    message: uuid.UUID
    sender: str
    address: str
    attempts: int
    accepted: float


class Queue:
    """The queue's file. Every method is one transaction and may be called from any thread."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(_SCHEMA)

    def put(self, sender: str, addresses: Iterable[str], content: bytes) -> uuid.UUID:
        """Accepts a message; the order of the addresses is kept, doubles are dropped."""
        message = uuid.uuid4()
        now = time.time()
        with self._lock, self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute("INSERT INTO message VALUES (?, ?, ?, ?)", (message.bytes, sender, content, now))
            self._add(message, addresses, now)
        return message

    def due(self, limit: int) -> list[Delivery]:
        """The deliveries whose time has come, oldest first."""
        with self._lock:
            rows = self._db.execute(
                "SELECT d.id, m.id, m.sender, d.address, d.attempts, m.accepted FROM delivery d "
                "JOIN message m ON m.id = d.message WHERE d.due <= ? ORDER BY d.due, d.id LIMIT ?",
                (time.time(), limit),
            ).fetchall()
        return [Delivery(row[0], uuid.UUID(bytes=row[1]), *row[2:]) for row in rows]

    def next_due(self) -> float | None:
        """The Unix time at which the next delivery is due; None when the queue is empty."""
        with self._lock:
            row = self._db.execute("SELECT min(due) FROM delivery").fetchone()
        return None if row[0] is None else float(row[0])

    def waiting(self) -> int:
        """How many deliveries are in the queue."""
        with self._lock:
            return int(self._db.execute("SELECT count(*) FROM delivery").fetchone()[0])

    def content(self, message: uuid.UUID) -> bytes:
        """The message as it was accepted."""
        with self._lock:
            return bytes(self._db.execute("SELECT content FROM message WHERE id = ?", (message.bytes,)).fetchone()[0])

    def begin(self, delivery: Delivery) -> None:
        """Notes that an attempt begins, so that after a crash it is known that it may have taken effect."""
        with self._lock, self._db:
            self._db.execute("UPDATE delivery SET attempts = attempts + 1 WHERE id = ?", (delivery.id,))

    def has(self, message: uuid.UUID, mailbox: uuid.UUID) -> bool:
        """Whether this mailbox already got the message by another of its addresses or a group."""
        with self._lock:
            row = self._db.execute(
                "SELECT 1 FROM delivered WHERE message = ? AND mailbox = ?", (message.bytes, mailbox.bytes)
            ).fetchone()
        return row is not None

    def done(self, delivery: Delivery, mailbox: uuid.UUID | None = None) -> None:
        """The recipient has the message (in this mailbox of ours), or its sender has the report."""
        with self._lock, self._db:
            self._db.execute("BEGIN IMMEDIATE")
            if mailbox is not None:
                self._db.execute(
                    "INSERT OR IGNORE INTO delivered VALUES (?, ?)", (delivery.message.bytes, mailbox.bytes)
                )
            self._remove(delivery)

    def replace(self, delivery: Delivery, addresses: Iterable[str]) -> None:
        """The recipient stands for others (a group): they take its place."""
        with self._lock, self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._add(delivery.message, addresses, time.time())
            self._remove(delivery)

    def postpone(self, delivery: Delivery, seconds: float, error: str) -> None:
        """The attempt failed; try again after so many seconds."""
        with self._lock, self._db:
            self._db.execute(
                "UPDATE delivery SET due = ?, error = ? WHERE id = ?", (time.time() + seconds, error, delivery.id)
            )

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._db.close()

    def _add(self, message: uuid.UUID, addresses: Iterable[str], due: float) -> None:
        self._db.executemany(
            "INSERT OR IGNORE INTO delivery (message, address, due) VALUES (?, ?, ?)",
            ((message.bytes, address, due) for address in addresses),
        )

    def _remove(self, delivery: Delivery) -> None:
        self._db.execute("DELETE FROM delivery WHERE id = ?", (delivery.id,))
        left = self._db.execute("SELECT 1 FROM delivery WHERE message = ?", (delivery.message.bytes,)).fetchone()
        if left is None:
            self._db.execute("DELETE FROM delivered WHERE message = ?", (delivery.message.bytes,))
            self._db.execute("DELETE FROM message WHERE id = ?", (delivery.message.bytes,))
