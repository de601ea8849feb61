"""The line that says where a run of the tests is."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.progress import SECONDS, Progress

ROOT = Path(__file__).parents[1]


@pytest.fixture
def progress(pytestconfig: pytest.Config) -> Progress:
    return Progress(pytestconfig)


def test_the_line_has_the_share_the_time_and_the_files_under_way(progress: Progress) -> None:
    assert progress.line() == "  0%  0 of 0 tests, 0:00 min  "
    progress.pytest_xdist_node_collection_finished(["a test"] * 4)
    for test in ("tests/one.py::test_a", "tests/one.py::test_b", "tests/other.py::test_c[x]"):
        progress.pytest_runtest_logstart(test)
    progress.pytest_runtest_logfinish("tests/one.py::test_a")
    assert progress.line() == " 25%  1 of 4 tests, 0:00 min, 0:00 left  tests/one.py, tests/other.py"


def test_a_test_that_takes_long_counts_for_more_and_the_time_left_is_foretold_from_it(progress: Progress) -> None:
    tests = ["tests/faults/test_faults.py::test_a", "tests/servers/test_sentinel.py::test_b"]
    progress.pytest_xdist_node_collection_finished(tests)
    progress._began_s = time.monotonic() - 120.5
    progress.pytest_runtest_logfinish(tests[0])
    assert progress.line() == " 55%  1 of 2 tests, 2:00 min, 1:40 left  "


@pytest.mark.parametrize("start", SECONDS)
def test_what_has_a_time_of_its_own_is_there(start: str) -> None:
    folder, _, name = start.rpartition("/")
    assert list((ROOT / folder).glob(f"{name}*"))
