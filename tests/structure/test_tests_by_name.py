"""The tests of each module are found by the name of the module, or in a table that is exact."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.structure.tests_by_name import COVERED_BY, mirror, mistakes

ROOT = Path(__file__).parents[2]
FILES = ("gameserver/__init__.py", "gameserver/clock.py", "gameserver/edge/wire.py", "gameserver/edge/door.py",
         "gameserver/sql/migrations/env.py", "client_demo/walk.py", "tests/test_clock.py", "tests/edge/test_wire.py",
         "tests/client_demo/test_walk.py", "tests/edge/test_server.py")  # fmt: skip
DOOR = {"gameserver/edge/door.py": "tests/edge/test_server.py"}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_the_tests_of_every_module_are_found() -> None:
    broken = list(mistakes(ROOT, COVERED_BY))
    assert not broken, "\n" + "\n".join(broken)


def test_the_tests_of_a_module_have_its_place_and_name() -> None:
    assert mirror("gameserver/edge/wire.py") == "tests/edge/test_wire.py"
    assert mirror("gameserver/clock.py") == "tests/test_clock.py"
    assert mirror("client_demo/walk.py") == "tests/client_demo/test_walk.py"


def test_a_tree_whose_tests_are_found_is_fine(tree: Path) -> None:
    assert list(mistakes(tree, DOOR)) == []


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ({}, "gameserver/edge/door.py: there is no tests/edge/test_door.py, and COVERED_BY names no other file"),
        ({**DOOR, "gameserver/gate.py": "tests/test_clock.py"}, "COVERED_BY: there is no module gameserver/gate.py"),
        (
            {**DOOR, "gameserver/clock.py": "tests/test_clock.py"},
            "COVERED_BY: gameserver/clock.py has tests/test_clock.py, and needs no line",
        ),
        (
            {"gameserver/edge/door.py": "tests/edge/test_gate.py"},
            "COVERED_BY: gameserver/edge/door.py is said to be covered by tests/edge/test_gate.py, which is not there",
        ),
    ],
)
def test_a_module_without_tests_and_an_idle_or_false_line_are_found(
    tree: Path, table: dict[str, str], complaint: str
) -> None:
    assert list(mistakes(tree, table)) == [complaint]
