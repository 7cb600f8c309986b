"""Who asks: Basic, NTLM and OAuth bearer, each decided by the forest or by a key that the settings trust."""
