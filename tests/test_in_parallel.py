"""The order and the parts of a run of the whole suite."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.in_parallel import FIRST, WHOLE, rank

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("start", [*FIRST, *WHOLE])
def test_what_is_named_is_there(start: str) -> None:
    folder, _, name = start.rpartition("/")
    assert list((ROOT / folder).glob(f"{name}*"))


def test_what_is_named_first_comes_first_and_the_rest_at_the_end() -> None:
    assert rank("tests/faults/test_faults.py::test_a") == 0
    assert rank("tests/world/test_zone.py::test_a") == len(FIRST)
