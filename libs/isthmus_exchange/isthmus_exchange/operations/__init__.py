"""One file for each EWS operation, saying only what is special about it."""
