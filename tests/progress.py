"""A line every few seconds that says where a run of the tests is, whether or not the output is a terminal.

``scripts/test`` loads this plugin for a run of the whole suite. The lines replace the letters, and a
test that fails is named at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from pathlib import PurePath
from typing import Any

import pytest

EVERY_S = 5.0


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # a worker of xdist prints nothing
        config.pluginmanager.register(Progress(config), "progress")


class Progress:
    """Counts what has ended, and prints from a thread, so that a slow test does not delay the line."""

    def __init__(self, config: pytest.Config):
        self._config = config
        self._total = 0
        self._ended = 0
        self._running: dict[str, str] = {}  # test -> its file
        self._began_s = time.monotonic()
        self._over = threading.Event()

    def line(self) -> str:
        """Return how much has ended, after how long, and the files of the tests under way."""
        minutes, seconds = divmod(int(time.monotonic() - self._began_s), 60)
        share = 100 * self._ended // self._total if self._total else 0
        files = ", ".join(sorted(set(self._running.copy().values())))
        return f"{share:3d} %  {self._ended} of {self._total} tests, {minutes}:{seconds:02d} min  {files}"

    def pytest_sessionstart(self) -> None:
        threading.Thread(target=self._print, name="progress", daemon=True).start()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._total = max(self._total, len(session.items))

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        self._total = len(ids)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._running[nodeid] = PurePath(nodeid.partition("::")[0]).as_posix()

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self._ended += 1
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

    def _print(self) -> None:
        while not self._over.wait(EVERY_S):
            self._write(self.line())

    def _write(self, line: str) -> None:
        terminal: Any = self._config.pluginmanager.getplugin("terminalreporter")
        terminal.ensure_newline()
        terminal.write_line(line)
