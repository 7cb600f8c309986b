"""Pure algorithms of synchronisation: what changed, what to do."""
