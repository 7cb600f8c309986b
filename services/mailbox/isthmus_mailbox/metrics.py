"""What is measured of mailbox passes."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

ITEMS = Counter("isthmus_mailbox_items_total", "Items, by what was done to them on the target.", ["outcome"])
BYTES = Counter("isthmus_mailbox_bytes_total", "Bytes of the items copied, as mailboxes count them.")
PASSES = Counter("isthmus_mailbox_passes_total", "Passes, by how they ended.", ["outcome"])
RUNNING = Gauge("isthmus_mailbox_running_passes", "Passes that this process is making.")
WAITING = Gauge("isthmus_mailbox_due_mailboxes", "Mailboxes that are due and not begun.")
WATCHED = Gauge("isthmus_mailbox_watched_mailboxes", "Mailboxes whose server tells of changes.")
