"""What is measured of the talk with Exchange servers. ``server`` is the organisation's name in the project."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Counter("isthmus_ews_requests_total", "Requests, by how they ended.", ["server", "operation", "outcome"])
BYTES = Counter("isthmus_ews_bytes_total", "Bytes on the wire without TLS.", ["server", "direction"])
LINE = Counter(
    "isthmus_agent_bytes_total", "Bytes of messages between sites, plain and packed.", ["server", "direction", "form"]
)
SECONDS = Histogram(
    "isthmus_ews_request_seconds",
    "Time from asking to the whole answer.",
    ["server", "operation"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
RUNNING = Gauge("isthmus_ews_running_requests", "Requests under way.", ["server"])
LIMIT = Gauge("isthmus_ews_request_limit", "Requests allowed at the same time at present.", ["server"])
REST = Counter("isthmus_ews_back_off_seconds_total", "Seconds of rest that servers asked for.", ["server"])
BANDWIDTH = Gauge("isthmus_ews_bandwidth_limit_bytes", "Bytes a second that may cross at present; -1: any.", ["server"])
SPENT = Counter(
    "isthmus_ews_spent_seconds_total",
    "Seconds of requests, by what they were spent on (limiting.On), for each request under way at the same time.",
    ["server", "on"],
)
LIMITED = Gauge("isthmus_limited_by", "1 for what is limiting this process now, else 0.", ["limit"])
LIMITED_UNTIL = Gauge("isthmus_limited_until_seconds", "When that ends, in seconds since 1970; 0: not known.")
