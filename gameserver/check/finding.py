"""One line about something that is wrong, or that the operator or the game's author should know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """An ``error`` keeps the server from starting, a ``warning`` does not."""

    severity: Severity
    where: str  # a setting, a store, or a place in the game: "tag.py:12 Tally.gold"
    problem: str
    remedy: str  # the words to write or the command to run instead

    def __str__(self) -> str:
        """Return the finding as one line."""
        return " ".join(f"{self.where}: {self.problem}; {self.remedy}".split())
