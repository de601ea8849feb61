"""The zones of this host, by name."""

from __future__ import annotations

from collections.abc import Iterator

from gameserver.clock import Clock
from gameserver.simulation.game import Game
from gameserver.simulation.routes import Routes
from gameserver.simulation.zone_runner import ZoneRunner


class Zones:
    """One runner for each zone the game declares."""

    def __init__(self, game: Game, routes: Routes, clock: Clock, seed: int):
        self.game = game
        self._runners = {
            spec.name: ZoneRunner(spec, game, routes, clock, seed + number) for number, spec in enumerate(game.zones)
        }

    def __getitem__(self, name: str) -> ZoneRunner:
        return self._runners[name]

    def __iter__(self) -> Iterator[ZoneRunner]:
        return iter(self._runners.values())

    def stopped(self) -> dict[str, str]:
        """Return the zones that nobody can go on in, and why."""
        return {name: _reason(runner) for name, runner in self._runners.items() if runner.stopped}

    def has_stopped(self, name: str) -> bool:
        runner = self._runners.get(name)
        return runner is not None and runner.stopped

    def names(self) -> list[str]:
        return list(self._runners)

    def stop(self) -> dict[str, BaseException]:
        """Call the game's ``on_stop`` for each zone that runs. Returns the calls' errors, by zone."""
        failed: dict[str, BaseException] = {}
        for name, runner in self._runners.items():
            try:
                if not runner.stopped:
                    runner.stop()
            except BaseException as error:  # ``calls`` says why
                failed[name] = error
        return failed


def _reason(runner: ZoneRunner) -> str:
    again = "given up until the node restarts" if runner.restarts.is_given_up else "is started again"
    return f"{runner.problem}; {again}"
