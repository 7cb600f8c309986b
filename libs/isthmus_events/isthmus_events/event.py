"""An event as it is on Kafka: CloudEvents 1.0 in binary mode (Kafka protocol binding 3.2), protobuf as data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from google.protobuf.message import DecodeError

from isthmus_events.topics import Topic

CONTENT_TYPE = "application/protobuf"


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
    # A protobuf message; a handler of several topics tells them apart by isinstance.
    data: Any


def headers(event_id: str, source: str, message_type: str, time: datetime, sequence: int) -> list[tuple[str, bytes]]:
    """The Kafka headers of an event: the attributes of CloudEvents, and `sequence` of its extension of that name."""
    attributes = {
        "ce_specversion": "1.0",
        "ce_id": event_id,
        "ce_source": source,
        "ce_type": message_type,
        "ce_time": time.isoformat(),
        "content-type": CONTENT_TYPE,
    }
    if sequence:
        # As long as the others until the year 2286: the extension compares sequences as text.
        attributes["ce_sequence"] = str(sequence)
    return [(name, value.encode()) for name, value in attributes.items()]


def decode(
    topic: Topic[Any],
    partition: int,
    offset: int,
    key: bytes | None,
    value: bytes | None,
    headers: Sequence[tuple[str, bytes | None]],
) -> Event:
    """Make an event of a Kafka message. Raises UndecodableError."""
    if key is None or value is None:
        raise UndecodableError(f"it has no {'key' if key is None else 'data'}")
    expected = topic.message.DESCRIPTOR.full_name
    try:
        attributes = {name: raw.decode() for name, raw in headers if raw is not None}
        version, type_ = attributes["ce_specversion"], attributes["ce_type"]
        if not version.startswith("1."):
            raise UndecodableError(f"it is of CloudEvents {version}, not 1.0")
        if type_ != expected:
            raise UndecodableError(f"it is a {type_}, and the topic is for {expected}")
        return Event(
            id=attributes["ce_id"],
            topic=topic.name,
            partition=partition,
            offset=offset,
            key=key,
            sequence=int(attributes.get("ce_sequence", "0")),
            type=type_,
            source=attributes["ce_source"],
            time=datetime.fromisoformat(attributes["ce_time"]),
            data=topic.message.FromString(value),
        )
    except KeyError as error:
        raise UndecodableError(f"it has no header {error.args[0]}") from error
    except DecodeError as error:
        raise UndecodableError(f"its data is no {expected}: {error}") from error
    except ValueError as error:
        raise UndecodableError(f"a header cannot be read: {error}") from error
