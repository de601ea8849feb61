"""A mistake in a game's code: the place in the author's file, the problem, and the remedy, in one line."""

from __future__ import annotations


class GameError(TypeError):
    """Raised where a game's class is wrong. ``str()`` gives "where: problem; remedy" in one line."""

    def __init__(self, where: str, problem: str, remedy: str):
        super().__init__(" ".join(f"{where}: {problem}; {remedy}".split()))
        self.where = where
        self.problem = problem
        self.remedy = remedy
