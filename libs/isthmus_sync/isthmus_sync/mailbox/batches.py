"""Work in requests: by bytes first, then by count, because servers limit both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from isthmus_sync.mailbox.model import Staged
from isthmus_sync.mailbox.retry import QUIET_ATTEMPTS

MOST_ITEMS = 100
"""ExportItems and UploadItems take no more ("Exporting items by using EWS in Exchange")."""

MOST_BYTES = 10 * 1024 * 1024
"""Of items as the mailbox counts them; base64 makes 13.3 MiB of it, well below the 64 MiB that a server takes."""

T = TypeVar("T")


def by_bytes(
    rows: Iterable[Staged], most_items: int = MOST_ITEMS, most_bytes: int = MOST_BYTES
) -> Iterator[list[Staged]]:
    """Batches in the order of the rows; an item larger than a batch gets one to itself, and so does one that failed
    again and again, as it may be what the batches before failed of.
    """
    batch: list[Staged] = []
    total = 0
    for row in rows:
        if row.attempts >= QUIET_ATTEMPTS:
            yield [row]
            continue
        if batch and (len(batch) == most_items or total + row.size > most_bytes):
            yield batch
            batch, total = [], 0
        batch.append(row)
        total += row.size
    if batch:
        yield batch


def by_count(rows: Iterable[T], most: int) -> Iterator[list[T]]:
    """Batches of at most `most`."""
    batch: list[T] = []
    for row in rows:
        batch.append(row)
        if len(batch) == most:
            yield batch
            batch = []
    if batch:
        yield batch
