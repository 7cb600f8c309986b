"""What crosses the line between two sites, in bytes: ExportItems as Exchange answers it, gzipped, packed by an agent.

Messages of text mail and messages with an attachment that is compressed already (as office documents and pictures are),
in batches as the mailbox service makes them. Everything is counted before TLS, which adds the same to all.
"""

from __future__ import annotations

import base64
import gzip
import random
import time

from isthmus_exchange import packing
from isthmus_lab.mapi import fasttransfer, tags
from isthmus_lab.mapi.bag import Attachment, Bag

from tests.bench.bench_store import message
from tests.bench.report import Row

_BATCH = 50
_LETTERS = random.Random(1)
_WORDS = ["".join(_LETTERS.choices("etaoinshrdlucmfwypvbgk", k=_LETTERS.randint(2, 10))) for _ in range(8_000)]
_FREQUENCIES = [1 / rank for rank in range(1, len(_WORDS) + 1)]


def prose(number: int, size: int) -> str:
    """Text whose words are as seldom and as frequent as those of a language."""
    chance = random.Random(number)
    return " ".join(chance.choices(_WORDS, _FREQUENCIES, k=size // 7))


def letter(number: int, size: int) -> Bag:
    """A mail of about `size` bytes as mailboxes count them; its text is UTF-16 in the stream, as Exchange has it."""
    bag = message(2_000, number)
    bag.set({tags.PidTagBody: prose(number, max(size - 2_000, 200) // 2)})
    return bag


def with_attachment(number: int, size: int) -> Bag:
    """A short message with a file of bytes that nothing makes smaller."""
    bag = message(2_000, number)
    content = random.Random(number).randbytes(size)
    bag.attachments = [
        Attachment(
            {tags.PidTagAttachMethod: 1, tags.PidTagAttachFilename: "a.zip", tags.PidTagAttachDataBinary: content}
        )
    ]
    return bag


def answer(bags: list[Bag]) -> bytes:
    """What Exchange answers to ExportItems of these."""
    messages = "".join(
        '<m:ExportItemsResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode>'
        f'<m:ItemId Id="{base64.b64encode(random.Random(number).randbytes(70)).decode()}" ChangeKey="CQAAABYAAAB0"/>'
        f"<m:Data>{base64.b64encode(fasttransfer.encode(bag)).decode()}</m:Data></m:ExportItemsResponseMessage>"
        for number, bag in enumerate(bags)
    )
    return (
        f"<m:ExportItemsResponse><m:ResponseMessages>{messages}</m:ResponseMessages></m:ExportItemsResponse>".encode()
    )


def measure(title: str, bags: list[Bag]) -> list[Row]:
    plain = answer(bags)
    began = time.process_time()
    packed = packing.pack(plain)
    seconds = time.process_time() - began
    assert packing.unpack(packed) == plain
    zipped = len(gzip.compress(plain, 6))

    def row(compared: str, size: int) -> Row:
        return Row(f"between sites, {title}", "bytes an item", len(packed) / len(bags), compared, size / len(bags))

    return [
        row("plain EWS", len(plain)),
        row("EWS with gzip", zipped),
        Row(f"between sites, {title}: packing", "MB/s", len(plain) / 1e6 / seconds, "a line of 1 Gbit/s", 125),
    ]


def run() -> list[Row]:
    """Everything; takes some seconds."""
    rows = []
    for size in (5_000, 100_000):
        rows += measure(f"text mail of {size // 1000} kB", [letter(number, size) for number in range(1, _BATCH + 1)])
    rows += measure("attachments of 200 kB", [with_attachment(number, 200_000) for number in range(1, 11)])
    return rows


if __name__ == "__main__":
    from tests.bench.report import show

    show(run())
