"""Who works in the lab and what is in their mailboxes; the same seed gives the same population on every machine."""
