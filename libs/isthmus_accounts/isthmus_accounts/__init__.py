"""Client of the account map with a cache kept right by its watch stream."""
