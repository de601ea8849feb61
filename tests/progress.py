"""A line every few seconds that says where a run of the tests is, whether or not the output is a terminal.

``scripts/test`` loads this plugin for a run of the whole suite. The lines replace the letters, and a
test that fails is named at once. The share and the time that is left count seconds of tests, not tests: a test of some
folders takes a thousand times as long as one of others.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterable
from pathlib import PurePath
from typing import Any

import pytest

EVERY_S = 5.0
FORETOLD_FROM = 0.02  # the share from which the time that is left is foretold
# What a test takes, by the start of its name; measured, and only as right as the line needs it.
SECONDS = {
    "tests/faults/": 6.0,
    "tests/servers/": 5.0,
    "tests/web/": 4.5,
    "tests/fuzz/": 4.0,
    "tests/scenarios/": 3.0,
    "tests/test_check_command": 2.0,
    "tests/test_starting": 1.3,
    "tests/sql/": 0.5,
    "tests/client_demo/": 0.5,
    "tests/store/": 0.4,
    "tests/profiles/": 0.3,
    "tests/scripts/": 0.3,
    "tests/test_cli": 0.3,
    "tests/model/": 0.2,
}
SECONDS_OF_OTHERS = 0.05


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # a worker of xdist prints nothing
        config.pluginmanager.register(Progress(config), "progress")


class Progress:
    """Counts what has ended, and prints from a thread, so that a slow test does not delay the line."""

    def __init__(self, config: pytest.Config):
        self._config = config
        self._total = 0
        self._ended = 0
        self._total_s = 0.0  # of tests one after the other
        self._ended_s = 0.0
        self._running: dict[str, str] = {}  # test -> its file
        self._began_s = time.monotonic()
        self._over = threading.Event()

    def line(self) -> str:
        """Return how much has ended, the time since the start and to the end, and the files of the tests under way."""
        took_s = time.monotonic() - self._began_s
        share = self._ended_s / self._total_s if self._total_s else 0.0
        left = f", {_minutes(took_s / share - took_s)} left" if share >= FORETOLD_FROM else ""
        files = ", ".join(sorted(set(self._running.copy().values())))
        return f"{share:4.0%}  {self._ended} of {self._total} tests, {_minutes(took_s)} min{left}  {files}"

    def pytest_sessionstart(self) -> None:
        threading.Thread(target=self._print, name="progress", daemon=True).start()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        if session.items:  # the one process of several that gives out the tests collects none
            self._expect(item.nodeid for item in session.items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        self._expect(ids)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._running[nodeid] = PurePath(nodeid.partition("::")[0]).as_posix()

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self._ended += 1
        self._ended_s += seconds(nodeid)
        self._running.pop(nodeid, None)

    @pytest.hookimpl(wrapper=True)
    def pytest_report_teststatus(self) -> Generator[None, Any, tuple[Any, str, str]]:
        """Let the test be counted, and print no letter for it."""
        category, *_ = yield
        return category, "", ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._write(f"FAILED {report.nodeid}")

    def pytest_sessionfinish(self) -> None:
        self._over.set()

    def _expect(self, tests: Iterable[str]) -> None:
        expected_s = [seconds(test) for test in tests]
        self._total, self._total_s = len(expected_s), sum(expected_s)

    def _print(self) -> None:
        while not self._over.wait(EVERY_S):
            self._write(self.line())

    def _write(self, line: str) -> None:
        terminal: Any = self._config.pluginmanager.getplugin("terminalreporter")
        terminal.ensure_newline()
        terminal.write_line(line)


def seconds(test: str) -> float:
    """Return what the test takes, about."""
    return next((known_s for start, known_s in SECONDS.items() if test.startswith(start)), SECONDS_OF_OTHERS)


def _minutes(time_s: float) -> str:
    minutes, rest_s = divmod(int(time_s), 60)
    return f"{minutes}:{rest_s:02d}"
