"""A multiplayer game server that loses at most one tick."""

__version__ = "0.1.0"
