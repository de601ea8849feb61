"""How edge and host talk: messages, and the link that carries them. Neither side reaches around it."""
