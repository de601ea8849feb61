"""The number of lines that a player may say within a while."""

from __future__ import annotations

from gameserver.world.speech import LINES_BURST, LINES_PER_S, Speech


def test_a_player_may_say_some_lines_at_once_and_then_one_a_second() -> None:
    speech = Speech()
    for at_ms in range(LINES_BURST):
        assert speech.wait_ms(at_ms) == 0
        speech.note("hi", at_ms)
    assert speech.wait_ms(LINES_BURST) == round(1000 / LINES_PER_S) - LINES_BURST
    assert speech.wait_ms(round(1000 / LINES_PER_S)) == 0
    assert (speech.record.said, speech.record.last, speech.changed) == (LINES_BURST, "hi", True)


def test_a_clock_that_went_back_silences_nobody_and_the_budget_holds_again_after() -> None:
    speech = Speech()
    for _ in range(LINES_BURST):
        speech.note("hi", 3_600_000)
    for _ in range(LINES_BURST):
        assert speech.wait_ms(1_000) == 0
        speech.note("hi", 1_000)
    assert speech.wait_ms(1_001) == round(1000 / LINES_PER_S) - 1
