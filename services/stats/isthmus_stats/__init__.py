"""Aggregates the topics with Faust and serves the statistics portal."""
