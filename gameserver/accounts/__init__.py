"""Identity of a player: registration, login, guests, tokens, throttling."""
