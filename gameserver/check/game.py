"""The checks of a game's class: those that need the finished module. The class statement makes the others."""

from __future__ import annotations

from gameserver.check.finding import Finding
from gameserver.simulation.game import Game


def check_game(game: type[Game]) -> list[Finding]:
    """Return all findings about the class, errors first. Starts nothing and connects to nothing."""
    return []
