"""Topics, CloudEvents, the transactional outbox, consumers and ownership of keys."""
