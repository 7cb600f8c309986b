"""The ledger of one mailbox in PostgreSQL (being written by the lead, 06:12)."""
