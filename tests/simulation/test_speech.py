"""Say, whisper and describe, as every game has them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameserver.protocol.errors import Refusal, RefusalCode
from gameserver.protocol.messages import ChatLine, Describe, Described, EntityDescription, Said, Say, Whisper
from gameserver.protocol.text import clean
from gameserver.world.entity import Player
from tests.simulation.tiny import Stage, answers, heard


def lines(stage: Stage, player: Player) -> list[ChatLine]:
    return [message.line for message in heard(stage.result, player) if isinstance(message, Said)]


def test_what_is_said_is_heard_by_everyone_in_the_zone_under_the_session_s_name() -> None:
    stage = Stage()
    ann, bob = stage.enter(1, name="Ann"), stage.enter(2, 5, 5, name="Bob")
    stage.tick((ann, Say(seq=1, text="  hello <b>you</b> ")))
    line = ChatLine("zone", "Ann", "hello <b>you</b>", stage.now_ms)
    assert lines(stage, ann) == lines(stage, bob) == [line]
    assert stage.result.lines == [(ann, line)]
    assert answers(stage.result) == [(1, "accepted")]


def test_a_whisper_is_heard_by_two() -> None:
    stage = Stage()
    ann, bob, eve = (stage.enter(n, name=name) for n, name in ((1, "Ann"), (2, "Bob"), (3, "Eve")))
    stage.tick((ann, Whisper(seq=1, to="bOB", text="psst")))
    line = ChatLine("whisper", "Ann", "psst", stage.now_ms, to="Bob")
    assert lines(stage, ann) == lines(stage, bob) == [line]
    assert lines(stage, eve) == []


@pytest.mark.parametrize(("to", "code"), [("Nobody", "not_online"), ("ann", "yourself")])
def test_a_whisper_to_nobody_or_oneself_is_refused(to: str, code: str) -> None:
    stage = Stage()
    ann = stage.enter(1, name="Ann")
    assert answers(stage.tick((ann, Whisper(seq=1, to=to, text="psst")))) == [(1, code)]
    assert stage.result.lines == []


def test_who_speaks_too_fast_is_refused_and_told_how_long_to_wait() -> None:
    stage = Stage()
    ann = stage.enter(1)
    stage.tick(*((ann, Say(seq=seq, text="again")) for seq in range(1, 7)))
    assert answers(stage.result)[-2:] == [(5, "accepted"), (6, "too_many")]
    refusal = stage.result.verdicts[-1].refusal
    assert refusal is not None and refusal.retry_after_ms == 1_000
    stage.now_ms += 950  # one tick is 50
    assert answers(stage.tick((ann, Say(seq=7, text="again")))) == [(7, "accepted")]


def test_a_line_that_is_refused_costs_no_budget() -> None:
    stage = Stage()
    ann = stage.enter(1)
    stage.tick(*((ann, Say(seq=seq, text=" ")) for seq in range(1, 20)))
    assert answers(stage.tick((ann, Say(seq=20, text="now")))) == [(20, "accepted")]


def test_a_line_that_comes_again_is_said_once() -> None:
    stage = Stage()
    ann = stage.enter(1)
    stage.tick((ann, Say(seq=1, text="hi")), (ann, Say(seq=1, text="hi")))
    assert len(lines(stage, ann)) == 1 and answers(stage.result) == [(1, "accepted")] * 2


@pytest.mark.parametrize("text", ["", "  \t\n ", "a\x00b", "a\x1b[31mb", "a\x7fb", "a\x85b", "a\nb", "a\u2028b"])
def test_empty_lines_and_control_characters_are_refused(text: str) -> None:
    with pytest.raises(Refusal) as caught:
        clean(text)
    assert (caught.value.code, caught.value.field) == (RefusalCode.BAD_TEXT, "text")


@pytest.mark.parametrize("mark", [*"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"])
def test_marks_that_reorder_the_text_around_them_are_refused(mark: str) -> None:
    with pytest.raises(Refusal):
        clean(f"you owe me {mark}01")


def test_writings_and_emoji_are_let_through() -> None:
    for text in ("שלום", "سلام", "नमस्ते", "👩‍🚀 ok", "e\u0301tude"):
        assert clean(text)
    assert clean("e\u0301") == "\u00e9"


@given(st.text())
def test_cleaning_refuses_or_gives_what_stays_as_it_is(text: str) -> None:
    try:
        cleaned = clean(text)
    except Refusal:
        return
    assert cleaned and clean(cleaned) == cleaned and "\n" not in cleaned


def test_names_are_told_only_of_what_is_in_view() -> None:
    stage = Stage()
    ann = stage.enter(1, 5, 5, name="Ann")
    near, far = stage.enter(2, 15, 15, name="Bob"), stage.enter(3, 95, 75, name="Eve")
    stone = stage.zone.spawn("stone", 6, 6)
    stage.tick()
    stage.tick((ann, Describe([near.id, far.id, stone.id, ann.id, 999])))
    assert heard(stage.result, ann) == [
        Described([EntityDescription(near.id, "Bob"), EntityDescription(ann.id, "Ann")])
    ]
    assert heard(stage.result, near) == []
