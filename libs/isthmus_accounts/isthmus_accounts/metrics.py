"""What is measured of asking the account map."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

LOOKUPS = Counter(
    "isthmus_accounts_lookups_total", "Identities looked up, by who answered: cache, service, nobody.", ["answered_by"]
)
AGE = Gauge(
    "isthmus_accounts_cache_age_seconds",
    "Since when the account map has not said that the cache is right; beyond 1 it is not used, and infinite before "
    "the first word.",
)
FROM_CACHE = LOOKUPS.labels("cache")
FROM_SERVICE = LOOKUPS.labels("service")
UNANSWERED = LOOKUPS.labels("nobody")
