"""What events tell Prometheus."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

published = Counter("isthmus_events_published_total", "Events that the outbox relay sent to Kafka.", ["topic"])
handled = Counter(
    "isthmus_events_handled_total",
    "Events heard, by what became of them: handled, duplicate, dead_letter.",
    ["group", "type", "outcome"],
)
retried = Counter("isthmus_events_retried_total", "Attempts to handle an event that failed.", ["group", "type"])
lag = Gauge("isthmus_consumer_lag_events", "Messages on a partition not yet handled.", ["group", "topic", "partition"])
outbox_events = Gauge("isthmus_outbox_events", "Events said and not yet on Kafka.", ["schema"])
outbox_age = Gauge("isthmus_outbox_age_seconds", "Age of the oldest event not yet on Kafka.", ["schema"])
owned = Gauge("isthmus_partitions_owned", "Partitions that this process owns.", ["group"])
