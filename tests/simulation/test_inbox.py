"""What waits for the next tick is bounded, and actions are never dropped in silence."""

from __future__ import annotations

from gameserver.protocol.ids import PlayerId
from gameserver.simulation.inbox import INPUTS_MAX, Inbox
from tests.simulation.tiny import Go, Stage, Take

ME = PlayerId(1)


def test_of_too_many_inputs_the_oldest_is_dropped() -> None:
    inbox = Inbox()
    assert all(inbox.add_input(ME, Go(x, 0)) for x in range(INPUTS_MAX + 3))
    assert [message.x for message in inbox.inputs[ME] if isinstance(message, Go)] == list(range(3, INPUTS_MAX + 3))


def test_an_action_takes_the_place_of_an_input_and_never_of_an_action() -> None:
    inbox = Inbox()
    assert all(inbox.add_input(ME, Take(seq=seq)) for seq in range(1, INPUTS_MAX))
    assert inbox.add_input(ME, Go(1, 1))
    assert inbox.add_input(ME, Take(seq=INPUTS_MAX))
    assert not inbox.add_input(ME, Take(seq=INPUTS_MAX + 1))
    assert not inbox.add_input(ME, Go(2, 2))
    assert [message.seq for message in inbox.inputs[ME] if isinstance(message, Take)] == list(range(1, INPUTS_MAX + 1))


def test_one_player_s_queue_is_not_another_s() -> None:
    inbox = Inbox()
    for seq in range(1, INPUTS_MAX + 1):
        inbox.add_input(ME, Take(seq=seq))
    assert inbox.add_input(PlayerId(2), Take(seq=1))


def test_what_was_said_in_an_older_session_is_not_said_in_the_next() -> None:
    """A socket that was outlived elsewhere may still have spoken here: its word is not the new session's."""
    inbox = Inbox()
    inbox.add_input(ME, Take(seq=1))
    inbox.add_input(PlayerId(2), Take(seq=1))
    inbox.arrive(Stage().player(ME))
    assert list(inbox.inputs) == [PlayerId(2)] and len(inbox.arrivals) == 1
