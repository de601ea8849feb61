"""The zones of this host, by name."""

from __future__ import annotations

from collections.abc import Iterator

from gameserver.clock import Clock
from gameserver.simulation.game import Game
from gameserver.simulation.loop import ZoneRunner
from gameserver.simulation.speech import Presence


class Zones:
    """One runner for each zone the game declares."""

    def __init__(self, game: Game, clock: Clock, presence: Presence, seed: int):
        self.game = game
        self._runners = {
            spec.name: ZoneRunner(spec, game, clock, presence, seed + number) for number, spec in enumerate(game.zones)
        }

    def __getitem__(self, name: str) -> ZoneRunner:
        return self._runners[name]

    def __iter__(self) -> Iterator[ZoneRunner]:
        return iter(self._runners.values())

    def names(self) -> list[str]:
        return list(self._runners)

    def stop(self) -> None:
        for runner in self._runners.values():
            if not runner.stopped:
                runner.stop()
