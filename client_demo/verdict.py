"""PASS or FAIL: the criteria, what was measured against them, and the report for people and for programs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from client_demo.measurements import Tally

EXPECTED_REFUSALS = frozenset(
    {
        "too_far",
        "no_such_thing",
        "not_online",
        "too_many",
        "try_later",
        "full",
        "sign-in: too_many",
        "sign-in: try_later",
    }
)


@dataclass(frozen=True)
class Criteria:
    """The limits that a run must keep to pass."""

    connected_min_percent: float = 100.0
    errors_max: int = 0
    broken_promises_max: int = 0
    reconnects_max: int = 0
    tick_p99_max_intervals: float = 2.0
    ack_p99_max_ms: float = 1000.0


@dataclass(frozen=True)
class Finding:
    """One criterion and how it went."""

    what: str
    measured: float
    limit: float
    passed: bool


def judge(tally: Tally, criteria: Criteria) -> list[Finding]:
    interval_ms = 1000 / tally.tick_hz
    connected_percent = 100 * tally.players_connected / max(1, tally.players_wanted)
    tick_p99_ms = tally.tick_intervals.percentile_ms(99)
    ack_p99_ms = tally.all_acks.percentile_ms(99)
    tick_limit_ms = criteria.tick_p99_max_intervals * interval_ms
    unexpected = sum(count for code, count in tally.refusals.items() if code not in EXPECTED_REFUSALS)
    unchecked = tally.players_connected - tally.checks

    def at_most(what: str, measured: float, limit: float) -> Finding:
        return Finding(what, measured, limit, measured <= limit)

    minimum = criteria.connected_min_percent
    return [
        Finding("players connected, % (at least)", connected_percent, minimum, connected_percent >= minimum),
        at_most("errors", tally.errors.count, criteria.errors_max),
        at_most("refusals that should not be", unexpected, criteria.errors_max),
        at_most("broken promises", tally.broken_promises.count, criteria.broken_promises_max),
        at_most("players that could not compare", unchecked, criteria.errors_max),
        at_most("reconnects", tally.reconnects, criteria.reconnects_max),
        at_most("tick interval p99, ms", tick_p99_ms, tick_limit_ms),
        at_most("ack latency p99, ms", ack_p99_ms, criteria.ack_p99_max_ms),
        Finding("acks (more than)", len(tally.all_acks), 0, len(tally.all_acks) > 0),
        Finding("tick intervals (more than)", len(tally.tick_intervals), 0, len(tally.tick_intervals) > 0),
    ]


def figures(tally: Tally) -> dict[str, Any]:
    """Return the measured figures as one flat table, which is also the JSON file."""
    seconds = max(tally.playing_s, 1e-9)
    player_seconds = seconds * max(1, tally.players_connected)
    acks = tally.all_acks
    return {
        "players_wanted": tally.players_wanted,
        "players_connected": tally.players_connected,
        "seconds": round(tally.playing_s, 2),
        "messages_received": tally.messages_received,
        "messages_sent": tally.messages_sent,
        "bytes_received_per_player_s": round(tally.bytes_received / player_seconds),
        "bytes_sent_per_player_s": round(tally.bytes_sent / player_seconds),
        "actions": dict(tally.actions),
        "ack_p50_ms": acks.percentile_ms(50),
        "ack_p99_ms": acks.percentile_ms(99),
        "acks": {
            level: {"count": len(samples), "p50_ms": samples.percentile_ms(50), "p99_ms": samples.percentile_ms(99)}
            for level, samples in sorted(tally.acks.items())
        },
        "tick_interval_p50_ms": tally.tick_intervals.percentile_ms(50),
        "tick_interval_p99_ms": tally.tick_intervals.percentile_ms(99),
        "ticks_not_shown": tally.ticks_not_shown,
        "refusals": dict(tally.refusals),
        "reconnects": tally.reconnects,
        "unknown_outcomes": tally.unknown_outcomes,
        "compared": tally.checks,
        "broken_promises": tally.broken_promises.count,
        "errors": tally.errors.count,
        "swarm_cores": round(tally.cpu_s / seconds, 3),
        "swarm_late_p99_ms": tally.lateness.percentile_ms(99),
    }


def report(tally: Tally, findings: list[Finding]) -> str:
    """Write the report for people: the figures, the failures, and the verdict as the last line."""
    numbers = figures(tally)
    refusals = ", ".join(f"{code} {count}" for code, count in sorted(tally.refusals.items())) or "none"
    levels = [
        f"  {level:<9}{n['count']:>8}   p50 {n['p50_ms']:.1f} ms   p99 {n['p99_ms']:.1f} ms"
        for level, n in numbers["acks"].items()
    ]
    lines = [
        f"players      {tally.players_connected} of {tally.players_wanted} for {numbers['seconds']:.0f} s",
        f"messages     {tally.messages_received:,} in, {tally.messages_sent:,} out",
        f"acks         p50 {numbers['ack_p50_ms']:.1f} ms   p99 {numbers['ack_p99_ms']:.1f} ms",
        *levels,
        f"tick         p50 {numbers['tick_interval_p50_ms']:.1f} ms   p99 {numbers['tick_interval_p99_ms']:.1f} ms"
        f"   ({tally.ticks_not_shown:,} ticks showed nothing)",
        f"bytes        {numbers['bytes_received_per_player_s']:,} in, "
        f"{numbers['bytes_sent_per_player_s']:,} out per player and second",
        f"refusals     {refusals}",
        f"compared     {tally.checks} logged out and in again; {tally.reconnects} reconnects, "
        f"{tally.unknown_outcomes} unknown outcomes",
        f"this swarm   {numbers['swarm_cores']:.2f} cores, its timer late by p99 {numbers['swarm_late_p99_ms']:.1f} ms",
    ]
    if numbers["swarm_late_p99_ms"] > 1000 / tally.tick_hz:
        lines.append(
            "note         this machine kept the swarm itself waiting: ticks and acks look slower than they are"
        )
    lines += [f"error        {text}" for text in tally.errors.texts]
    lines += [f"broken       {text}" for text in tally.broken_promises.texts]
    lines += [f"too much     {f.what}: {f.measured:g}, limit {f.limit:g}" for f in findings if not f.passed]
    return "\n".join([*lines, "PASS" if passed(findings) else "FAIL"])


def passed(findings: list[Finding]) -> bool:
    return all(finding.passed for finding in findings)


def as_json(tally: Tally, findings: list[Finding]) -> dict[str, Any]:
    return {
        "verdict": "PASS" if passed(findings) else "FAIL",
        "figures": figures(tally),
        "findings": [asdict(finding) for finding in findings],
        "errors": tally.errors.texts,
        "broken_promises": tally.broken_promises.texts,
    }
