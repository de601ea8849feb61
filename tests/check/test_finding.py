"""A finding is one line, whatever its parts hold."""

from __future__ import annotations

from gameserver.check.finding import Finding
from gameserver.check.game import check_game
from gameserver.demo import Meadow


def test_a_finding_is_one_line() -> None:
    finding = Finding("error", "tag.py:3 Tag.tick_hz", "0 is\nno rate", "write 1 to 120")
    assert str(finding) == "tag.py:3 Tag.tick_hz: 0 is no rate; write 1 to 120"


def test_nothing_is_found_about_the_demo_game() -> None:
    assert check_game(Meadow) == []
