"""What dirsync counts for Prometheus."""

from prometheus_client import Counter, Gauge, Histogram

writes = Counter("isthmus_dirsync_writes_total", "Objects written", ["forest", "action"])
looked_at = Counter("isthmus_dirsync_pairs_looked_at_total", "Pairs decided about", ["project"])
echoes = Counter("isthmus_dirsync_echoes_total", "Changes that were only what was written here", ["project"])
runs = Histogram(
    "isthmus_dirsync_run_seconds",
    "Time of a run that found something to look at",
    ["project", "kind"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800),
)
unresolved = Gauge(
    "isthmus_dirsync_unresolved_addresses",
    "Addresses that were used once and lead nowhere, or to somebody else",
    ["project", "forest", "type"],
)
nobodys = Gauge(
    "isthmus_dirsync_nobodys_addresses",
    "Addresses in migrated items that lead to nobody in the target, and nobody can tell whose they were",
    ["project"],
)
failing = Gauge("isthmus_dirsync_failing", "1 while a project's directories cannot be synchronised", ["project"])
