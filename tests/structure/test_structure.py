"""The source keeps its rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.structure.rules import GROUND, LAYERS, RULES, VENDORS, grants_nobody_uses

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", RULES)
def test_the_source_keeps_the_rule(name: str) -> None:
    broken = list(RULES[name](ROOT))
    assert not broken, "\n" + "\n".join(broken)


def test_the_tables_grant_only_what_is_used() -> None:
    assert list(grants_nobody_uses(ROOT)) == []


def test_a_grant_that_nobody_uses_is_found() -> None:
    layers = {**LAYERS, "urls": {"clock"}, "store": GROUND | {"world"}}
    vendors = {**VENDORS, "redis": {*VENDORS["redis"], "world"}}
    assert list(grants_nobody_uses(ROOT, layers, vendors)) == [
        "urls imports nothing of clock",
        "store imports nothing of world",
        "world does not use redis",
    ]
