"""Topics, CloudEvents, the transactional outbox, consumers and ownership of keys.

topics.py     every topic, declared in one place
event.py      an event as it is on Kafka (CloudEvents 1.0, binary mode)
outbox.py     saying something in the transaction that makes it true
direct.py     saying and reading without a database (the command line)
consumer.py   hearing each event once
state.py      a compacted topic in memory
ownership.py  partitions as exclusive, fenced property of one worker
sharing.py    which worker gets which partitions
"""

from isthmus_events.consumer import Consumer
from isthmus_events.direct import read_all, send
from isthmus_events.event import Event, UndecodableError
from isthmus_events.handling import OwnershipLost, TryLater
from isthmus_events.outbox import Relay, publish, publish_all
from isthmus_events.ownership import HOLD, Lease, Ownership
from isthmus_events.state import Table
from isthmus_events.topics import ALL_TOPICS, Topic, ensure_topics

__all__ = [
    "ALL_TOPICS",
    "HOLD",
    "Consumer",
    "Event",
    "Lease",
    "Ownership",
    "OwnershipLost",
    "Relay",
    "Table",
    "Topic",
    "TryLater",
    "UndecodableError",
    "ensure_topics",
    "publish",
    "publish_all",
    "read_all",
    "send",
]
