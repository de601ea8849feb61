"""One measurement of one server, and how it is expressed: per player and tick. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from scripts.benchmark.load import LoadReport
from scripts.benchmark.scenarios import TICK_HZ, TICK_MS, Scenario


@dataclass(frozen=True, slots=True)
class Reading:
    """``cpu_us`` and ``redis_us`` are CPU time per player-tick: one player, one tick of 50 ms."""

    cpu_us: float
    redis_us: float
    kernel_share: float  # of the server's CPU time
    core_share: float  # of the server's core
    load_share: float  # of the load's core, by the client alone
    updates_per_tick: float  # that a player got
    update_bytes: float
    stored_bytes: float  # that Redis received for an input
    p50_ratio: float  # interval between a player's updates, in ticks
    p99_ratio: float
    behind_ms: float
    waited_share: float  # of the time, that the server was ready to run and the core was another's
    resident_bytes: float  # more than before the first player came, per player


def reading(
    scenario: Scenario,
    report: LoadReport,
    *,
    stored_bytes: float,
    grown_bytes: int,
    waited_s: float,
    kernel_share: float,
) -> Reading:
    """A player-tick of a busy scenario is one input in and one update out, so half the sum of both: a server that falls
    behind does not look cheaper for it. Elsewhere the clock's ticks count."""
    nominal = scenario.players * TICK_HZ * report.seconds
    player_ticks = (report.inputs + report.updates) / 2 if scenario.is_busy else nominal
    server_s, *rest = report.cpu_s
    return Reading(
        cpu_us=1e6 * server_s / max(player_ticks, 1),
        redis_us=1e6 * sum(rest) / max(player_ticks, 1),
        kernel_share=kernel_share,
        core_share=server_s / report.seconds,
        load_share=report.own_cpu_s / report.seconds,
        updates_per_tick=report.updates / nominal,
        update_bytes=report.update_bytes / max(report.updates, 1),
        stored_bytes=stored_bytes / max(report.inputs, 1),
        p50_ratio=report.interval_ms["p50"] / TICK_MS,
        p99_ratio=report.interval_ms["p99"] / TICK_MS,
        behind_ms=report.behind_ms,
        waited_share=waited_s / report.seconds,
        resident_bytes=grown_bytes / scenario.players,
    )


def medians(readings: list[Reading]) -> Reading:
    """Return the median of each number by itself."""
    names = Reading.__dataclass_fields__
    return Reading(**{name: median(getattr(reading, name) for reading in readings) for name in names})


def ratio(ours: list[Reading], theirs: list[Reading]) -> float:
    """Return the median of the rounds' cost ratios: a disturbance of one round disturbs both servers in it."""
    return median(one.cpu_us / other.cpu_us for one, other in zip(ours, theirs, strict=True))
