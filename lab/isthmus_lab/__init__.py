"""Two complete Exchange organisations on one machine, for trying, testing and rehearsing."""
