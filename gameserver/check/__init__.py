"""Everything that can be known before the first player comes: about the game, the settings and the stores."""
