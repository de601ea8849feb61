"""A player's session: its states, opening, keeping, saving, ending. It outlives sockets; one host at a time owns it."""
