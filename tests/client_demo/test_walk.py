from __future__ import annotations

from client_demo.walk import FIRST_PRESS_S, Walk

LEFT, RIGHT, UP = (-1, 0), (1, 0), (0, -1)


def test_a_press_walks_for_a_moment() -> None:
    walk = Walk()
    walk.press(RIGHT, 10.0)
    assert walk.direction(10.0 + FIRST_PRESS_S - 0.01) == (1, 0)
    assert walk.direction(10.0 + FIRST_PRESS_S + 0.01) == (0, 0)


def test_a_held_key_walks_without_a_break_and_stops_soon_after() -> None:
    walk = Walk()
    walk.press(RIGHT, 10.0)
    presses = [10.49 + 0.033 * n for n in range(30)]  # a terminal's repeats, after its delay
    for before, press in zip([10.0, *presses], presses, strict=False):
        assert walk.direction((before + press) / 2) == (1, 0)
        walk.press(RIGHT, press)
    assert walk.direction(presses[-1] + 0.25) == (0, 0)


def test_two_keys_make_a_diagonal_and_opposites_turn_round() -> None:
    walk = Walk()
    walk.press(RIGHT, 10.0)
    walk.press(UP, 10.1)
    assert walk.direction(10.2) == (1, -1)
    walk.press(LEFT, 10.3)
    assert walk.direction(10.4) == (-1, -1)


def test_keeping_on_lasts_until_the_next_press_or_stop() -> None:
    walk = Walk()
    walk.press(RIGHT, 10.0, keep=True)
    assert walk.direction(10_000.0) == (1, 0)
    walk.press(UP, 10_000.0)
    assert walk.direction(10_000.1) == (0, -1)
    walk.press(RIGHT, 10_001.0, keep=True)
    walk.stop()
    assert walk.direction(10_001.1) == (0, 0)
