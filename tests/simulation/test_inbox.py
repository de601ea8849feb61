"""The inbox is bounded, and actions are never dropped in silence."""

from __future__ import annotations

from gameserver.simulation.inbox import INPUTS_MAX, Inbox
from tests.simulation.tiny import Go, Stage, Take

ME, OTHER = Stage().player(1), Stage().player(2)


def test_of_too_many_inputs_the_oldest_is_dropped() -> None:
    inbox = Inbox()
    assert all(inbox.add_input(ME, Go(x, 0)) for x in range(INPUTS_MAX + 3))
    assert [message.x for message in inbox.inputs_of(ME) if isinstance(message, Go)] == list(range(3, INPUTS_MAX + 3))


def test_an_action_takes_the_place_of_an_input_and_never_of_an_action() -> None:
    inbox = Inbox()
    assert all(inbox.add_input(ME, Take(seq=seq)) for seq in range(1, INPUTS_MAX))
    assert inbox.add_input(ME, Go(1, 1))
    assert inbox.add_input(ME, Take(seq=INPUTS_MAX))
    assert not inbox.add_input(ME, Take(seq=INPUTS_MAX + 1))
    assert not inbox.add_input(ME, Go(2, 2))
    assert [message.seq for message in inbox.inputs_of(ME) if isinstance(message, Take)] == list(
        range(1, INPUTS_MAX + 1)
    )


def test_one_player_s_queue_is_not_another_s() -> None:
    inbox = Inbox()
    for seq in range(1, INPUTS_MAX + 1):
        inbox.add_input(ME, Take(seq=seq))
    assert inbox.add_input(OTHER, Take(seq=1))


def test_what_was_said_on_an_older_socket_is_not_said_on_the_next() -> None:
    inbox = Inbox()
    inbox.add_input(ME, Take(seq=1))
    inbox.add_input(OTHER, Take(seq=1))
    inbox.drop_inputs(ME)
    inbox.came_back(ME)
    assert list(inbox.inputs) == [OTHER] and inbox.returns == [ME.player_id]
