"""Owned mailboxes, and when a pass over each is due (being written by the lead, 06:12)."""
