"""The order and the parts of a run of the whole suite."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.in_parallel import BUSY, BUSY_AT_ONCE, LONG, WHOLE, rank, suitable

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("start", [*BUSY, *LONG, *WHOLE])
def test_what_is_named_is_there(start: str) -> None:
    folder, _, name = start.rpartition("/")
    assert list((ROOT / folder).glob(f"{name}*"))


def test_what_is_named_first_comes_first_and_the_rest_at_the_end() -> None:
    assert rank("tests/faults/test_faults.py::test_a") == 0
    assert rank("tests/sql/test_database.py::test_a") >= len(BUSY)
    assert rank("tests/world/test_zone.py::test_a") == len(BUSY) + len(LONG)


def test_no_more_processes_are_busy_than_may_be_and_the_others_take_what_waits() -> None:
    parts = ["tests/web/", "tests/test_cli.py", "tests/sql/test_database.py"]
    assert [suitable(parts, number=number) for number in range(BUSY_AT_ONCE)] == ["tests/web/"] * BUSY_AT_ONCE
    assert suitable(parts, number=BUSY_AT_ONCE) == "tests/sql/test_database.py"


def test_no_process_is_idle_while_any_part_is_left() -> None:
    assert suitable(["tests/web/"], number=BUSY_AT_ONCE) == "tests/web/"
    assert suitable(["tests/sql/test_database.py"], number=0) == "tests/sql/test_database.py"
