"""An event as it is on Kafka: CloudEvents 1.0 in binary mode (Kafka protocol binding 3.2), protobuf as data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from google.protobuf.message import Message


class UndecodableError(Exception):
    """A Kafka message is not an event of its topic; the text says why."""


@dataclass(frozen=True)
class Event:
    """One event.

    `id` is unique for ever (UUID text). `sequence` rises with each event of the same source and key: microseconds since
    1970, or one more than the key's last; 0 where the sender has no database (the command line).
    `type` is the full protobuf name of `data`, `source` the service that said it, `time` when it did so, in UTC.
    """

    id: str
    topic: str
    partition: int
    offset: int
    key: bytes
    sequence: int
    type: str
    source: str
    time: datetime
    # Message for all topics; a handler of several topics tells them apart by isinstance.
    data: Message | Any
