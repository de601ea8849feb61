"""A player's session: its states, opening, keeping, saving and ending. Outlives sockets; owned by one host at a time."""
