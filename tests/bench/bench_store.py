"""How fast the lab's store takes in, gives out and synchronises items, in one process.

The lab's Exchange must never be what a benchmark measures; the aims are those of the issue about the lab. Figures with
"floor" measure what this machine's disk and SQLite do with the same bytes and no item at all.
"""

import argparse
import json
import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

from isthmus_lab.mapi import fasttransfer, tags
from isthmus_lab.mapi.bag import Attachment, Bag
from isthmus_lab.store import Mailbox, Store

BATCH = 100  # items a request, as a client would send them


def message(size: int, number: int) -> Bag:
    """A mail of about `size` bytes with the properties an Exchange item usually has."""
    text = f"Item {number}. " + "The quick brown fox jumps over the lazy dog. " * 20
    bag = Bag(
        {
            tags.PidTagMessageFlags: 1,
            tags.PidTagMessageClass: "IPM.Note",
            tags.PidTagSubject: f"RE: Quarterly figures, part {number}",
            tags.PidTagNormalizedSubject: f"Quarterly figures, part {number}",
            tags.PidTagConversationTopic: "Quarterly figures",
            tags.PidTagConversationIndex: number.to_bytes(22, "big"),
            tags.PidTagSenderName: "Alex Winter",
            tags.PidTagSenderSmtpAddress: "alex.winter@alpha.example",
            tags.PidTagSenderAddressType: "SMTP",
            tags.PidTagSenderEmailAddress: "alex.winter@alpha.example",
            tags.PidTagSentRepresentingName: "Alex Winter",
            tags.PidTagSentRepresentingSmtpAddress: "alex.winter@alpha.example",
            tags.PidTagSentRepresentingAddressType: "SMTP",
            tags.PidTagSentRepresentingEmailAddress: "alex.winter@alpha.example",
            tags.PidTagDisplayTo: "Robin Summer",
            tags.PidTagInternetMessageId: f"<{number}@alpha.example>",
            tags.PidTagInReplyToId: f"<{number - 1}@alpha.example>",
            tags.PidTagMessageDeliveryTime: 133_500_000_000_000_000 + number,
            tags.PidTagClientSubmitTime: 133_500_000_000_000_000 + number,
            tags.PidTagCreationTime: 133_500_000_000_000_000 + number,
            tags.PidTagLastModificationTime: 133_500_000_000_000_000 + number,
            tags.PidTagSearchKey: number.to_bytes(16, "big"),
            tags.PidTagImportance: 1,
            tags.PidTagSensitivity: 0,
            tags.PidTagInternetCodepage: 65001,
            tags.PidTagMessageLocaleId: 1033,
            tags.PidNameKeywords: ["Red category"],
            tags.PidLidReminderSet: False,
            tags.PidLidPrivate: False,
            tags.PidTagBody: text,
        },
        [
            {
                tags.PidTagRecipientType: 1,
                tags.PidTagDisplayName: f"Person {each}",
                tags.PidTagAddressType: "SMTP",
                tags.PidTagEmailAddress: f"person{each}@alpha.example",
                tags.PidTagSmtpAddress: f"person{each}@alpha.example",
            }
            for each in range(3)
        ],
    )
    missing = size - len(fasttransfer.encode(bag)) - 150
    if missing > 0:
        data = number.to_bytes(8, "big") * (missing // 8)
        bag.attachments.append(
            Attachment(
                {tags.PidTagAttachMethod: 1, tags.PidTagAttachLongFilename: "a.bin", tags.PidTagAttachDataBinary: data}
            )
        )
    return bag


def timed(what: Callable[[], None]) -> float:
    start = time.perf_counter()
    what()
    return time.perf_counter() - start


def upload(mailbox: Mailbox, folder: bytes, streams: list[bytes]) -> list[bytes]:
    ids = []
    for first in range(0, len(streams), BATCH):
        with mailbox.transaction():
            ids += [mailbox.items.upload(folder, stream).id for stream in streams[first : first + BATCH]]
    return ids


def sync_all(mailbox: Mailbox, folder: bytes) -> int:
    state, count, last = b"", 0, False
    while not last:
        changes, state, last = mailbox.sync.items(folder, state, limit=512)
        count += len(changes)
    return count


def floor(folder: Path, streams: list[bytes]) -> float:
    """Seconds to write the same bytes into a table of their own, in the same batches."""
    connection = sqlite3.connect(folder / "floor.sqlite", isolation_level=None)
    connection.executescript(
        "PRAGMA page_size = 16384; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
        "PRAGMA wal_autocheckpoint = 4000; CREATE TABLE content (number INTEGER PRIMARY KEY, data BLOB)"
    )

    def write() -> None:
        for first in range(0, len(streams), BATCH):
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(
                "INSERT INTO content (data) VALUES (?)", [(stream,) for stream in streams[first : first + BATCH]]
            )
            connection.execute("COMMIT")

    seconds = timed(write)
    connection.close()
    return seconds


def measure(folder: Path, size: int, count: int) -> dict[str, float]:
    bags = [message(size, number) for number in range(1, count + 1)]
    streams: list[bytes] = []
    result = {"encode items/s": count / timed(lambda: streams.extend(map(fasttransfer.encode, bags)))}
    result["bytes an item"] = sum(map(len, streams)) / count
    megabytes = sum(map(len, streams)) / 1e6

    def decode() -> None:
        for stream in streams:
            fasttransfer.decode(stream)

    result["decode items/s"] = count / timed(decode)
    store = Store(folder / "store")
    mailbox = store.mailbox(uuid4())
    inbox = mailbox.folders.role("inbox").id
    ids: list[bytes] = []
    processor = time.process_time()
    seconds = timed(lambda: ids.extend(upload(mailbox, inbox, streams)))
    result["upload CPU us/item"] = (time.process_time() - processor) / count * 1e6
    result["upload items/s"], result["upload MB/s"] = count / seconds, megabytes / seconds
    result["upload floor MB/s"] = megabytes / floor(folder, streams)

    def export() -> None:
        for content in mailbox.items.contents(ids):
            assert content

    seconds = timed(export)
    result["export items/s"], result["export MB/s"] = count / seconds, megabytes / seconds
    result["sync changes/s"] = count / timed(lambda: assert_equal(sync_all(mailbox, inbox), count))
    result["set_read items/s"] = count / timed(lambda: assert_equal(len(mailbox.items.set_read(ids, False)), count))
    guid = mailbox.guid
    store.close()

    store = Store(folder / "store")

    def opened() -> None:
        assert_equal(store.mailbox(guid, create=False).folders.role("inbox").total, count)

    result["open ms"] = timed(opened) * 1e3
    store.close()
    return result


def assert_equal(found: int, wanted: int) -> None:
    if found != wanted:
        raise SystemExit(f"the store answered with {found} items where there are {wanted}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--folder", type=Path, help="where to put the files (default: a temporary folder)")
    arguments = parser.parse_args()
    results = {}
    for size, count in ((5_000, 10_000), (100_000, 4_000), (1_000, 100_000)):
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            results[f"{size} B x {count}"] = measure(Path(folder), size, count)
    if arguments.json:
        print(json.dumps(results))
        return
    names = list(next(iter(results.values())))
    print(f"{'':20}" + "".join(f"{title:>18}" for title in results))
    for name in names:
        print(f"{name:20}" + "".join(f"{result[name]:18,.1f}" for result in results.values()))


if __name__ == "__main__":
    main()
