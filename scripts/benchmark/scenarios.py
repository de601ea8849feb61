"""Scenarios: the number of players, their places, and the share of them that moves. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

TICK_HZ = 20
TICK_MS = 1000 / TICK_HZ
ROOM = 50  # players who see one another, in every busy scenario about as many


@dataclass(frozen=True, slots=True)
class Scenario:
    """``walkers`` send an input on every tick, the others only look on.

    A zone is a square of ``cells`` × ``cells``; contestants without areas of interest get rooms of 50 instead, the
    nearest they come to "about 50 in view".
    """

    name: str
    title: str
    players: int
    walkers: int
    zones: int = 1
    cells: int = 1
    cell_size: float = 16.0

    @property
    def side(self) -> float:
        """World units."""
        return self.cells * self.cell_size

    @property
    def is_busy(self) -> bool:
        """Everybody sends and everybody is shown something on every tick."""
        return self.walkers == self.players

    def with_players(self, players: int) -> Scenario:
        """The same with another number of players: more or fewer zones where there are several."""
        walkers = min(max(round(self.walkers * players / self.players), 1 if self.walkers else 0), players)
        zones = max(round(players / ROOM), 1) if self.zones > 1 else 1
        return replace(self, players=players, walkers=walkers, zones=zones)


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("rooms", "10 rooms × 50, all visible", 500, 500, zones=10, cell_size=100.0),
        Scenario("zone500", "one zone × 500, about 50 in view", 500, 500, cells=9),
        Scenario("zone1000", "one zone × 1,000, about 50 in view", 1000, 1000, cells=13),
        Scenario("idle200", "200 idle", 200, 0, cells=6),
        Scenario("crowd2000", "2,000, of whom 100 move, about 50 in view", 2000, 100, cells=19),
    )
}
