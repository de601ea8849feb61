"""The order of a run of the whole suite, and the parts of it that one process of several runs as a whole.

``scripts/test`` loads this plugin. A part is a file, whose tests share servers, or the tests of the page, which share a
browser: two browsers at once would take the processor from each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

# What takes longest is run first, so that no process is left alone with a long part at the end.
FIRST = (
    "tests/faults/test_faults",
    "tests/web/",
    "tests/scenarios/",
    "tests/scripts/",
    "tests/faults/",
    "tests/model/",
)
WHOLE = ("tests/web/",)


class Parts(LoadScopeScheduling):  # type: ignore[misc]
    """Gives a process one part after the other."""

    def _split_scope(self, nodeid: str) -> str:
        return next((folder for folder in WHOLE if nodeid.startswith(folder)), nodeid.partition("::")[0])


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Parts:
    return Parts(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: rank(item.nodeid))


def rank(test: str, first: Sequence[str] = FIRST) -> int:
    """Return the place of a test among the starts of names that come first."""
    return next((number for number, start in enumerate(first) if test.startswith(start)), len(first))
