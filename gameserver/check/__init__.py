"""Checks before the first player comes: of the game, the settings and the stores."""
