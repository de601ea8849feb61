"""The line that says where a run of the tests is."""

from __future__ import annotations

import pytest

from tests.progress import Progress


def test_the_line_has_the_share_the_time_and_the_files_under_way(pytestconfig: pytest.Config) -> None:
    progress = Progress(pytestconfig)
    assert progress.line() == "  0 %  0 of 0 tests, 0:00 min  "
    progress.pytest_xdist_node_collection_finished(["a test"] * 4)
    for test in ("tests/one.py::test_a", "tests/one.py::test_b", "tests/other.py::test_c[x]"):
        progress.pytest_runtest_logstart(test)
    progress.pytest_runtest_logfinish("tests/one.py::test_a")
    assert progress.line() == " 25 %  1 of 4 tests, 0:00 min  tests/one.py, tests/other.py"
