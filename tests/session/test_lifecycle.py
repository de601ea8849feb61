"""Every state and every event: the next_state that is in the table, or a bug found."""

from __future__ import annotations

from itertools import product

import pytest

from gameserver.session.lifecycle import ImpossibleMoveError, SessionEvent, SessionState, next_state
from tests.session.standins import session

J, A, D, E, X = (
    SessionState.JOINING, SessionState.ACTIVE, SessionState.DISCONNECTED, SessionState.ENDING, SessionState.ENDED,
)  # fmt: skip

# event: what it makes of joining, active, disconnected, ending, ended
EXPECTED: dict[SessionEvent, tuple[SessionState | None, ...]] = {
    SessionEvent.JOINED: (A, None, None, None, None),
    SessionEvent.SOCKET_LOST: (D, D, None, None, None),
    SessionEvent.RETURNED: (J, J, J, None, None),
    SessionEvent.END: (E, E, E, None, None),
    SessionEvent.SAVED: (None, None, None, X, None),
    SessionEvent.UNSAVED: (None, None, None, D, None),
    SessionEvent.FENCED: (X, X, X, X, None),
}


@pytest.mark.parametrize(("state", "event"), list(product(SessionState, SessionEvent)))
def test_each_event_in_each_state(state: SessionState, event: SessionEvent) -> None:
    expected = EXPECTED[event][(J, A, D, E, X).index(state)]
    if expected is not None:
        assert next_state(state, event) is expected
        return
    with pytest.raises(ImpossibleMoveError, match=state.value):
        next_state(state, event)


def test_from_every_state_but_the_last_there_is_a_way_to_the_end() -> None:
    for state in (J, A, D):
        assert next_state(next_state(state, SessionEvent.END), SessionEvent.SAVED) is X


def test_a_session_is_open_until_its_end_has_begun() -> None:
    one = session()
    states = [(one.state, one.is_open)]
    for event in (SessionEvent.JOINED, SessionEvent.SOCKET_LOST, SessionEvent.END, SessionEvent.SAVED):
        one.move(event)
        states.append((one.state, one.is_open))
    assert states == [(J, True), (A, True), (D, True), (E, False), (X, False)]
