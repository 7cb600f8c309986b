"""Directory synchronisation between the two forests."""
