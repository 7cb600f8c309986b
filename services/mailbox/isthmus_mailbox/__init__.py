"""Copies mailboxes and keeps the copies in step."""
