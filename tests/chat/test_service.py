"""Say and whisper, on a zone that is stepped by hand."""

from __future__ import annotations

import pytest

from gameserver.protocol.messages import ChatLine, Said, Say, Whisper
from gameserver.world.entity import Player
from gameserver.world.zone_internals import Note
from tests.simulation.tiny import Stage, answers, heard


def lines(stage: Stage, player: Player) -> list[ChatLine]:
    return [message.line for message in heard(stage.result, player) if isinstance(message, Said)]


def test_what_is_said_is_heard_by_everyone_in_the_zone_under_the_session_s_name() -> None:
    stage = Stage()
    ann, bob = stage.enter(1, name="Ann"), stage.enter(2, 5, 5, name="Bob")
    stage.tick((ann, Say(seq=1, text="  hello <b>you</b> ")))
    line = ChatLine("zone", "Ann", "hello <b>you</b>", stage.now_ms)
    assert lines(stage, ann) == lines(stage, bob) == [line]
    assert stage.result.notes == [Note(stage.chat, ann, line)]
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
    assert stage.result.notes == []


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
