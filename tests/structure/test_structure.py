"""The source keeps its rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.structure.rules import RULES

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", RULES)
def test_the_source_keeps_the_rule(name: str) -> None:
    broken = list(RULES[name](ROOT))
    assert not broken, "\n" + "\n".join(broken)
