"""Numbering, settling and resending, without a socket."""

from __future__ import annotations

import asyncio

import pytest

from gameserver.client.actions import Action, Outstanding
from gameserver.client.errors import ActionRefused, OutcomeUnknown, SessionEnded
from gameserver.protocol.messages import Ack, Refused


def outstanding(last_seq: int, *names: str, sent: bool = True) -> tuple[Outstanding, list[Action]]:
    actions = Outstanding(16)
    actions.reopen(last_seq, resumed=False, send=lambda action: None)
    added = [actions.add(name, {}) for name in names]
    for action in added:
        action.was_sent = sent
    return actions, added


async def test_seqs_follow_the_last_one_the_server_applied() -> None:
    _, added = outstanding(41, "use", "drop")
    assert [action.seq for action in added] == [42, 43]
    assert added[0].encode() == b'{"type":"use","seq":42}'


async def test_answers_settle_their_action_once() -> None:
    actions, (use, drop) = outstanding(0, "use", "drop")
    assert actions.settle(Refused("not_enough", "no apple", seq=1))
    assert actions.settle(Ack(2, "stored"))
    assert not actions.settle(Ack(2, "stored"))
    assert not actions.settle(Refused("bad_message", "not an action's"))
    with pytest.raises(ActionRefused):
        await use.outcome
    assert (await drop.outcome).level == "stored"


async def test_a_resumed_session_is_sent_all_that_is_unacked_under_the_old_seqs() -> None:
    actions, added = outstanding(0, "a", "b", "c")
    actions.settle(Ack(1, "stored"))
    resent: list[int] = []
    actions.reopen(2, resumed=True, send=lambda action: resent.append(action.seq))
    assert resent == [2, 3]
    assert actions.add("d", {}).seq == 4
    assert not any(action.outcome.done() for action in added[1:])


async def test_a_resumed_session_that_fell_behind_its_acks_never_sees_a_seq_twice() -> None:
    actions, _ = outstanding(0, "say", "give")
    actions.settle(Ack(1, "accepted"))  # in memory only, and the node died
    resent: list[int] = []
    actions.reopen(0, resumed=True, send=lambda action: resent.append(action.seq))
    assert resent == [2]
    assert actions.add("use", {}).seq == 3


async def test_what_was_never_sent_is_renumbered_in_a_new_session() -> None:
    actions, added = outstanding(10, "use", sent=False)
    sent: list[int] = []
    actions.reopen(0, resumed=False, send=lambda action: sent.append(action.seq))
    assert sent == [1]
    assert actions.settle(Ack(1, "stored"))
    assert added[0].outcome.done()


async def test_the_end_of_a_session_tells_sent_from_unsent() -> None:
    actions, (sent, unsent) = outstanding(0, "use", "drop")
    unsent.was_sent = False
    actions.abandon_all("taken_over")
    outcomes = await asyncio.gather(sent.outcome, unsent.outcome, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [OutcomeUnknown, SessionEnded]
    assert len(actions) == 0
