"""Two measurements of our server alone: the intervals players see when the core is well loaded, and memory a player."""

from __future__ import annotations

from dataclasses import replace

from scripts.benchmark.contenders import Serve
from scripts.benchmark.load import Timing
from scripts.benchmark.reading import Reading
from scripts.benchmark.rounds import Bench, brief, tell
from scripts.benchmark.scenarios import ROOM, SCENARIOS, TICK_HZ, Scenario

LOAD = 0.7  # of the core
PROBE_PLAYERS = 500
PLAYERS_MAX = 8000
IDLE = 2000


def players_for(share: float, cpu_us: float) -> int:
    """Return the number of players that takes that share of a core, in whole rooms."""
    rooms = round(share * 1e6 / (cpu_us * TICK_HZ) / ROOM)
    return min(max(rooms, 1) * ROOM, PLAYERS_MAX)


def pressure(bench: Bench, serve: Serve, players: int | None) -> tuple[Scenario, list[Reading]]:
    """Find by trying the number of rooms that takes 70 % of the core, then play the rounds. ``players`` sets the
    number.
    """
    scenario = SCENARIOS["rooms"].with_players(players or PROBE_PLAYERS)
    if players is None:
        for _ in range(2):  # a player costs less where there are more
            scenario = scenario.with_players(players_for(LOAD, bench.measure_once(scenario, serve).cpu_us))
    scenario = replace(scenario, name="pressure")
    return scenario, _rounds(bench, scenario, serve)


def memory(bench: Bench, serve: Serve, players: int | None) -> list[Reading]:
    """Many players who are signed in, do nothing and see nothing move."""
    scenario = replace(SCENARIOS["crowd2000"], name="memory", walkers=0).with_players(players or IDLE)
    return _rounds(replace(bench, timing=Timing(0.5, 1.0)), scenario, serve)


def _rounds(bench: Bench, scenario: Scenario, serve: Serve) -> list[Reading]:
    readings = []
    for number in range(bench.repeat):
        readings.append(bench.measure_once(scenario, serve))
        tell(f"{scenario.name} {number + 1}/{bench.repeat} {scenario.players} players {brief(readings[-1])}")
    return readings
