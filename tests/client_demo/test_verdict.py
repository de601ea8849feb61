from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from client_demo.measurements import Tally
from client_demo.verdict import Criteria, as_json, judge, passed, report


def good() -> Tally:
    tally = Tally(players_wanted=2, players_connected=2, playing_s=10.0, checks=2)
    for _ in range(200):
        tally.tick_intervals.add_s(0.05)
        tally.acked("stored", 0.03)
    tally.refusals["too_far"] = 3
    return tally


def test_a_good_run_passes_and_says_so_last() -> None:
    findings = judge(good(), Criteria())
    assert passed(findings)
    assert report(good(), findings).splitlines()[-1] == "PASS"
    assert json.loads(json.dumps(as_json(good(), findings)))["verdict"] == "PASS"


def _slow_ticks(tally: Tally) -> None:
    for _ in range(10):
        tally.tick_intervals.add_s(0.2)


def _slow_acks(tally: Tally) -> None:
    for _ in range(10):
        tally.acked("durable", 1.5)


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (lambda tally: setattr(tally, "players_connected", 1), "players connected"),
        (lambda tally: tally.errors.add("x"), "errors"),
        (lambda tally: tally.broken_promises.add("x"), "broken promises"),
        (lambda tally: setattr(tally, "checks", 1), "could not compare"),
        (lambda tally: setattr(tally, "reconnects", 1), "reconnects"),
        (lambda tally: tally.refusals.update({"internal": 1}), "refusals that should not be"),
        (_slow_ticks, "tick interval p99"),
        (_slow_acks, "ack latency p99"),
        (lambda tally: tally.acks.clear(), "acks"),
        (lambda tally: tally.tick_intervals.counts.clear(), "tick intervals"),
    ],
)
def test_each_criterion_alone_fails_the_run(spoil: Callable[[Tally], object], what: str) -> None:
    tally = good()
    spoil(tally)
    findings = judge(tally, Criteria())
    assert not passed(findings)
    assert any(what in finding.what for finding in findings if not finding.passed)
    assert report(tally, findings).splitlines()[-1] == "FAIL"


def test_tallies_of_several_processes_add_up() -> None:
    total = Tally()
    for _ in range(2):
        total.merge(good())
    assert (total.players_connected, total.checks, total.playing_s) == (4, 4, 10.0)
    assert (len(total.all_acks), len(total.tick_intervals), total.refusals["too_far"]) == (400, 400, 6)
