"""``isthmus demo``: a migration to watch, and what it checks at the end."""
