"""The order of a run of the whole suite, and the parts of it that one process of several runs as a whole.

``scripts/test`` loads this plugin, with more processes than a small machine has cores: most tests wait, for servers or
for time to pass. A part is a file, whose tests share servers, or the tests of the page, which share a browser.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

# Parts that keep a core busy. At most ``BUSY_AT_ONCE`` processes run them, so that the tests of the others find a core
# free when what they wait for is there.
BUSY_AT_ONCE = 2
BUSY = (
    "tests/faults/test_faults",
    "tests/web/",
    "tests/faults/",
    "tests/scenarios/test_game_bugs",
    "tests/test_starting",
    "tests/test_check_command",
    "tests/scripts/",
    "tests/test_cli",
    "tests/fuzz/",
    "tests/model/",
    "tests/simulation/",
)
# Of all other parts those that wait longest come first, so that no process is left alone with one of them at the end.
LONG = (
    "tests/scenarios/test_sql_set_back",
    "tests/scenarios/test_redis_lost_keys",
    "tests/scenarios/test_stores_away",
    "tests/scenarios/test_two_nodes",
    "tests/scenarios/test_a_quiet_log",
    "tests/sql/test_database",
    "tests/scenarios/",
    "tests/profiles/test_refused",
    "tests/edge/",
    "tests/store/",
    "tests/servers/",
    "tests/client_demo/",
)
WHOLE = ("tests/web/",)


class Parts(LoadScopeScheduling):  # type: ignore[misc]
    """Gives a process one part after the other."""

    def _split_scope(self, nodeid: str) -> str:
        return next((folder for folder in WHOLE if nodeid.startswith(folder)), nodeid.partition("::")[0])

    def _assign_work_unit(self, node: Any) -> None:
        """Make the part that suits the process the next one of the queue, which is then assigned."""
        part = suitable(self.workqueue, number=list(self.nodes).index(node))
        self.workqueue.move_to_end(part, last=False)
        super()._assign_work_unit(node)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Parts:
    return Parts(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: rank(item.nodeid))


def rank(test: str, first: Sequence[str] = (*BUSY, *LONG)) -> int:
    """Return the place of a test among the starts of names that come first."""
    return next((number for number, start in enumerate(first) if test.startswith(start)), len(first))


def suitable(parts: Iterable[str], *, number: int) -> str:
    """Return the part to give to the process with this number: the first one, or the first that waits."""
    parts = list(parts)
    waiting = (part for part in parts if not part.startswith(BUSY))
    return parts[0] if number < BUSY_AT_ONCE else next(waiting, parts[0])
