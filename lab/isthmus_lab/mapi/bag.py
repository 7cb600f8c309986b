"""The property bag: what a message is made of, exactly and losslessly.

Values by property type ([MS-OXCDATA] 2.11.1):
    Integer16/32/64, ErrorCode, Currency (in 1/10,000)   int, signed (ErrorCode unsigned)
    Floating32/64, FloatingTime                            float
    Boolean                                                bool
    Time                                                   int, FILETIME: 100 ns since 1601-01-01 UTC; see `filetime`
    String                                                 str
    String8, Binary, ServerId, Object                      bytes (String8 without its terminating zero)
    Guid                                                   uuid.UUID
    Multiple…                                              list of these
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from isthmus_lab.mapi.tags import PropertyKey

Scalar = int | float | str | bytes | UUID
Value = Scalar | list[Scalar]
# Any: a property's Python type follows from its key, which the type checker cannot know.
Properties = dict[PropertyKey, Any]

_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_UNIX_EPOCH = 116_444_736_000_000_000  # 1970-01-01 as a FILETIME


@dataclass(slots=True)
class Attachment:
    """One attachment; `embedded` is the message inside it when PidTagAttachMethod is 5."""

    properties: Properties = field(default_factory=dict)
    embedded: "Bag | None" = None


@dataclass(slots=True)
class Bag:
    """A message: its properties, one property list a recipient, and its attachments, both in order."""

    properties: Properties = field(default_factory=dict)
    recipients: list[Properties] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)

    def __getitem__(self, key: PropertyKey) -> Any:
        return self.properties[key]

    def __setitem__(self, key: PropertyKey, value: Value) -> None:
        self.properties[key] = value

    def __contains__(self, key: object) -> bool:
        return key in self.properties

    def get(self, key: PropertyKey, default: Any = None) -> Any:
        """The property's value, or `default` when the message does not have it."""
        return self.properties.get(key, default)

    def set(self, values: Mapping[PropertyKey, Value | None]) -> None:
        """Sets several properties; one whose value is None is taken away."""
        for key, value in values.items():
            if value is None:
                self.properties.pop(key, None)
            else:
                self.properties[key] = value


def filetime(moment: datetime) -> int:
    """100 ns since 1601-01-01 UTC. A naive datetime is taken as UTC; earlier than 1601 is 0."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    passed = aware - _EPOCH
    return max(0, (passed.days * 86_400 + passed.seconds) * 10_000_000 + passed.microseconds * 10)


def now() -> int:
    """The present moment as a FILETIME, in whole microseconds as `filetime` has them."""
    return _UNIX_EPOCH + time.time_ns() // 1000 * 10


def from_filetime(ticks: int) -> datetime:
    """The moment in UTC, cut to microseconds. What no datetime can hold (years beyond 9999) becomes the last one."""
    try:
        return _EPOCH + timedelta(microseconds=ticks // 10)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)
