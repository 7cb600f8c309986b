"""The mailbox service (being written by the lead, 06:12)."""
